// tests/server/wait/kind_rules_test.cc: room: tests. What each kind of selector
// takes and reports, as tables.
#include "server/wait/kind_rules.h"

#include <cerrno>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace farpoll::server {
namespace {

constexpr SelectorKind kPoll = SelectorKind::kPoll;
constexpr SelectorKind kSelect = SelectorKind::kSelect;
constexpr SelectorKind kDefault = SelectorKind::kDefault;

constexpr auto kRowName = [](const auto& info) {
  return std::string(info.param.name);
};

// ---- What may be asked for.

struct AskedRow {
  const char* name;
  SelectorKind kind;
  absl::optional<std::int64_t> asked;
  int error;  // 0: accepted
  Events events;
};

class CheckEventsTest : public testing::TestWithParam<AskedRow> {};

TEST_P(CheckEventsTest, JudgesByKind) {
  const absl::StatusOr<Events> events =
      CheckEvents(GetParam().kind, GetParam().asked);

  EXPECT_EQ(ErrnoOf(events.status()), GetParam().error) << events.status();
  EXPECT_EQ(events.value_or(0), GetParam().events);
  EXPECT_EQ(absl::IsInvalidArgument(events.status()), GetParam().error != 0);
}

INSTANTIATE_TEST_SUITE_P(
    Poll, CheckEventsTest,
    testing::Values(AskedRow{"Default", kPoll, absl::nullopt, 0,
                             kIn | kPriority | kOut},
                    AskedRow{"Nothing", kPoll, 0, 0, 0},
                    AskedRow{"UnknownBits", kPoll, 0xc000, 0, 0xc000},
                    AskedRow{"EveryBit", kPoll, 0xffff, 0, 0xffff},
                    AskedRow{"Negative", kPoll, -1, EINVAL, 0},
                    AskedRow{"Over16Bits", kPoll, 0x10000, EOVERFLOW, 0},
                    AskedRow{"FarOver16Bits", kPoll, INT64_MAX, EOVERFLOW, 0}),
    kRowName);

INSTANTIATE_TEST_SUITE_P(
    Select, CheckEventsTest,
    testing::Values(AskedRow{"AllSets", kSelect, kIn | kOut | kPriority, 0,
                             kIn | kOut | kPriority},
                    AskedRow{"OneSet", kSelect, kPriority, 0, kPriority},
                    AskedRow{"HasNoDefault", kSelect, absl::nullopt, EINVAL, 0},
                    AskedRow{"Nothing", kSelect, 0, EINVAL, 0},
                    AskedRow{"OtherBits", kSelect, kIn | kHangup, EINVAL, 0},
                    AskedRow{"Negative", kSelect, -1, EINVAL, 0},
                    AskedRow{"Over16Bits", kSelect, 0x10000, EOVERFLOW, 0}),
    kRowName);

INSTANTIATE_TEST_SUITE_P(
    Default, CheckEventsTest,
    testing::Values(AskedRow{"Both", kDefault, kIn | kOut, 0, kIn | kOut},
                    AskedRow{"HasNoDefault", kDefault, absl::nullopt, EINVAL,
                             0},
                    AskedRow{"Nothing", kDefault, 0, EINVAL, 0},
                    AskedRow{"Priority", kDefault, kPriority, EINVAL, 0},
                    AskedRow{"Negative", kDefault, -1, EINVAL, 0},
                    AskedRow{"Over16Bits", kDefault, 0x10000, EOVERFLOW, 0}),
    kRowName);

// ---- What is reported.

struct SeenRow {
  const char* name;
  SelectorKind kind;
  Events seen;
  Events asked;
  Events reported;
};

class ReportedEventsTest : public testing::TestWithParam<SeenRow> {};

TEST_P(ReportedEventsTest, MapsByKind) {
  EXPECT_EQ(ReportedEvents(GetParam().kind, GetParam().seen, GetParam().asked),
            GetParam().reported);
}

INSTANTIATE_TEST_SUITE_P(
    Poll, ReportedEventsTest,
    testing::Values(SeenRow{"Data", kPoll, kIn, kIn, kIn},
                    SeenRow{"HangupUnasked", kPoll, kHangup, 0, kHangup},
                    SeenRow{"EverySeenBit", kPoll, 0x203f, 0x203f, 0x203f}),
    kRowName);

INSTANTIATE_TEST_SUITE_P(
    Select, ReportedEventsTest,
    testing::Values(
        SeenRow{"Data", kSelect, kIn, kIn, kIn},
        SeenRow{"HangupReads", kSelect, kHangup, kIn, kIn},
        SeenRow{"HangupDoesNotWrite", kSelect, kHangup, kOut, 0},
        SeenRow{"HangupIsNoException", kSelect, kHangup, kPriority, 0},
        SeenRow{"ErrorReadsAndWrites", kSelect, kError, kIn | kOut, kIn | kOut},
        SeenRow{"ErrorIsNoException", kSelect, kError, kPriority, 0},
        SeenRow{"UrgentIsException", kSelect, kPriority | kOut, kPriority,
                kPriority},
        SeenRow{"OnlyAskedSets", kSelect, kIn | kOut, kOut, kOut}),
    kRowName);

INSTANTIATE_TEST_SUITE_P(
    Default, ReportedEventsTest,
    testing::Values(SeenRow{"Data", kDefault, kIn, kIn | kOut, kIn},
                    SeenRow{"Room", kDefault, kOut, kIn | kOut, kOut},
                    SeenRow{"HangupReads", kDefault, kHangup, kIn, kIn},
                    SeenRow{"HangupWrites", kDefault, kHangup, kOut, kOut},
                    SeenRow{"ErrorBoth", kDefault, kError, kIn | kOut,
                            kIn | kOut},
                    SeenRow{"UnaskedDirection", kDefault, kOut, kIn, 0}),
    kRowName);

// ---- How long a wait may last.

struct TimeoutRow {
  const char* name;
  SelectorKind kind;
  Timeout timeout;
  int error;  // 0: accepted
  absl::Duration span;
};

class CheckTimeoutTest : public testing::TestWithParam<TimeoutRow> {};

TEST_P(CheckTimeoutTest, JudgesByKind) {
  const absl::StatusOr<absl::Duration> span =
      CheckTimeout(GetParam().kind, GetParam().timeout);

  EXPECT_EQ(ErrnoOf(span.status()), GetParam().error) << span.status();
  EXPECT_EQ(span.value_or(absl::ZeroDuration()), GetParam().span);
}

constexpr absl::Duration kNothing = absl::ZeroDuration();
constexpr absl::Duration kForever = absl::InfiniteDuration();

INSTANTIATE_TEST_SUITE_P(
    Table, CheckTimeoutTest,
    testing::Values(
        TimeoutRow{"PollForever", kPoll, Timeout::Forever(), 0, kForever},
        TimeoutRow{"PollNegativeBlocks", kPoll, absl::Seconds(-1), 0, kForever},
        TimeoutRow{"PollZero", kPoll, Timeout::Zero(), 0, kNothing},
        TimeoutRow{"PollLongest", kPoll, absl::Milliseconds(INT32_MAX), 0,
                   absl::Milliseconds(INT32_MAX)},
        TimeoutRow{"PollTooLong", kPoll, absl::Milliseconds(int64_t{1} << 31),
                   EOVERFLOW, kNothing},
        TimeoutRow{"SelectForever", kSelect, Timeout::Forever(), 0, kForever},
        TimeoutRow{"SelectNegative", kSelect, absl::Nanoseconds(-1), EINVAL,
                   kNothing},
        TimeoutRow{"SelectRoundsUp", kSelect, absl::Nanoseconds(300), 0,
                   absl::Microseconds(1)},
        TimeoutRow{"SelectTooLong", kSelect, absl::Seconds(1'000'000'001),
                   EOVERFLOW, kNothing},
        TimeoutRow{"DefaultForever", kDefault, Timeout::Forever(), 0, kForever},
        TimeoutRow{"DefaultNegativeLooks", kDefault, absl::Seconds(-1), 0,
                   kNothing},
        TimeoutRow{"DefaultRoundsUp", kDefault, absl::Microseconds(1), 0,
                   absl::Milliseconds(1)},
        TimeoutRow{"DefaultInfinite", kDefault, absl::InfiniteDuration(),
                   EOVERFLOW, kNothing}),
    kRowName);

TEST(RegisterReplacesTest, OnPollAlone) {
  EXPECT_TRUE(RegisterReplaces(kPoll));
  EXPECT_FALSE(RegisterReplaces(kSelect));
  EXPECT_FALSE(RegisterReplaces(kDefault));
}

}  // namespace
}  // namespace farpoll::server
