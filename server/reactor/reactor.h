// server/reactor/reactor.h: room: server/reactor. The server's one loop: waits
// on descriptors, keeps timers, runs posted work. It knows nothing of what the
// descriptors mean.
// Threads: one of its own, "farpoll-reactor", which alone runs callbacks, one
// at
//   a time, with no lock held. Every method may be called from any thread, the
//   callbacks' included.
// Source: epoll(7).
#ifndef FARPOLL_SERVER_REACTOR_REACTOR_H_
#define FARPOLL_SERVER_REACTOR_REACTOR_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "base/unique_fd.h"

namespace farpoll::server {

class Reactor {
 public:
  using Callback = std::function<void()>;
  using WatchId = std::uint64_t;  // never used twice; 0 names none
  using TimerId = std::uint64_t;  // never used twice; 0 names none

  // Starts the loop's thread. `clock` (borrowed) rules the timers.
  //   Errors: RESOURCE_EXHAUSTED.
  static absl::StatusOr<std::unique_ptr<Reactor>> Start(const Clock* clock);
  // Stops the loop and joins its thread; callbacks not yet run are dropped.
  ~Reactor();

  // Watches `fd` for reading: `on_ready` runs once after each Arm(). Starts
  // disarmed. Borrows `fd`: Unwatch() before closing it.
  //   Errors: RESOURCE_EXHAUSTED (ENOSPC, ENOMEM).
  absl::StatusOr<WatchId> Watch(int fd, Callback on_ready);

  // Lets the watch fire once, at once if `fd` is readable already. Ignores an
  // id that is gone.
  void Arm(WatchId id);

  // Ends a watch. A callback that is running goes on; none starts afterwards.
  void Unwatch(WatchId id);

  // Runs `callback` when the clock has reached `when`.
  TimerId RunAt(MonotonicTime when, Callback callback);

  // Drops a timer that has not fired; ignores an id that is gone.
  void Cancel(TimerId id);

  // Runs `callback` soon.
  void Post(Callback callback);

  // Returns when the callbacks that were running, or taken to run, are done.
  // Not from the reactor's own thread.
  void Fence();

  // Makes the loop look at the clock again; for clocks that jump.
  void Poke();

 private:
  struct Watched {
    int fd;
    std::shared_ptr<const Callback> on_ready;  // also held while it runs
    // Before the first Arm() the kernel reports a hang-up all the same;
    // afterwards EPOLLONESHOT silences that too.
    bool armed_once = false;
  };

  Reactor(const Clock* clock, UniqueFd epoll, UniqueFd wake);

  void Loop();
  // Takes the callbacks of timers that are due and of posted work.
  std::vector<Callback> TakeDue();
  // How long the loop may sleep.
  MonotonicTime NextDeadline();

  const Clock* const clock_;
  const UniqueFd epoll_;
  const UniqueFd wake_;  // eventfd, watched under id 0

  Mutex mu_;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  std::uint64_t last_id_ ABSL_GUARDED_BY(mu_) = 0;
  absl::flat_hash_map<WatchId, Watched> watches_ ABSL_GUARDED_BY(mu_);
  std::map<std::pair<MonotonicTime, TimerId>, Callback> timers_
      ABSL_GUARDED_BY(mu_);
  absl::flat_hash_map<TimerId, MonotonicTime> timer_times_ ABSL_GUARDED_BY(mu_);
  std::vector<Callback> posted_ ABSL_GUARDED_BY(mu_);

  std::thread thread_;  // last, so that it sees the rest built
};

}  // namespace farpoll::server

#endif  // FARPOLL_SERVER_REACTOR_REACTOR_H_
