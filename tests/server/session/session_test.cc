// tests/server/session/session_test.cc: room: tests. A session's handles,
// selectors and waits, without gRPC around them.
#include "server/session/session.h"

#include <cerrno>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "selector/events.h"
#include "selector/kqueue/kevent.h"
#include "tests/server/session/session_fixture.h"
#include "tests/support/fd_fixtures.h"
#include "tests/support/memory.h"

namespace farpoll::server {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;
using testing::UnorderedElementsAre;

const absl::Duration kPatience = absl::Milliseconds(Limits().busy_patience_ms);

class OneSessionTest : public SessionTest {
 protected:
  void SetUp() override { Furnish(); }

  // A session with a pipe "in"/"out" and a selector "poll" on "in".
  void Furnish() {
    session_ = Make();
    ASSERT_THAT(session_->CreatePipe("in", "out", 0), IsOk());
    ASSERT_THAT(session_->CreateSelector(SelectorKind::kPoll, "poll"), IsOk());
    ASSERT_NO_FATAL_FAILURE(Register("in", kIn));
  }

  void Register(const char* handle, Events events,
                Trigger trigger = Trigger::kLevel) {
    const Change change{
        .kind = Change::Kind::kRegister,
        .handle = {.name = handle},
        .interest = {.events = std::int64_t{events}, .trigger = trigger}};
    const auto outcomes = session_->Apply({.name = "poll"}, {change});
    ASSERT_THAT(outcomes, IsOk());
    ASSERT_THAT((*outcomes)[0].generation, IsOk());
  }

  StreamId Wait(bool single = false, Timeout timeout = Timeout::Forever()) {
    const auto wait = session_->BeginWait(
        {.selector = {.name = "poll"}, .timeout = timeout, .single = single},
        sink_);
    EXPECT_THAT(wait, IsOk());
    return wait.value_or(0);
  }

  // The events of the next result, which must be there.
  std::vector<Events> Take(StreamId wait) {
    const absl::optional<NamedResult> named = session_->TakeResult(wait);
    EXPECT_TRUE(named.has_value());
    std::vector<Events> seen;
    for (const ReadyEvent& event :
         named.value_or(NamedResult()).result.events) {
      seen.push_back(event.events);
    }
    return seen;
  }

  // Times that the sink was called, once the reactor has done what is due.
  int Woken() {
    Fence(*reactor_);
    return sink_->ready();
  }

  void PutByte() {
    EXPECT_THAT(WriteNow(*session_, {.name = "out"}, {.data = "x"}), IsOk());
  }

  std::shared_ptr<Session> session_;
  const std::shared_ptr<NotingSink> sink_ = std::make_shared<NotingSink>();
};

// ---- Handles.

// docs/handles.md: many handles at once, each worth little memory. Names and
// registrations are counted in.
TEST_F(OneSessionTest, AnIdleHandleIsSmall) {
  constexpr std::int64_t kMany = 15000;
  constexpr std::int64_t kMostBytes = 1024;
  session_->End(absl::CancelledError("its handles are not to count"));
  session_ = Make("many");
  AllowDescriptors(kMany + 100);
  ASSERT_THAT(session_->CreateSelector(SelectorKind::kPoll, "all"), IsOk());
  const std::int64_t before = AllocatedBytes();

  for (std::int64_t i = 0; i < kMany; ++i) {
    const std::string name = absl::StrCat("a-counter-of-many-", i);
    ASSERT_THAT(session_->CreateCounter(name, 0, false), IsOk());
    const Change change{.kind = Change::Kind::kRegister,
                        .handle = {.name = name},
                        .interest = {.events = kIn}};
    ASSERT_THAT(session_->Apply({.name = "all"}, {change}), IsOk());
  }

  EXPECT_LE((AllocatedBytes() - before) / kMany, kMostBytes);
}

// ---- Waits.

TEST_F(OneSessionTest, ReadinessWakesTheSink) {
  const StreamId wait = Wait();
  ASSERT_EQ(session_->TakeResult(wait).has_value(), false);
  ASSERT_EQ(Woken(), 0);

  PutByte();

  EXPECT_EQ(Woken(), 1);
  EXPECT_THAT(Take(wait), ElementsAre(kIn));
}

TEST_F(OneSessionTest, WithoutCreditNothingWakesTheSink) {
  PutByte();
  const StreamId wait = Wait();
  ASSERT_THAT(Take(wait), ElementsAre(kIn));
  ASSERT_FALSE(session_->TakeResult(wait).has_value());

  PutByte();

  EXPECT_EQ(Woken(), 0);
  EXPECT_FALSE(session_->HasCredit(wait));
}

TEST_F(OneSessionTest, TheTimeoutWakesTheSink) {
  const StreamId wait = Wait(false, absl::Seconds(3));
  ASSERT_FALSE(session_->TakeResult(wait).has_value());

  Advance(absl::Seconds(3) - absl::Nanoseconds(1));
  ASSERT_EQ(Woken(), 0);
  Advance(absl::Nanoseconds(1));

  EXPECT_EQ(Woken(), 1);
  EXPECT_TRUE(session_->TakeResult(wait)->result.timed_out);
}

TEST_F(OneSessionTest, ClosingTheHandleWakesTheSink) {
  const StreamId wait = Wait();
  ASSERT_FALSE(session_->TakeResult(wait).has_value());

  ASSERT_THAT(session_->CloseHandle({.name = "in"}), IsOk());

  EXPECT_GE(Woken(), 1);
  EXPECT_THAT(Take(wait), ElementsAre(kInvalid));
  ASSERT_THAT(session_->Grant(wait, 1, 1), IsOk());
  EXPECT_FALSE(session_->TakeResult(wait).has_value());
}

TEST_F(OneSessionTest, ClosingTheSelectorEndsTheWait) {
  const StreamId wait = Wait();

  ASSERT_THAT(session_->CloseSelector({.name = "poll"}), IsOk());

  ASSERT_THAT(sink_->ended(), SizeIs(1));
  EXPECT_THAT(sink_->ended()[0], IsClosedError());
  EXPECT_FALSE(session_->TakeResult(wait).has_value());
  EXPECT_THAT(session_->Grant(wait, 0, 1), IsClosedError());
  EXPECT_EQ(session_->GetHandle({.name = "in"})->registrations, 0u);
}

TEST_F(OneSessionTest, ASecondWaitOnASelectorIsRefused) {
  const StreamId wait = Wait();

  const auto second =
      session_->BeginWait({.selector = {.name = "poll"}}, sink_);

  EXPECT_THAT(second, HasErrno(EBUSY));
  EXPECT_EQ(session_->Info().streams, 1u);
  PutByte();
  EXPECT_THAT(Take(wait), ElementsAre(kIn));
}

// ---- Polls beside a wait.

TEST_F(OneSessionTest, APollBesideAWaitBeginsWhenThatEnds) {
  const StreamId wait = Wait();
  const StreamId poll = Wait(/*single=*/true);
  PutByte();
  ASSERT_FALSE(session_->TakeResult(poll).has_value());
  const int woken = Woken();

  session_->EndWait(wait);

  EXPECT_GT(Woken(), woken);
  EXPECT_THAT(Take(poll), ElementsAre(kIn));
  EXPECT_EQ(session_->Info().streams, 0u);
}

TEST_F(OneSessionTest, PollsBesideAWaitBeginInTurn) {
  const StreamId wait = Wait();
  const StreamId first = Wait(/*single=*/true);
  const StreamId second = Wait(/*single=*/true);
  PutByte();
  session_->EndWait(wait);

  ASSERT_FALSE(session_->TakeResult(second).has_value());
  EXPECT_THAT(Take(first), ElementsAre(kIn));
  EXPECT_THAT(Take(second), ElementsAre(kIn));
}

TEST_F(OneSessionTest, APollBesideAWaitIsRefusedWhenThatGoesOn) {
  const StreamId wait = Wait();
  const StreamId poll = Wait(/*single=*/true);

  Advance(kPatience - absl::Nanoseconds(1));
  ASSERT_THAT(sink_->ended(), IsEmpty());
  Advance(absl::Nanoseconds(1));

  ASSERT_THAT(sink_->ended(), SizeIs(1));
  EXPECT_THAT(sink_->ended()[0], HasErrno(EBUSY));
  EXPECT_EQ(session_->Info().streams, 1u);
  EXPECT_FALSE(session_->TakeResult(poll).has_value());
  PutByte();
  EXPECT_THAT(Take(wait), ElementsAre(kIn));
}

TEST_F(OneSessionTest, AShortPollBesideAWaitHasTheSamePatience) {
  const StreamId wait = Wait();
  const StreamId poll = Wait(/*single=*/true, absl::Nanoseconds(1));
  Advance(kPatience - absl::Nanoseconds(1));
  ASSERT_FALSE(session_->TakeResult(poll).has_value());

  session_->EndWait(wait);

  EXPECT_THAT(sink_->ended(), IsEmpty());
  const auto named = session_->TakeResult(poll);
  ASSERT_TRUE(named.has_value());
  EXPECT_TRUE(named->result.timed_out);
}

TEST_F(OneSessionTest, TheTimeoutOfAPollThatWaitedRunsFromItsRequest) {
  const StreamId wait = Wait();
  const StreamId poll = Wait(/*single=*/true, absl::Seconds(1));
  Advance(kPatience / 2);
  session_->EndWait(wait);
  ASSERT_FALSE(session_->TakeResult(poll).has_value());

  Advance(absl::Seconds(1) - kPatience / 2 - absl::Nanoseconds(1));
  ASSERT_FALSE(session_->TakeResult(poll).has_value());
  Advance(absl::Nanoseconds(1));

  const auto named = session_->TakeResult(poll);
  ASSERT_TRUE(named.has_value());
  EXPECT_TRUE(named->result.timed_out);
}

TEST_F(OneSessionTest, APollOfNoTimeLooksBesideAWaitAndTakesNothing) {
  Register("out", kOut, Trigger::kOneShot);
  PutByte();
  const StreamId wait = Wait();

  EXPECT_THAT(Take(Wait(/*single=*/true, absl::ZeroDuration())),
              ElementsAre(kIn));

  EXPECT_EQ(session_->Info().streams, 1u);
  EXPECT_THAT(Take(wait), UnorderedElementsAre(kIn, kOut));
}

// The wait has told of the handle, and is not to tell it again.
TEST_F(OneSessionTest, ALookThatIsLostChangesNothing) {
  PutByte();
  const auto wait =
      session_->BeginWait({.selector = {.name = "poll"}, .credits = 2}, sink_);
  ASSERT_THAT(wait, IsOk());
  ASSERT_THAT(Take(*wait), ElementsAre(kIn));
  const auto seen =
      session_->TakeResult(Wait(/*single=*/true, absl::ZeroDuration()));
  ASSERT_TRUE(seen.has_value());
  ASSERT_THAT(seen->result.events, SizeIs(1));

  session_->GiveBack({.name = "poll"}, seen->result);

  EXPECT_FALSE(session_->TakeResult(*wait).has_value());
}

TEST_F(OneSessionTest, ALookReportsWhatItsSelectorsKindDoes) {
  ASSERT_THAT(session_->CreateSelector(SelectorKind::kDefault, "poll2"),
              IsOk());
  const Change change{.kind = Change::Kind::kRegister,
                      .handle = {.name = "in"},
                      .interest = {.events = kIn}};
  ASSERT_THAT(session_->Apply({.name = "poll2"}, {change}), IsOk());
  ASSERT_THAT(session_->BeginWait({.selector = {.name = "poll2"}}, sink_),
              IsOk());
  ASSERT_THAT(session_->CloseHandle({.name = "out"}), IsOk());

  const auto look = session_->BeginWait({.selector = {.name = "poll2"},
                                         .timeout = absl::ZeroDuration(),
                                         .single = true},
                                        sink_);
  ASSERT_THAT(look, IsOk());
  EXPECT_THAT(Take(*look), ElementsAre(kIn));  // a hang-up
}

TEST_F(OneSessionTest, APollTakesAWaitOver) {
  const StreamId wait = Wait();

  const auto poll = session_->BeginWait(
      {.selector = {.name = "poll"}, .single = true, .take_over = true},
      std::make_shared<NotingSink>());

  ASSERT_THAT(poll, IsOk());
  ASSERT_THAT(sink_->ended(), SizeIs(1));
  EXPECT_EQ(ReasonOf(sink_->ended()[0]), "TAKEN_OVER");
  EXPECT_FALSE(session_->TakeResult(wait).has_value());
  PutByte();
  EXPECT_THAT(Take(*poll), ElementsAre(kIn));
}

TEST_F(OneSessionTest, ClosingTheSelectorEndsThePollsBesideItsWait) {
  Wait();
  Wait(/*single=*/true);
  const StreamId look = Wait(/*single=*/true, absl::ZeroDuration());

  ASSERT_THAT(session_->CloseSelector({.name = "poll"}), IsOk());

  ASSERT_THAT(sink_->ended(), SizeIs(3));
  EXPECT_THAT(sink_->ended(), testing::Each(IsClosedError()));
  EXPECT_FALSE(session_->TakeResult(look).has_value());
  EXPECT_EQ(session_->Info().streams, 0u);
}

TEST_F(OneSessionTest, TheEndOfASessionTellsThePollsBesideAWaitOnce) {
  Wait();
  Wait(/*single=*/true);

  session_->End(absl::CancelledError("the test ends it"));

  EXPECT_THAT(sink_->ended(), SizeIs(2));
}

TEST_F(OneSessionTest, ASingleWaitIsOverWithItsResult) {
  PutByte();
  const StreamId wait = Wait(/*single=*/true);

  EXPECT_THAT(Take(wait), ElementsAre(kIn));

  EXPECT_FALSE(session_->TakeResult(wait).has_value());
  EXPECT_EQ(session_->Info().streams, 0u);
  EXPECT_FALSE(session_->GetSelector({.name = "poll"})->waiting);
}

TEST_F(OneSessionTest, AResultGivenBackComesAgain) {
  Register("in", kIn, Trigger::kOneShot);
  PutByte();
  const auto lost = session_->TakeResult(Wait(/*single=*/true));
  ASSERT_EQ(session_->GetHandle({.name = "in"})->registrations, 0u);

  session_->GiveBack({.name = "poll"}, lost->result);

  EXPECT_EQ(session_->GetHandle({.name = "in"})->registrations, 1u);
  EXPECT_THAT(Take(Wait(/*single=*/true)), ElementsAre(kIn));
}

TEST_F(OneSessionTest, AFreshWaitRestoresOneShotsToTheirHandles) {
  Register("in", kIn, Trigger::kOneShot);
  PutByte();
  const StreamId cut = Wait();
  ASSERT_THAT(Take(cut), ElementsAre(kIn));
  session_->EndWait(cut);

  const StreamId wait = Wait();

  EXPECT_EQ(session_->GetHandle({.name = "in"})->registrations, 1u);
  ASSERT_THAT(session_->CloseHandle({.name = "in"}), IsOk());
  EXPECT_THAT(Take(wait), ElementsAre(kInvalid));
  EXPECT_THAT(session_->CloseSelector({.name = "poll"}), IsOk());
}

TEST_F(OneSessionTest, TooManyStreamsAreRefused) {
  Limits limits;
  limits.max_session_streams = 1;
  Limit(limits);
  ASSERT_NO_FATAL_FAILURE(Furnish());
  ASSERT_THAT(session_->AttachStream(sink_), IsOk());

  const auto wait = session_->BeginWait({.selector = {.name = "poll"}}, sink_);

  EXPECT_EQ(ReasonOf(wait), "LIMIT_SESSION_STREAMS");
  EXPECT_EQ(ReasonOf(session_->AttachStream(sink_)), "LIMIT_SESSION_STREAMS");
}

// ---- Many that are ready at once.

// Counters, as many as there are in `handles`.
class ManyReadyTest : public OneSessionTest {
 protected:
  static constexpr int kMany = 1500;

  // `ready`: they can be read from the start.
  void MakeCounters(bool ready) {
    AllowDescriptors(kMany + 200);
    for (int i = 0; i < kMany; ++i) {
      handles_.push_back({.name = absl::StrCat("c", i)});
      ASSERT_THAT(
          session_->CreateCounter(handles_.back().name, ready ? 1 : 0, false),
          IsOk());
    }
  }
  // Makes a selector "all" with every one of them.
  void RegisterAll(Trigger trigger) {
    ASSERT_THAT(session_->CreateSelector(SelectorKind::kPoll, "all"), IsOk());
    for (const Reference& handle : handles_) {
      const Change change{.kind = Change::Kind::kRegister,
                          .handle = handle,
                          .interest = {.events = kIn, .trigger = trigger}};
      ASSERT_THAT(session_->Apply({.name = "all"}, {change}), IsOk());
    }
  }
  // How many events a Poll of "all" that looks once has.
  std::size_t CountPolled(bool with_names = false) {
    const auto wait = session_->BeginWait({.selector = {.name = "all"},
                                           .timeout = absl::ZeroDuration(),
                                           .with_names = with_names,
                                           .single = true},
                                          sink_);
    EXPECT_THAT(wait, IsOk());
    return session_->TakeResult(wait.value_or(0))
        .value_or(NamedResult())
        .result.events.size();
  }

  std::vector<Reference> handles_;
};

TEST_F(ManyReadyTest, APollReportsThemAll) {
  ASSERT_NO_FATAL_FAILURE(MakeCounters(true));
  ASSERT_NO_FATAL_FAILURE(RegisterAll(Trigger::kLevel));

  EXPECT_EQ(CountPolled(), std::size_t{kMany});
  EXPECT_EQ(CountPolled(/*with_names=*/true), std::size_t{kMany});
}

TEST_F(ManyReadyTest, WhatAnAnswerHasNoRoomForStaysReady) {
  Limits limits;
  limits.max_answer_bytes = 1000 * kMostEventBytes;
  Limit(limits);
  ASSERT_NO_FATAL_FAILURE(Furnish());
  ASSERT_NO_FATAL_FAILURE(MakeCounters(true));
  ASSERT_NO_FATAL_FAILURE(RegisterAll(Trigger::kEdge));

  EXPECT_EQ(CountPolled(), 1000u);
  EXPECT_EQ(CountPolled(), 500u);
}

TEST_F(ManyReadyTest, ASelectThatWaitsReportsThemAll) {
  ASSERT_NO_FATAL_FAILURE(MakeCounters(false));
  const auto start = session_->BeginSelect({.read = handles_}, sink_);
  ASSERT_THAT(start, IsOk());
  ASSERT_FALSE(session_->TakeSelect(start->wait).has_value());
  for (const Reference& handle : handles_) {
    ASSERT_THAT(WriteNow(*session_, handle, {.count = 1}), IsOk());
  }

  const auto sets = session_->TakeSelect(start->wait);

  ASSERT_TRUE(sets.has_value());
  ASSERT_THAT(*sets, IsOk());
  EXPECT_THAT((*sets)->read, SizeIs(kMany));
}

TEST_F(ManyReadyTest, AControlReportsThemAll) {
  ASSERT_NO_FATAL_FAILURE(MakeCounters(true));
  ASSERT_THAT(session_->CreateSelector(SelectorKind::kKqueue, "kq"), IsOk());
  for (const Reference& handle : handles_) {
    const Change change{.kind = Change::Kind::kKevent,
                        .handle = handle,
                        .kevent = {.filter = evfilt::kRead}};
    ASSERT_THAT(session_->Apply({.name = "kq"}, {change}), IsOk());
  }

  const auto start = session_->BeginControl(
      {.selector = {.name = "kq"},
       .max_events = std::numeric_limits<std::int32_t>::max(),
       .timeout = absl::ZeroDuration(),
       .with_names = true},
      sink_);

  ASSERT_THAT(start, IsOk());
  ASSERT_TRUE(start->answer.has_value());
  EXPECT_THAT(start->answer->result.kevents, SizeIs(kMany));
}

// ---- Select.

TEST_F(OneSessionTest, SelectAnswersAtOnceWhatIsReady) {
  const auto start =
      session_->BeginSelect({.read = {{.name = "in"}},
                             .write = {{.name = "out"}, {.name = "out"}},
                             .except = {{.name = "out"}}},
                            sink_);

  ASSERT_THAT(start, IsOk());
  ASSERT_TRUE(start->answer.has_value());
  EXPECT_THAT(start->answer->read, IsEmpty());
  EXPECT_THAT(start->answer->write, ElementsAre(0, 1));
  EXPECT_THAT(start->answer->except, IsEmpty());
}

TEST_F(OneSessionTest, SelectWaitsOnASelectorNobodySees) {
  const auto start = session_->BeginSelect({.read = {{.name = "in"}}}, sink_);
  ASSERT_THAT(start, IsOk());
  ASSERT_FALSE(start->answer.has_value());
  EXPECT_FALSE(session_->TakeSelect(start->wait).has_value());
  EXPECT_THAT(*session_->ListSelectors(0, 10), SizeIs(1));
  EXPECT_EQ(session_->Info().selectors, 1u);

  PutByte();

  EXPECT_EQ(Woken(), 1);
  const auto sets = session_->TakeSelect(start->wait);
  ASSERT_TRUE(sets.has_value());
  EXPECT_THAT((*sets)->read, ElementsAre(0));
  EXPECT_EQ(session_->GetHandle({.name = "in"})->registrations, 1u);
}

TEST_F(OneSessionTest, SelectOnAHandleThatIsClosedFails) {
  const auto start = session_->BeginSelect({.read = {{.name = "in"}}}, sink_);
  ASSERT_FALSE(session_->TakeSelect(start->wait).has_value());

  ASSERT_THAT(session_->CloseHandle({.name = "in"}), IsOk());

  const auto sets = session_->TakeSelect(start->wait);
  ASSERT_TRUE(sets.has_value());
  EXPECT_THAT(*sets, HasErrno(EBADF));
  EXPECT_THAT(*sets, StatusIs(absl::StatusCode::kFailedPrecondition));
}

TEST_F(OneSessionTest, SelectThatWaitsForExceptionsDoesNotSpin) {
  const auto start = session_->BeginSelect({.except = {{.name = "in"}}}, sink_);
  ASSERT_FALSE(session_->TakeSelect(start->wait).has_value());
  ASSERT_THAT(session_->CloseHandle({.name = "out"}), IsOk());
  ASSERT_EQ(Woken(), 1);
  ASSERT_FALSE(session_->TakeSelect(start->wait).has_value());

  // The kernel looks once more after the change of trigger, and then no more.
  ASSERT_EQ(Woken(), 2);
  ASSERT_FALSE(session_->TakeSelect(start->wait).has_value());
  EXPECT_EQ(Woken(), 2);
}

// ---- Quotas.

TEST_F(OneSessionTest, HandlesAreLimitedInTheSessionAndInAll) {
  Limits limits;
  limits.max_session_handles = 4;
  limits.max_handles = 6;
  Limit(limits);
  ASSERT_NO_FATAL_FAILURE(Furnish());
  ASSERT_THAT(session_->CreatePipe("", "", 0), IsOk());

  EXPECT_EQ(ReasonOf(session_->CreatePipe("", "", 0)), "LIMIT_SESSION_HANDLES");
  const auto other = Make();
  ASSERT_THAT(other->CreateSocketPair("", "", SOCK_STREAM), IsOk());
  EXPECT_EQ(ReasonOf(other->CreatePipe("", "", 0)), "LIMIT_HANDLES");

  ASSERT_THAT(session_->CloseHandle({.name = "in"}), IsOk());
  EXPECT_EQ(ReasonOf(other->CreatePipe("", "", 0)), "LIMIT_HANDLES");
  ASSERT_THAT(session_->CloseHandle({.name = "out"}), IsOk());
  EXPECT_THAT(other->CreatePipe("", "", 0), IsOk());
}

TEST_F(OneSessionTest, ARefusedPipeTakesNothingFromTheQuota) {
  const std::int64_t before = table_->handles().used();

  EXPECT_THAT(session_->CreatePipe("in", "", 0), HasErrno(EEXIST));
  EXPECT_THAT(session_->CreatePipe("a", "a", 0), HasErrno(EEXIST));
  EXPECT_THAT(session_->CreatePipe("1", "", 0), HasErrno(EINVAL));
  EXPECT_THAT(session_->CreatePipe("", "", -1), HasErrno(EINVAL));

  EXPECT_EQ(table_->handles().used(), before);
}

// Sessions of two owners, in a table of few selectors and registrations.
class TotalsTest : public SessionTest {
 protected:
  TotalsTest() {
    Limits few;
    few.max_selectors = 3;
    few.max_registrations = 4;
    Limit(few);
    const Grant all{.name = "all",
                    .to = {{.anyone = true}},
                    .quotas = {{&Limits::max_selectors, 2},
                               {&Limits::max_registrations, 3}}};
    authority_.Replace(std::make_shared<const Policy>(
        PolicySpec{.own_uid = geteuid(), .grants = {all}}));
    mine_ = Make();
    also_mine_ = Make();
    theirs_ = *table_->Create(Principal::Local(geteuid() + 1, 1, 1), "",
                              absl::Seconds(10));
  }

  // A selector of `session`'s, with `count` pipes registered; how it ended.
  static absl::Status Register(Session& session, SelectorKind kind, int count) {
    const auto selector = session.CreateSelector(kind, "");
    absl::Status status = selector.status();
    for (int i = 0; i < count && status.ok(); ++i) {
      const auto pipe = session.CreatePipe("", "", 0);
      const bool kqueue = kind == SelectorKind::kKqueue;
      Change change{.kind = Change::Kind::kRegister,
                    .handle = {.id = pipe->first.id},
                    .interest = {.events = std::int64_t{kIn}}};
      if (kqueue) {
        change = Change{
            .kind = Change::Kind::kKevent,
            .kevent = {.ident = static_cast<std::uint64_t>(pipe->first.id),
                       .filter = evfilt::kRead,
                       .flags = ev::kAdd}};
      }
      status = session.Apply({.id = selector->id}, {change})
                   ->front()
                   .generation.status();
    }
    return status;
  }

  std::shared_ptr<Session> mine_;
  std::shared_ptr<Session> also_mine_;
  std::shared_ptr<Session> theirs_;
};

TEST_F(TotalsTest, SelectorsAreCountedOverAllSessions) {
  EXPECT_THAT(mine_->CreateSelector(SelectorKind::kPoll, ""), IsOk());
  EXPECT_THAT(also_mine_->CreateSelector(SelectorKind::kKqueue, ""), IsOk());

  EXPECT_EQ(ReasonOf(mine_->CreateSelector(SelectorKind::kPoll, "")),
            "QUOTA_SELECTORS");
  EXPECT_THAT(theirs_->CreateSelector(SelectorKind::kPoll, ""), IsOk());
  EXPECT_EQ(ReasonOf(theirs_->CreateSelector(SelectorKind::kPoll, "")),
            "LIMIT_SELECTORS");

  EXPECT_THAT(table_->Delete(Me(), also_mine_->id()), IsOk());
  EXPECT_THAT(mine_->CreateSelector(SelectorKind::kPoll, "back"), IsOk());
  EXPECT_THAT(mine_->CloseSelector({.name = "back"}), IsOk());
  EXPECT_THAT(mine_->CreateSelector(SelectorKind::kPoll, ""), IsOk());
}

TEST_F(TotalsTest, ASelectThatWaitsHasASelector) {
  ASSERT_THAT(mine_->CreateSelector(SelectorKind::kPoll, ""), IsOk());
  ASSERT_THAT(mine_->CreateSelector(SelectorKind::kPoll, ""), IsOk());
  const auto pipe = mine_->CreatePipe("", "", 0);

  const auto waits = mine_->BeginSelect({.read = {{.id = pipe->first.id}}},
                                        std::make_shared<NotingSink>());

  EXPECT_EQ(ReasonOf(waits), "QUOTA_SELECTORS");
}

TEST_F(TotalsTest, RegistrationsAreCountedOverAllSelectors) {
  ASSERT_THAT(Register(*mine_, SelectorKind::kPoll, 1), IsOk());

  EXPECT_EQ(ReasonOf(Register(*also_mine_, SelectorKind::kKqueue, 3)),
            "QUOTA_REGISTRATIONS");
  EXPECT_EQ(ReasonOf(Register(*theirs_, SelectorKind::kSelect, 2)),
            "LIMIT_REGISTRATIONS");

  EXPECT_THAT(table_->Delete(Me(), also_mine_->id()), IsOk());
  EXPECT_THAT(Register(*mine_, SelectorKind::kKqueue, 2), IsOk());
}

TEST_F(TotalsTest, AReportOfAClosedHandleKeepsItsPlace) {
  const auto selector = mine_->CreateSelector(SelectorKind::kPoll, "watch");
  std::int64_t closed = 0;
  const auto register_and_close = [&] {
    const auto pipe = mine_->CreatePipe("r", "", 0);
    const auto outcomes = mine_->Apply(
        {.id = selector->id}, {Change{.kind = Change::Kind::kRegister,
                                      .handle = {.id = pipe->first.id}}});
    EXPECT_THAT(mine_->CloseHandle({.name = "r"}), IsOk());
    closed += outcomes->front().generation.ok() ? 1 : 0;
    return outcomes->front().generation.status();
  };
  for (int i = 0; i < 3; ++i) {
    EXPECT_THAT(register_and_close(), IsOk());
  }
  EXPECT_EQ(ReasonOf(register_and_close()), "QUOTA_REGISTRATIONS");

  const auto sink = std::make_shared<NotingSink>();
  const auto wait =
      mine_->BeginWait({.selector = {.name = "watch"}, .single = true}, sink);
  EXPECT_EQ(mine_->TakeResult(*wait)->result.events.size(), 3u);

  EXPECT_THAT(register_and_close(), IsOk());
}

TEST_F(TotalsTest, BytesHeldForEventsAreCountedWhereverTheyAre) {
  Limits few;
  few.max_held_bytes = 1000;
  few.max_pipe_bytes = 1 << 16;
  Limit(few);
  const auto session = Make();
  // Takes 600 bytes of a new pipe along with an event, which is not
  // acknowledged when `selector` is closed; how many it took.
  const auto take = [&](const std::string& name) {
    EXPECT_THAT(session->CreatePipe(name, name + ".w", 0), IsOk());
    EXPECT_THAT(WriteNow(*session, {.name = name + ".w"},
                         {.data = std::string(600, 'x')}),
                IsOk());
    EXPECT_THAT(session->CreateSelector(SelectorKind::kPoll, name), IsOk());
    EXPECT_THAT(session->Apply({.name = name},
                               {Change{.kind = Change::Kind::kRegister,
                                       .handle = {.name = name},
                                       .interest = {.events = std::int64_t{kIn},
                                                    .read_bytes = 600}}}),
                IsOk());
    const auto wait = session->BeginWait({.selector = {.name = name}},
                                         std::make_shared<NotingSink>());
    const absl::optional<NamedResult> taken = session->TakeResult(*wait);
    EXPECT_EQ(taken->result.events.size(), 1u);
    return taken->result.bytes;
  };

  EXPECT_EQ(take("a"), 600u);
  EXPECT_THAT(session->CloseSelector({.name = "a"}), IsOk());  // they come back
  EXPECT_EQ(take("b"), 600u);  // the last one may go over
  EXPECT_EQ(take("c"), 0u);    // an event all the same

  EXPECT_THAT(ReadNow(*session, {.name = "a"}, {.max_bytes = 600}), IsOk());
  EXPECT_THAT(session->CloseSelector({.name = "b"}), IsOk());
  EXPECT_THAT(session->CloseHandle({.name = "b"}), IsOk());
  EXPECT_EQ(take("d"), 600u);
}

TEST_F(OneSessionTest, SelectorsAreLimited) {
  Limits limits;
  limits.max_session_selectors = 1;
  Limit(limits);
  ASSERT_NO_FATAL_FAILURE(Furnish());

  EXPECT_EQ(ReasonOf(session_->CreateSelector(SelectorKind::kPoll, "")),
            "LIMIT_SESSION_SELECTORS");
  EXPECT_THAT(session_->BeginSelect({.read = {{.name = "in"}}}, sink_), IsOk());
}

}  // namespace
}  // namespace farpoll::server
