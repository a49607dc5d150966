// client/pause.h: room: client, private to it. Pauses of one thread that
// another may end.
// Threads: Last() from one, End() from any.
#ifndef FARPOLL_CLIENT_PAUSE_H_
#define FARPOLL_CLIENT_PAUSE_H_

#include "absl/base/thread_annotations.h"
#include "base/clock.h"
#include "base/mutex.h"

namespace farpoll::client {

class Pause {
 public:
  // Returns at `until`, or once End() was called, if that is sooner.
  void Last(MonotonicTime until) {
    MutexLock lock(&mutex_);
    while (!ended_) {
      if (until == kNever) {
        over_.Wait(&mutex_);
      } else if (!over_.WaitUntil(&mutex_, until)) {
        return;
      }
    }
  }
  // Ends the pause in progress and those to come.
  void End() {
    MutexLock lock(&mutex_);
    ended_ = true;
    over_.SignalAll();
  }
  bool ended() {
    MutexLock lock(&mutex_);
    return ended_;
  }

 private:
  Mutex mutex_;
  CondVar over_;
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace farpoll::client

#endif  // FARPOLL_CLIENT_PAUSE_H_
