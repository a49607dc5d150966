#include "base/clock.h"

#include <chrono>

#include "absl/time/time.h"
#include "gtest/gtest.h"

namespace farpoll {
namespace {

constexpr MonotonicTime kStart = MonotonicTime(std::chrono::hours(1));

TEST(DeadlineAfterTest, AddsTheSpan) {
  EXPECT_EQ(DeadlineAfter(kStart, absl::Milliseconds(5)),
            kStart + std::chrono::milliseconds(5));
}

TEST(DeadlineAfterTest, NegativeCountsAsZero) {
  EXPECT_EQ(DeadlineAfter(kStart, -absl::Seconds(1)), kStart);
  EXPECT_EQ(DeadlineAfter(kStart, -absl::InfiniteDuration()), kStart);
}

TEST(DeadlineAfterTest, SaturatesAtNever) {
  EXPECT_EQ(DeadlineAfter(kStart, absl::InfiniteDuration()), kNever);
  EXPECT_EQ(DeadlineAfter(kStart, absl::Hours(24 * 365 * 1000)), kNever);
}

TEST(RealClockTest, DoesNotGoBack) {
  const RealClock clock;
  const MonotonicTime first = clock.Now();

  EXPECT_GE(clock.Now(), first);
}

}  // namespace
}  // namespace farpoll
