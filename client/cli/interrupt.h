// client/cli/interrupt.h: room: cli. Ctrl-C: the first one asks the command to
// end, the second ends the program; or all of them go to somebody else.
// Threads: one of its own, which does nothing but wait for signals.
// Source: docs/cli.md, "Waiting".
#ifndef FARPOLL_CLIENT_CLI_INTERRUPT_H_
#define FARPOLL_CLIENT_CLI_INTERRUPT_H_

#include <functional>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "base/mutex.h"
#include "base/unique_fd.h"

namespace farpoll::cli {

class Interrupt {
 public:
  // Blocks SIGINT and SIGTERM for this thread and those it starts later: make
  // it before any other thread.
  Interrupt();
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  // The signal that came; 0 when none did.
  int signal() const ABSL_LOCKS_EXCLUDED(mutex_);
  // Polls readable once a signal came.
  int fd() const { return raised_.get(); }
  // Has `action` run when a signal comes, in this object's thread, and at once
  // when one came already. Replaces the action before; empty = none.
  void OnSignal(std::function<void()> action) ABSL_LOCKS_EXCLUDED(mutex_);
  // From now on every signal is given to `to`, in this object's thread, and
  // ends nothing here; empty = as before.
  void Forward(std::function<void(int signal)> to) ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  void Watch();

  UniqueFd signals_;  // signalfd
  UniqueFd stop_;     // eventfd: the destructor's word
  UniqueFd raised_;   // eventfd
  mutable Mutex mutex_;
  int signal_ ABSL_GUARDED_BY(mutex_) = 0;
  std::function<void()> action_ ABSL_GUARDED_BY(mutex_);
  std::function<void(int)> forward_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;
};

}  // namespace farpoll::cli

#endif  // FARPOLL_CLIENT_CLI_INTERRUPT_H_
