// base/clock.h: room: base. Monotonic time, injected so that tests own it.
#ifndef FARPOLL_BASE_CLOCK_H_
#define FARPOLL_BASE_CLOCK_H_

#include <chrono>

#include "absl/time/time.h"

namespace farpoll {

// A point on CLOCK_MONOTONIC; what deadlines and event time stamps are made of.
using MonotonicTime = std::chrono::steady_clock::time_point;

// "Never": the deadline of a wait without a timeout.
inline constexpr MonotonicTime kNever = MonotonicTime::max();

// `start` + `span`, saturating at kNever; a negative span counts as zero.
inline MonotonicTime DeadlineAfter(MonotonicTime start, absl::Duration span) {
  if (span <= absl::ZeroDuration()) {
    return start;
  }
  const absl::Duration room = absl::FromChrono(kNever - start);
  return span >= room ? kNever : start + absl::ToChronoNanoseconds(span);
}

// Time source. Threads: Now() may be called from any thread.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual MonotonicTime Now() const = 0;
};

class RealClock final : public Clock {
 public:
  MonotonicTime Now() const override {
    return std::chrono::steady_clock::now();
  }
};

}  // namespace farpoll

#endif  // FARPOLL_BASE_CLOCK_H_
