// client/pause.h: room: client, private to it. Pauses of one thread that
// another may end. Threads: Last() from one, End() from any.
#ifndef FARPOLL_CLIENT_PAUSE_H_
#define FARPOLL_CLIENT_PAUSE_H_

#include <condition_variable>
#include <mutex>

#include "base/clock.h"

namespace farpoll::client {

class Pause {
 public:
  // Returns at `until`, or once End() was called, if that is sooner.
  void Last(MonotonicTime until) {
    std::unique_lock<std::mutex> lock(mutex_);
    if (until == kNever) {
      over_.wait(lock, [this] { return ended_; });
    } else {
      over_.wait_until(lock, until, [this] { return ended_; });
    }
  }
  // Ends the pause in progress and those to come.
  void End() {
    const std::lock_guard<std::mutex> lock(mutex_);
    ended_ = true;
    over_.notify_all();
  }
  bool ended() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return ended_;
  }

 private:
  // Not the ones of base/mutex.h, which know no time.
  std::mutex mutex_;
  std::condition_variable over_;
  bool ended_ = false;
};

}  // namespace farpoll::client

#endif  // FARPOLL_CLIENT_PAUSE_H_
