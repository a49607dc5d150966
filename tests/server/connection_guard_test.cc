// tests/server/connection_guard_test.cc: room: tests. What a connection may do,
// by what is counted of it.
#include "server/connection_guard.h"

#include <chrono>

#include "gtest/gtest.h"

namespace farpoll::server {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Limits kSmall{.max_connection_streams = 100,
                        .max_connection_resets = 10,
                        .max_transit_bytes = 64 << 20};

constexpr MonotonicTime kBegin{seconds(1000)};

TEST(StreamBudgetTest, AsManyStreamsAsAreAllowedMayBeOpen) {
  StreamBudget budget(kSmall);

  EXPECT_EQ(budget.Check({.begun = 100}, kBegin), "");
  EXPECT_EQ(budget.Check({.begun = 1000, .succeeded = 900}, kBegin), "");
}

TEST(StreamBudgetTest, FarMoreOpenStreamsAreTooMany) {
  StreamBudget budget(kSmall);

  EXPECT_EQ(budget.Check({.begun = 200}, kBegin), "max_connection_streams");
}

TEST(StreamBudgetTest, AllOpenStreamsMayBeBrokenOffAtOnce) {
  StreamBudget budget(kSmall);
  budget.Check({.begun = 100}, kBegin);

  EXPECT_EQ(budget.Check({.begun = 100, .failed = 100}, kBegin), "");
}

TEST(StreamBudgetTest, BreakingOffOnAndOnIsTooMuch) {
  StreamBudget budget(kSmall);

  EXPECT_EQ(budget.Check({.begun = 200, .failed = 200}, kBegin),
            "max_connection_resets");
}

TEST(StreamBudgetTest, ASlowerRateIsFine) {
  StreamBudget budget(kSmall);
  MonotonicTime now = kBegin;
  for (int i = 1; i <= 1000; ++i) {
    now += seconds(1);
    ASSERT_EQ(budget.Check({.begun = 9 * i, .failed = 9 * i}, now), "") << i;
  }
}

TEST(StreamBudgetTest, BytesWithoutAMessageAreTooMany) {
  StreamBudget budget(kSmall);

  EXPECT_EQ(budget.Check({.begun = 1, .bytes = 16 << 20}, kBegin), "");
  EXPECT_EQ(
      budget.Check({.begun = 1, .bytes = 17 << 20}, kBegin + milliseconds(250)),
      "max_transit_bytes");
}

TEST(StreamBudgetTest, MessagesAndAnswersAccountForBytes) {
  StreamBudget budget(kSmall);
  MonotonicTime now = kBegin;
  for (int i = 1; i <= 1000; ++i) {
    now += milliseconds(250);
    ASSERT_EQ(
        budget.Check(
            {.begun = 1, .messages = i, .bytes = std::int64_t{i} * (4 << 20)},
            now),
        "")
        << i;
  }
  // A reader of a long stream says nothing but that it has room again.
  StreamBudget reader(kSmall);
  for (int i = 1; i <= 1000; ++i) {
    now += milliseconds(250);
    ASSERT_EQ(reader.Check({.begun = 1,
                            .bytes = std::int64_t{i} * (1 << 20),
                            .bytes_to_peer = std::int64_t{i} * (64 << 20)},
                           now),
              "")
        << i;
  }
}

}  // namespace
}  // namespace farpoll::server
