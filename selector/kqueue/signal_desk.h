// selector/kqueue/signal_desk.h: room: selector. Signals belong to the process,
// and whoever reads one from a signalfd has taken it from every other: so all
// queues of a process share what any of them reads.
//
// A signal has to be blocked to be read, and a thread can change its own mask
// only. So the desk blocks in the thread that asks, and notes that it did; it
// unblocks there once nobody in the process asks for the signal any more.
// Threads: every method from any thread. Lock order: a queue's mutex, then this
//   one's; Dispatch() and UnblockUnasked() are called with neither held.
// Source: signalfd(2); docs/semantics.md section 6.
#ifndef FARPOLL_SELECTOR_KQUEUE_SIGNAL_DESK_H_
#define FARPOLL_SELECTOR_KQUEUE_SIGNAL_DESK_H_

#include <signal.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "base/mutex.h"
#include "selector/kqueue/knote.h"

namespace farpoll {

// What a queue is to the desk.
class SignalListener {
 public:
  // `knote`, which may be gone, was asked for a signal that came `count` times.
  // Takes the queue's mutex.
  virtual void Signalled(KnoteId knote, std::uint32_t count) = 0;

 protected:
  ~SignalListener() = default;
};

// The set of a mask whose bit 0 is signal 1.
sigset_t SignalSetOf(std::uint64_t mask);

class SignalDesk {
 public:
  // The process's one desk; lives as long as the process.
  static SignalDesk& OfProcess();

  // Blocks the signals of `mask` (bit 0 is signal 1) in this thread.
  static void Block(std::uint64_t mask);
  // Unblocks, in this thread, what Block() blocked here and nobody asks for any
  // more. Handlers may run at once.
  static void UnblockUnasked();

  void Subscribe(std::weak_ptr<SignalListener> listener, KnoteId knote,
                 int signal);
  void Unsubscribe(const SignalListener* listener, KnoteId knote);

  // Reads every signal that `signal_fd` has and tells all who asked for it, in
  // every queue.
  void Dispatch(int signal_fd);

 private:
  struct Subscription {
    std::weak_ptr<SignalListener> listener;
    const SignalListener* identity;
    KnoteId knote;
    int signal;
  };

  void NoteAsked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  Mutex mutex_;
  std::vector<Subscription> subscriptions_ ABSL_GUARDED_BY(mutex_);
  // The signals of the subscriptions, for a look without the mutex.
  std::atomic<std::uint64_t> asked_{0};
};

}  // namespace farpoll

#endif  // FARPOLL_SELECTOR_KQUEUE_SIGNAL_DESK_H_
