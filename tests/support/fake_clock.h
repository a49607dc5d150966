// tests/support/fake_clock.h: room: tests. A clock that stands still until the
// test moves it.
#ifndef FARPOLL_TESTS_SUPPORT_FAKE_CLOCK_H_
#define FARPOLL_TESTS_SUPPORT_FAKE_CLOCK_H_

#include <atomic>
#include <chrono>

#include "absl/time/time.h"
#include "base/clock.h"

namespace farpoll {

// Threads: any. Whoever sleeps until a time of this clock has to be woken after
// Advance(): see Reactor::Poke().
class FakeClock final : public Clock {
 public:
  MonotonicTime Now() const override {
    return MonotonicTime(MonotonicTime::duration(ticks_.load()));
  }

  void Advance(absl::Duration span) {
    ticks_ += absl::ToChronoNanoseconds(span).count();
  }

 private:
  // Far from zero, so that no test passes by mistaking a span for a time.
  std::atomic<MonotonicTime::rep> ticks_{
      std::chrono::nanoseconds(std::chrono::hours(1000)).count()};
};

}  // namespace farpoll

#endif  // FARPOLL_TESTS_SUPPORT_FAKE_CLOCK_H_
