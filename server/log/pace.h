// server/log/pace.h: room: server/log. Keeps one kind of event from filling the
// log.
// Threads: fenced by whoever owns it.
#ifndef FARPOLL_SERVER_LOG_PACE_H_
#define FARPOLL_SERVER_LOG_PACE_H_

#include <cstdint>
#include <utility>

#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "base/clock.h"

namespace farpoll::server {

// Lets one event through in each `interval`. Borrows `clock`.
class Pace {
 public:
  Pace(const Clock* clock, absl::Duration interval)
      : clock_(*clock), interval_(interval) {}

  // One more event: how many went unsaid since the last one said, or nothing
  // when this one is to go unsaid too.
  absl::optional<std::int64_t> Next() {
    const MonotonicTime now = clock_.Now();
    if (now < next_) {
      ++unsaid_;
      return absl::nullopt;
    }
    next_ = DeadlineAfter(now, interval_);
    return std::exchange(unsaid_, 0);
  }

 private:
  const Clock& clock_;
  const absl::Duration interval_;
  MonotonicTime next_ = MonotonicTime::min();
  std::int64_t unsaid_ = 0;
};

}  // namespace farpoll::server

#endif  // FARPOLL_SERVER_LOG_PACE_H_
