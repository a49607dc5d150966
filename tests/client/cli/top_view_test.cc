// tests/client/cli/top_view_test.cc: room: tests. What `top` shows of what an
// Observe says, and what its keys do. Time is a plain value here.
#include "client/cli/top_view.h"

#include <chrono>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/cli/top_model.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace farpoll::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr TopSize kScreen = {.rows = 10, .columns = 100};

class TopTest : public testing::Test {
 protected:
  // What a round says of one handle.
  void Say(std::int64_t id, const std::string& name, std::int64_t ready,
           v1::ObservedChange change = v1::OBSERVED_CHANGE_CHANGED,
           std::int64_t bytes = 0) {
    v1::ObservedHandle* const handle = round_.add_handles();
    handle->set_handle_id(id);
    handle->set_name(name);
    handle->set_kind(v1::HANDLE_KIND_PIPE_READER);
    handle->set_ready(static_cast<std::int32_t>(ready));
    handle->set_change(change);
    handle->set_bytes_read(bytes);
  }
  void End(bool anew = false, const std::string& token = "1-1-1") {
    round_.set_token(token);
    model_.Apply(round_, anew, now_);
    round_.Clear();
  }
  // Three handles, of which "b" has been busy.
  void Furnish() {
    Say(1, "a", 0, v1::OBSERVED_CHANGE_PRESENT);
    Say(2, "b", kIn, v1::OBSERVED_CHANGE_PRESENT, 100);
    Say(3, "c10", kOut, v1::OBSERVED_CHANGE_PRESENT);
    Say(4, "c9", kHangup, v1::OBSERVED_CHANGE_PRESENT);
    End(/*anew=*/true);
    Pass(std::chrono::seconds(1));
    Say(2, "b", 0, v1::OBSERVED_CHANGE_CHANGED, 2100);
    End();
  }
  void Pass(std::chrono::seconds span) { now_ += span; }

  std::vector<std::string> Names(const TopOrder& order) const {
    std::vector<std::string> names;
    for (const TopRow* const row : model_.Rows(order, now_)) {
      names.push_back(row->name);
    }
    return names;
  }

  std::vector<std::string> Paint(TopSize size = kScreen) {
    std::vector<std::string> lines;
    for (const TopLine& line : view_.Paint(
             model_, {.server = "farpolld 1", .session = "s"}, size, now_)) {
      lines.push_back(line.text);
    }
    return lines;
  }
  bool Press(int key) { return view_.OnKey(key, model_, now_); }
  void Type(absl::string_view keys) {
    for (const char key : keys) {
      EXPECT_TRUE(Press(key));
    }
  }

  MonotonicTime now_{std::chrono::hours(1)};
  v1::ObserveResponse round_;
  TopModel model_;
  TopView view_{TopOrder(), /*ascii=*/true};
};

// ---- What there is.

TEST_F(TopTest, ASnapshotIsAllThereIs) {
  EXPECT_FALSE(model_.complete());
  Furnish();
  EXPECT_TRUE(model_.complete());
  EXPECT_EQ(model_.size(), 4u);
  EXPECT_EQ(model_.LetterCounts(), "W 1  H 1");
}

TEST_F(TopTest, ANewSnapshotForgetsWhatItDoesNotHave) {
  Furnish();
  Say(3, "c10", kOut, v1::OBSERVED_CHANGE_PRESENT);
  End(/*anew=*/true);
  EXPECT_THAT(Names({.sort = TopSort::kName}), ElementsAre("c10"));
}

TEST_F(TopTest, AClosedHandleIsGone) {
  Furnish();
  Say(1, "a", 0, v1::OBSERVED_CHANGE_CLOSED);
  End();
  EXPECT_THAT(Names({.sort = TopSort::kName}), ElementsAre("b", "c9", "c10"));
}

TEST_F(TopTest, RatesAreOfTheLastSeconds) {
  Furnish();
  Pass(std::chrono::seconds(1));
  const Activity::Rates rates = model_.RatesAt(now_);
  EXPECT_DOUBLE_EQ(rates.changes, 0.5);
  EXPECT_DOUBLE_EQ(rates.bytes, 1000);
  Pass(std::chrono::seconds(10));
  EXPECT_DOUBLE_EQ(model_.RatesAt(now_).changes, 0);
}

// ---- In which order.

TEST_F(TopTest, SortsByEachColumn) {
  Furnish();
  EXPECT_THAT(Names({}), ElementsAre("b", "a", "c9", "c10"));
  EXPECT_THAT(Names({.sort = TopSort::kName}),
              ElementsAre("a", "b", "c9", "c10"));
  EXPECT_THAT(Names({.sort = TopSort::kReady}),
              ElementsAre("c9", "c10", "a", "b"));
  EXPECT_THAT(Names({.sort = TopSort::kBytes})[0], "b");
  EXPECT_THAT(Names({.sort = TopSort::kLatest})[0], "b");
  EXPECT_THAT(Names({.sort = TopSort::kName, .reversed = true}),
              ElementsAre("c10", "c9", "b", "a"));
}

TEST_F(TopTest, FiltersByNameOrKindInEitherCase) {
  Furnish();
  EXPECT_THAT(Names({.filter = "C"}), ElementsAre("c9", "c10"));
  EXPECT_EQ(Names({.filter = "PIPE"}).size(), 4u);
  EXPECT_THAT(Names({.filter = "zz"}), ElementsAre());
}

// ---- The screen.

TEST_F(TopTest, PaintsATitleRowsAndKeys) {
  Furnish();
  const std::vector<std::string> lines = Paint();
  ASSERT_EQ(lines.size(), 10u);
  EXPECT_THAT(lines[0], StartsWith("handles 4  W 1  H 1  changes/s "));
  EXPECT_THAT(lines[1], StartsWith("NAME"));
  EXPECT_THAT(lines[2], StartsWith("b "));
  EXPECT_THAT(lines[9], HasSubstr("[q] quit"));
  for (const std::string& line : lines) {
    EXPECT_LE(line.size(), 100u);
  }
}

TEST_F(TopTest, AnySizeHoldsWithWhatFits) {
  Furnish();
  for (const int rows : {0, 1, 2, 3, 24}) {
    for (const int columns : {0, 1, 20, 80}) {
      const std::vector<std::string> lines =
          Paint({.rows = rows, .columns = columns});
      EXPECT_LE(lines.size(), static_cast<std::size_t>(rows));
      for (const std::string& line : lines) {
        EXPECT_LE(line.size(), static_cast<std::size_t>(columns)) << line;
      }
    }
  }
  EXPECT_THAT(Paint({.rows = 5, .columns = 40})[1], Not(HasSubstr("CHG/S")));
}

TEST_F(TopTest, Scrolls) {
  for (int i = 1; i <= 100; ++i) {
    Say(i, absl::StrCat("h", i), 0, v1::OBSERVED_CHANGE_PRESENT);
  }
  End(/*anew=*/true);
  EXPECT_THAT(Paint()[2], StartsWith("h1 "));
  Press(kKeyDown);
  EXPECT_THAT(Paint()[2], StartsWith("h2 "));
  Press(kKeyPageDown);
  EXPECT_THAT(Paint()[2], StartsWith("h9 "));
  Press(kKeyEnd);
  EXPECT_THAT(Paint()[8], StartsWith("h100 "));
  Press(kKeyPageUp);
  EXPECT_THAT(Paint()[8], StartsWith("h93 "));
  Press(kKeyHome);
  EXPECT_THAT(Paint()[2], StartsWith("h1 "));
  Press(kKeyUp);
  EXPECT_THAT(Paint()[2], StartsWith("h1 "));
}

// ---- Keys.

TEST_F(TopTest, SSortsByTheNextAndRTurnsItRound) {
  Furnish();
  EXPECT_THAT(Paint().back(), HasSubstr("sort: busiest"));
  Type("s");
  EXPECT_THAT(Paint().back(), HasSubstr("sort: bytes"));
  Type("sssssr");
  EXPECT_THAT(Paint().back(), HasSubstr("sort: busiest reversed"));
  EXPECT_THAT(Paint()[5], StartsWith("b "));
}

TEST_F(TopTest, AFilterIsTypedAndTakenBack) {
  Furnish();
  Type("/c9q");
  EXPECT_THAT(Paint().back(), StartsWith("filter: c9q_"));
  Press(kKeyBackspace);
  Press(kKeyEnter);
  EXPECT_THAT(Paint()[0], HasSubstr("shown 1"));
  EXPECT_THAT(Paint()[2], StartsWith("c9 "));
  Press(kKeyEscape);
  EXPECT_THAT(Paint()[0], Not(HasSubstr("shown")));
}

TEST_F(TopTest, APauseStandsStill) {
  Furnish();
  Type(" ");
  Say(1, "a", 0, v1::OBSERVED_CHANGE_CLOSED);
  End();
  EXPECT_THAT(Paint()[0], StartsWith("PAUSED  handles 4"));
  Type(" ");
  EXPECT_THAT(Paint()[0], StartsWith("handles 3"));
}

TEST_F(TopTest, QEnds) {
  EXPECT_TRUE(Press('x'));
  EXPECT_FALSE(Press('q'));
}

// ---- Numbers.

TEST(TopFormatTest, RatesAreShort) {
  EXPECT_EQ(FormatRate(0), "0");
  EXPECT_EQ(FormatRate(0.3), "0.3");
  EXPECT_EQ(FormatRate(12.4), "12");
  EXPECT_EQ(FormatRate(999.6), "1.0k");
  EXPECT_EQ(FormatRate(1800), "1.8k");
  EXPECT_EQ(FormatRate(340e6), "340M");
}

TEST(TopFormatTest, AgesAreShort) {
  EXPECT_EQ(FormatAge(absl::Milliseconds(430)), "0.4s");
  EXPECT_EQ(FormatAge(absl::Seconds(12)), "12s");
  EXPECT_EQ(FormatAge(absl::Seconds(242)), "4m02s");
  EXPECT_EQ(FormatAge(absl::Hours(74)), "3d02h");
  EXPECT_EQ(FormatAge(-absl::Seconds(1)), "0.0s");
}

}  // namespace
}  // namespace farpoll::cli
