// client/cli/feeder.h: room: cli. Carries standard input to a child process of
// the server, to its end.
// Threads: one of its own; make, Start and destroy from one other.
#ifndef FARPOLL_CLIENT_CLI_FEEDER_H_
#define FARPOLL_CLIENT_CLI_FEEDER_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "base/mutex.h"
#include "base/unique_fd.h"
#include "client/client.h"

namespace farpoll::cli {

// Finds the keys that detach in what is typed: "~." at the beginning of a line;
// "~~" there stands for one "~". As ssh(1) does.
class EscapeFilter {
 public:
  // Appends to `output` what of `typed` is for the child; true when the rest is
  // not, because the caller detached.
  bool Filter(absl::string_view typed, std::string* output);

 private:
  bool line_begins_ = true;
  bool tilde_ = false;  // held back
};

class Feeder {
 public:
  struct Options {
    bool terminal = false;  // look for "~."; the end of input is a ^D
    std::int32_t write_bytes = 64 << 10;
  };

  // Borrows `session` and `input`. `on_detach` is called by the feeder's
  // thread.
  Feeder(Session& session, Handle& input, const Options& options,
         std::function<void()> on_detach);
  // Stops, whatever is left to carry.
  ~Feeder();
  Feeder(const Feeder&) = delete;
  Feeder& operator=(const Feeder&) = delete;

  void Start();
  bool detached() const { return detached_; }

 private:
  void Run();
  // The next bytes of standard input; empty at its end, none when stopped.
  absl::optional<std::string> NextInput();
  // False when the child takes no more.
  bool Send(absl::string_view bytes);
  bool AwaitRoom();
  bool OpenWait() ABSL_LOCKS_EXCLUDED(mutex_);
  void EndInput();

  Session& session_;
  Handle& input_;
  const Options options_;
  const std::function<void()> on_detach_;
  const UniqueFd stop_;  // eventfd
  std::atomic<bool> detached_{false};
  EscapeFilter filter_;
  absl::optional<Selector> selector_;
  Mutex mutex_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  // Open from the first time that there was no room on; Cancel() ends it from
  // elsewhere.
  absl::optional<EventStream> room_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;
};

}  // namespace farpoll::cli

#endif  // FARPOLL_CLIENT_CLI_FEEDER_H_
