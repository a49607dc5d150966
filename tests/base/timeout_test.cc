#include "base/timeout.h"

#include <cmath>
#include <limits>

#include "absl/time/time.h"
#include "gtest/gtest.h"

namespace farpoll {
namespace {

TEST(TimeoutTest, ForeverHasNoSpan) {
  EXPECT_TRUE(Timeout::Forever().forever());
  EXPECT_EQ(Timeout::Forever().kind(), Timeout::Kind::kForever);
}

TEST(TimeoutTest, ZeroIsFinite) {
  EXPECT_EQ(Timeout::Zero().kind(), Timeout::Kind::kFinite);
  EXPECT_EQ(Timeout::Zero().span(), absl::ZeroDuration());
}

TEST(TimeoutTest, FractionsRoundUpToNanoseconds) {
  EXPECT_EQ(Timeout::Milliseconds(0.1).span(), absl::Microseconds(100));
  EXPECT_EQ(Timeout::Seconds(1e-10).span(), absl::Nanoseconds(1));
  EXPECT_EQ(Timeout(absl::Nanoseconds(1) / 4).span(), absl::Nanoseconds(1));
}

TEST(TimeoutTest, TheSmallestNegativeIsNegative) {
  EXPECT_EQ(Timeout::Seconds(-1e-100).kind(), Timeout::Kind::kNegative);
  EXPECT_EQ(Timeout::Milliseconds(-1).kind(), Timeout::Kind::kNegative);
  EXPECT_EQ(Timeout(-absl::Nanoseconds(1)).kind(), Timeout::Kind::kNegative);
}

TEST(TimeoutTest, WhatIsNoSpanIsTold) {
  EXPECT_EQ(Timeout::Seconds(NAN).kind(), Timeout::Kind::kNotANumber);
  EXPECT_EQ(Timeout::Seconds(INFINITY).kind(), Timeout::Kind::kInfinite);
  EXPECT_EQ(Timeout(absl::InfiniteDuration()).kind(), Timeout::Kind::kInfinite);
  EXPECT_EQ(Timeout::Seconds(-INFINITY).kind(), Timeout::Kind::kNegative);
}

TEST(TimeoutTest, ManyYearsStayFinite) {
  EXPECT_EQ(Timeout::Seconds(1e12).kind(), Timeout::Kind::kFinite);
  EXPECT_EQ(Timeout::Seconds(1e12).span(), absl::Seconds(1e12));
}

}  // namespace
}  // namespace farpoll
