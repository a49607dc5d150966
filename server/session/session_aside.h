// server/session/session_aside.h: room: server/session. Work of a session that
// waits for a file system: it is done by the side, on a thread of the blocking
// pool, and settled under the session's lock once it is over.
// Threads: stated at each.
#ifndef FARPOLL_SERVER_SESSION_SESSION_ASIDE_H_
#define FARPOLL_SERVER_SESSION_SESSION_ASIDE_H_

#include <atomic>
#include <memory>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/blocking/blocking_pool.h"
#include "server/policy/quota.h"
#include "server/session/session.h"

namespace farpoll::server {

// Where such work goes, and its place among max_file_calls.
struct Session::Aside {
  std::shared_ptr<BlockingPool::Lane> lane;  // shared with the handle
  QuotaShare place;
};

// Passes on the first of the answers that it is given. Threads: any.
template <class T>
class FirstAnswer {
 public:
  explicit FirstAnswer(Session::AnswerTo<T> answer)
      : answer_(std::move(answer)) {}

  void Give(absl::StatusOr<T> value) {
    if (!given_.exchange(true)) {
      std::exchange(answer_, nullptr)(std::move(value));
    }
  }

 private:
  std::atomic<bool> given_{false};
  Session::AnswerTo<T> answer_;  // of whoever was first
};

absl::Status ServerStopping();

// To be called with no lock held.
template <class Made, class T>
void Session::RunAside(
    Aside aside, absl::AnyInvocable<absl::StatusOr<Made>()> work,
    absl::AnyInvocable<absl::StatusOr<T>(absl::StatusOr<Made>)> settle,
    AnswerTo<T> answer) {
  const auto first = std::make_shared<FirstAnswer<T>>(std::move(answer));
  const std::int64_t id =
      NoteAside([first](const absl::Status& why) { first->Give(why); });
  const auto made = std::make_shared<absl::StatusOr<Made>>(ServerStopping());
  aside.lane->Run(
      [made, work = std::move(work), place = std::move(aside.place)]() mutable {
        *made = work();
      },
      [self = shared_from_this(), id, made, first,
       settle = std::move(settle)](bool done) mutable {
        absl::StatusOr<T> result = ServerStopping();
        {
          MutexLock lock(&self->mu_);
          self->asides_.erase(id);
          // What is not done yet may still write what it makes.
          result = settle(done ? std::move(*made)
                               : absl::StatusOr<Made>(ServerStopping()));
        }
        first->Give(std::move(result));
      });
}

}  // namespace farpoll::server

#endif  // FARPOLL_SERVER_SESSION_SESSION_ASIDE_H_
