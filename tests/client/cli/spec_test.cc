#include "client/cli/spec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "client/cli/failure.h"

namespace farpoll::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

struct SpecRow {
  const char* name;
  const char* text;
  Spec spec;
};
std::string RowName(const testing::TestParamInfo<SpecRow>& info) {
  return info.param.name;
}

class SpecTest : public testing::TestWithParam<SpecRow> {};

TEST_P(SpecTest, Parses) {
  const absl::StatusOr<Spec> spec = ParseSpec(GetParam().text);

  ASSERT_TRUE(spec.ok()) << spec.status();
  EXPECT_EQ(*spec, GetParam().spec);
}

INSTANTIATE_TEST_SUITE_P(
    Table, SpecTest,
    testing::Values(
        SpecRow{"Letter", "in:r", {"in", kIn, {}}},
        SpecRow{"Letters",
                "in:rwpeh",
                {"in", kIn | kOut | kPriority | kError | kHangup, {}}},
        SpecRow{"PollName", "in:IN", {"in", kIn, {}}},
        SpecRow{"PollNames", "s:IN|RDHUP", {"s", kIn | kReadHangup, {}}},
        SpecRow{"Edge", "in:r,edge", {"in", kIn, Trigger::kEdge}},
        SpecRow{"Level", "in:r,level", {"in", kIn, Trigger::kLevel}},
        SpecRow{"OneShot", "7:w,oneshot", {"7", kOut, Trigger::kOneShot}}),
    RowName);

struct BadRow {
  const char* name;
  const char* text;
  const char* said;
};
class BadSpecTest : public testing::TestWithParam<BadRow> {};

TEST_P(BadSpecTest, NamesTheBadPart) {
  const absl::Status status = ParseSpec(GetParam().text).status();

  EXPECT_TRUE(IsUsage(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr(GetParam().said));
}

INSTANTIATE_TEST_SUITE_P(
    Table, BadSpecTest,
    testing::Values(BadRow{"NoColon", "in", "'in' is not HANDLE:BITS"},
                    BadRow{"NoHandle", ":r", "':r'"},
                    BadRow{"NoBits", "in:", "'in:'"},
                    BadRow{"UnknownLetter", "in:rq", "'rq'"},
                    BadRow{"UnknownName", "in:IN|NOPE", "'IN|NOPE'"},
                    BadRow{"UnknownTrigger", "in:r,often", "'often'"},
                    BadRow{"TwoTriggers", "in:r,edge,oneshot",
                           "more than one trigger"}),
    [](const testing::TestParamInfo<BadRow>& info) {
      return std::string(info.param.name);
    });

TEST(SelectSpecTest, ParsesThreeSets) {
  const absl::StatusOr<SelectSpec> sets =
      ParseSelectSpec("r=in,ctl  w=out x=sock");

  ASSERT_TRUE(sets.ok()) << sets.status();
  EXPECT_THAT(sets->read, ElementsAre("in", "ctl"));
  EXPECT_THAT(sets->write, ElementsAre("out"));
  EXPECT_THAT(sets->except, ElementsAre("sock"));
}

TEST(SelectSpecTest, RefusesAnUnknownSet) {
  EXPECT_TRUE(IsUsage(ParseSelectSpec("r=in q=out").status()));
  EXPECT_TRUE(IsUsage(ParseSelectSpec("in").status()));
}

TEST(TimeoutTest, ParsesDurations) {
  EXPECT_EQ(ParseTimeout("250ms")->span(), absl::Milliseconds(250));
  EXPECT_EQ(ParseTimeout("2m")->span(), absl::Minutes(2));
  EXPECT_EQ(ParseTimeout("0")->span(), absl::ZeroDuration());
  EXPECT_TRUE(ParseTimeout("inf")->forever());
}

TEST(TimeoutTest, RefusesWhatIsNone) {
  EXPECT_TRUE(IsUsage(ParseTimeout("soon").status()));
  EXPECT_TRUE(IsUsage(ParseTimeout("5").status()));
  EXPECT_TRUE(IsUsage(ParseTimeout("-1s").status()));
  EXPECT_TRUE(IsUsage(ParseTimeout("").status()));
}

TEST(SpanTest, RefusesZeroAndForever) {
  EXPECT_EQ(*ParseSpan("60s"), absl::Minutes(1));
  EXPECT_TRUE(IsUsage(ParseSpan("0").status()));
  EXPECT_TRUE(IsUsage(ParseSpan("inf").status()));
}

TEST(SpanTest, FormatsForPeople) {
  EXPECT_EQ(FormatSpan(absl::ZeroDuration()), "-");
  EXPECT_EQ(FormatSpan(absl::Microseconds(3)), "<1ms");
  EXPECT_EQ(FormatSpan(absl::Microseconds(1234567)), "1.234s");
  EXPECT_EQ(FormatSpan(absl::Milliseconds(61'500)), "1m1s");
}

TEST(PositionTest, RoundTrips) {
  const absl::StatusOr<WaitPosition> position = ParsePosition("91-1206");

  ASSERT_TRUE(position.ok()) << position.status();
  EXPECT_EQ(position->epoch, 91);
  EXPECT_EQ(position->sequence, 1206);
  EXPECT_EQ(FormatPosition(*position), "91-1206");
}

TEST(PositionTest, RefusesWhatIsNone) {
  EXPECT_TRUE(IsUsage(ParsePosition("91").status()));
  EXPECT_TRUE(IsUsage(ParsePosition("91-").status()));
  EXPECT_TRUE(IsUsage(ParsePosition("-1-2").status()));
}

TEST(EventNamesTest, ShowsLettersAndWordsInOrder) {
  EXPECT_EQ(Letters(kHangup | kIn | kReadNormal), "RH");
  EXPECT_EQ(Letters(kReadHangup | kInvalid), "CN");
  EXPECT_EQ(Letters(0), "-");
  EXPECT_THAT(Words(kError | kOut), ElementsAre("WRITE", "ERROR"));
  EXPECT_THAT(Words(0), IsEmpty());
}

TEST(NearestTest, FindsMisspellings) {
  EXPECT_EQ(Nearest("wiat", {"list", "wait", "write"}), "wait");
  EXPECT_EQ(Nearest("regster", {"register", "unregister"}), "register");
  EXPECT_EQ(Nearest("xyzzy", {"register", "wait"}), "");
}

}  // namespace
}  // namespace farpoll::cli
