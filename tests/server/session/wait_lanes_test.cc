// tests/server/session/wait_lanes_test.cc: room: tests. Whose turn it is on a
// stream of many waits, without gRPC around it.
#include "server/session/wait_lanes.h"

#include <cerrno>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/errno_status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "selector/events.h"
#include "tests/server/session/session_fixture.h"

namespace farpoll::server {
namespace {

// Waits 1, 2 and so on, each of a selector with a pipe of its own.
class WaitLanesTest : public SessionTest, public WaitLane::Owner {
 protected:
  void OnLaneReady(const std::shared_ptr<WaitLane>& /*lane*/) override {}
  void OnLaneEnded(const std::shared_ptr<WaitLane>& lane,
                   absl::Status why) override {
    lanes_.End(lane, why);
  }

  // A wait that takes `pieces` results of one byte each, and has credits for
  // them all.
  std::shared_ptr<WaitLane> Begin(std::int64_t id, int pieces) {
    const std::string in = absl::StrCat("in", id);
    const std::string out = absl::StrCat("out", id);
    const std::string selector = absl::StrCat("s", id);
    EXPECT_THAT(session_->CreatePipe(in, out, 0), IsOk());
    EXPECT_THAT(session_->CreateSelector(SelectorKind::kPoll, selector),
                IsOk());
    const Change change{.kind = Change::Kind::kRegister,
                        .handle = {.name = in},
                        .interest = {.events = kIn, .read_bytes = 1}};
    EXPECT_THAT(session_->Apply({.name = selector}, {change}), IsOk());
    Write(id, pieces);
    const auto lane = std::make_shared<WaitLane>(self_, id, session_);
    const auto wait = session_->BeginWait(
        {.selector = {.name = selector}, .credits = 64, .max_events = 1}, lane);
    EXPECT_THAT(wait, IsOk());
    lane->Begin(wait.value_or(0));
    lanes_.Add(lane);
    lanes_.Queue(lane);
    return lane;
  }

  void Write(std::int64_t id, int pieces) {
    EXPECT_THAT(
        WriteNow(*session_, {.name = absl::StrCat("out", id)},
                 {.data = std::string(static_cast<std::size_t>(pieces), 'x')}),
        IsOk());
  }

  // The next `count` turns, as "1 2 1", or "2 ended"; "-" for none.
  std::string Turns(int count) {
    std::string turns;
    for (int i = 0; i < count; ++i) {
      const absl::optional<WaitLanes::Turn> turn = lanes_.Next();
      absl::StrAppend(&turns, turns.empty() ? "" : " ");
      if (!turn.has_value()) {
        absl::StrAppend(&turns, "-");
      } else {
        absl::StrAppend(&turns, turn->lane->id(),
                        turn->result.has_value() ? "" : " ended");
      }
    }
    return turns;
  }

  const std::shared_ptr<WaitLane::Owner> self_{this, [](WaitLane::Owner*) {}};
  const std::shared_ptr<Session> session_ = Make();
  WaitLanes lanes_;
};

TEST_F(WaitLanesTest, ThoseThatAreReadyTakeTurns) {
  Begin(1, 4);
  Begin(2, 2);
  Begin(3, 3);
  EXPECT_EQ(Turns(10), "1 2 3 1 2 3 1 3 1 -");
}

TEST_F(WaitLanesTest, ABusyOneDoesNotStarveALateOne) {
  Begin(1, 64);
  EXPECT_EQ(Turns(5), "1 1 1 1 1");
  Begin(2, 2);
  EXPECT_EQ(Turns(5), "1 2 1 2 1");
}

TEST_F(WaitLanesTest, OneWithNothingToSayCostsNoTurnUntilItIsReady) {
  Begin(1, 3);
  const std::shared_ptr<WaitLane> second = Begin(2, 0);
  EXPECT_EQ(Turns(2), "1 1");
  Write(2, 1);
  lanes_.Queue(second);
  lanes_.Queue(second);
  EXPECT_EQ(Turns(3), "1 2 -");
}

TEST_F(WaitLanesTest, AnEndIsToldOnceAndForgotten) {
  const std::shared_ptr<WaitLane> first = Begin(1, 3);
  Begin(2, 2);
  lanes_.End(first, absl::OkStatus());
  lanes_.End(first, absl::AbortedError("again"));
  EXPECT_EQ(Turns(4), "1 ended 2 2 -");
  EXPECT_EQ(lanes_.Find(1), nullptr);
  EXPECT_TRUE(lanes_.HaveCredit());
  lanes_.EndWaits();
  EXPECT_FALSE(lanes_.HaveCredit());
}

TEST_F(WaitLanesTest, OneThatTheSessionEndsSaysSo) {
  Begin(1, 0);
  Begin(2, 1);
  EXPECT_THAT(session_->CloseSelector({.name = "s1"}), IsOk());
  EXPECT_EQ(Turns(3), "1 ended 2 -");
}

TEST_F(WaitLanesTest, ThereAreNoMoreThanAllowed) {
  Begin(1, 0);
  EXPECT_THAT(lanes_.CheckRoom({.max_stream_waits = 2}), IsOk());
  const absl::Status full = lanes_.CheckRoom({.max_stream_waits = 1});
  EXPECT_TRUE(absl::IsResourceExhausted(full)) << full;
  EXPECT_EQ(DetailOf(full).reason, "LIMIT_STREAM_WAITS");
}

}  // namespace
}  // namespace farpoll::server
