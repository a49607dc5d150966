// Results that are kept: the same when they are sent again, and small.
#include "server/wait/kept_result.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "selector/kqueue/kevent.h"
#include "tests/support/memory.h"

namespace farpoll::server {
namespace {

constexpr std::int64_t kLeast = std::numeric_limits<std::int64_t>::min();
constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
constexpr std::uint64_t kMostUnsigned =
    std::numeric_limits<std::uint64_t>::max();

void ExpectSame(const ReadyEvent& left, const ReadyEvent& right) {
  EXPECT_EQ(left.handle_id, right.handle_id);
  EXPECT_EQ(left.events, right.events);
  EXPECT_EQ(left.cookie, right.cookie);
  EXPECT_EQ(left.generation, right.generation);
  EXPECT_EQ(left.order, right.order);
  EXPECT_EQ(left.readiness, right.readiness);
  EXPECT_EQ(left.bytes, right.bytes);
}

void ExpectSame(const Registration& left, const Registration& right) {
  EXPECT_EQ(left.handle_id, right.handle_id);
  EXPECT_EQ(left.asked, right.asked);
  EXPECT_EQ(left.trigger, right.trigger);
  EXPECT_EQ(left.cookie, right.cookie);
  EXPECT_EQ(left.generation, right.generation);
  EXPECT_EQ(left.order, right.order);
  EXPECT_EQ(left.read_bytes, right.read_bytes);
}

void ExpectSame(const TakenKevent& left, const TakenKevent& right) {
  EXPECT_EQ(left.event, right.event);
  EXPECT_EQ(left.handle_id, right.handle_id);
  EXPECT_EQ(left.generation, right.generation);
  EXPECT_EQ(left.readiness, right.readiness);
  EXPECT_EQ(left.asked, right.asked);
  EXPECT_EQ(left.change, right.change);
}

template <class Entries>
void ExpectAllSame(const Entries& left, const Entries& right) {
  ASSERT_EQ(left.size(), right.size());
  for (std::size_t i = 0; i < left.size(); ++i) {
    ExpectSame(left[i], right[i]);
  }
}

void ExpectComesBack(const Result& result) {
  const Result again = KeptResult(result).Unpack();
  EXPECT_EQ(again.sequence, result.sequence);
  EXPECT_EQ(again.sampled_at, result.sampled_at);
  EXPECT_EQ(again.timed_out, result.timed_out);
  EXPECT_EQ(again.bytes, result.bytes);
  ExpectAllSame(again.events, result.events);
  ExpectAllSame(again.removed, result.removed);
  ExpectAllSame(again.kevents, result.kevents);
}

TEST(KeptResultTest, ComesBackAsItWas) {
  const auto bytes = std::make_shared<const EventBytes>();
  ExpectComesBack({.sequence = 1, .timed_out = true});
  ExpectComesBack(
      {.sequence = 7,
       .events = {{.handle_id = 5, .events = kIn, .generation = 3, .order = 9},
                  {.handle_id = 4,
                   .events = kIn | kHangup,
                   .cookie = 77,
                   .readiness = 2,
                   .bytes = bytes},
                  {.handle_id = 400'000, .events = kInvalid}},
       .removed = {{.handle_id = 4,
                    .asked = kIn,
                    .trigger = Trigger::kOneShot,
                    .cookie = 77,
                    .generation = 2,
                    .order = 1,
                    .read_bytes = 65'536}},
       .sampled_at = MonotonicTime(std::chrono::seconds(12)),
       .bytes = 3});
  ExpectComesBack(
      {.sequence = 8,
       .kevents = {{.event = {.ident = 3,
                              .filter = evfilt::kTimer,
                              .flags = ev::kClear,
                              .fflags = 1,
                              .data = -4,
                              .udata = 99},
                    .generation = 6,
                    .asked = {.ident = 3, .filter = evfilt::kTimer}},
                   {.event = {.filter = evfilt::kRead}, .handle_id = 3}}});
}

TEST(KeptResultTest, NumbersOfAnySizeComeBack) {
  ExpectComesBack({.sequence = kMost,
                   .events = {{.handle_id = kMost, .cookie = kMostUnsigned},
                              {.handle_id = kLeast, .cookie = 0},
                              {.handle_id = kMost,
                               .events = 0xffff,
                               .cookie = kMostUnsigned / 2,
                               .generation = kLeast,
                               .readiness = kMost}}});
}

TEST(KeptResultTest, TakesLittleMemory) {
  constexpr std::size_t kEvents = 1024;
  Result result{.sequence = 3};
  for (std::size_t i = 0; i < kEvents; ++i) {
    const auto number = static_cast<std::int64_t>(i);
    result.events.push_back({.handle_id = 1000 + number,
                             .events = kIn,
                             .cookie = 1'000'000'007 * i,
                             .generation = 2000 + number,
                             .order = 500 + number,
                             .readiness = number * number});
  }
  const std::int64_t before = AllocatedBytes();
  const KeptResult kept(result);
  EXPECT_LT(AllocatedBytes() - before, 16 * std::int64_t{kEvents});
  EXPECT_EQ(kept.size(), kEvents);
  EXPECT_EQ(kept.sequence(), 3);
}

}  // namespace
}  // namespace farpoll::server
