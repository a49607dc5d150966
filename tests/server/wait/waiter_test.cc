// tests/server/wait/waiter_test.cc: room: tests. Credits, sequences,
// acknowledgements and resuming. Time is a plain value here.
#include "server/wait/waiter.h"

#include <cerrno>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/wait/handles.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fd_fixtures.h"
#include "tests/support/status_matchers.h"

namespace farpoll::server {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

constexpr std::int64_t kWindow = 8;

class WaiterTest : public testing::Test {
 protected:
  // Makes a pipe with a byte in it and registers it.
  Pipe& Ready(std::int64_t id, Trigger trigger = Trigger::kLevel) {
    Pipe& pipe = Idle(id, trigger);
    Write(pipe.writer(), "x");
    return pipe;
  }
  Pipe& Idle(std::int64_t id, Trigger trigger = Trigger::kLevel) {
    Pipe& pipe = handles_.Make(id);
    EXPECT_THAT(selector_->Register(id, handles_.TargetOf(id),
                                    {.events = kIn, .trigger = trigger}),
                IsOk());
    return pipe;
  }

  absl::Status Begin(WaitOptions options) {
    options.max_credits = kWindow;
    options.max_events = options.max_events == 1 ? 64 : options.max_events;
    if (options.max_unacked_events == 1) {
      options.max_unacked_events = 64;
    }
    return waiter_.Begin(options, clock_.Now(), [this](std::int64_t id) {
      return handles_.TargetOf(id);
    });
  }

  absl::optional<Result> Take() { return waiter_.Take(clock_.Now()); }

  // Takes a result that must be there, with that sequence.
  std::vector<ReadyEvent> Must(std::int64_t sequence) {
    const absl::optional<Result> result = Take();
    EXPECT_TRUE(result.has_value());
    EXPECT_EQ(result.value_or(Result()).sequence, sequence);
    return result.value_or(Result()).events;
  }

  absl::Status Grant(std::int64_t acknowledge, std::int64_t credits) {
    return waiter_.Grant(acknowledge, credits, clock_.Now());
  }

  FakeClock clock_;
  PipeHandles handles_;
  const std::unique_ptr<Selector> selector_ = MakeSelector(SelectorKind::kPoll);
  Waiter waiter_{selector_.get()};
};

// ---- Marks.

TEST_F(WaiterTest, EachReportIsNotedWithItsHandle) {
  Ready(1);
  Idle(2);
  ASSERT_THAT(Begin({.credits = 1}), IsOk());

  EXPECT_EQ(Must(1).at(0).readiness, 1);
  ASSERT_THAT(Grant(1, 1), IsOk());
  EXPECT_EQ(Must(2).at(0).readiness, 2);

  EXPECT_EQ(handles_.MarkOf(1).generation, 2);
  EXPECT_EQ(handles_.MarkOf(1).sequence, 2);
  EXPECT_EQ(handles_.MarkOf(1).selector_id, kSelectorId);
  EXPECT_EQ(handles_.MarkOf(2).generation, 0);
}

TEST_F(WaiterTest, AResultSentAgainIsNotNotedAgain) {
  Ready(1);
  ASSERT_THAT(Begin({.credits = 1}), IsOk());
  Must(1);
  waiter_.End();
  ASSERT_THAT(Begin({.credits = 1, .resume_after = 0}), IsOk());

  EXPECT_EQ(Must(1).at(0).readiness, 1);

  EXPECT_EQ(handles_.MarkOf(1).generation, 1);
}

// ---- Credits.

TEST_F(WaiterTest, OneCreditOneResult) {
  Ready(1);
  ASSERT_THAT(Begin({.credits = 1}), IsOk());

  EXPECT_THAT(Must(1), ElementsAre(Saw(1, kIn)));

  EXPECT_FALSE(waiter_.wants_readiness());
  EXPECT_EQ(Take(), absl::nullopt);
  ASSERT_THAT(Grant(1, 1), IsOk());
  EXPECT_THAT(Must(2), ElementsAre(Saw(1, kIn)));
}

TEST_F(WaiterTest, NothingReadyUsesNoCredit) {
  Pipe& pipe = Idle(1);
  ASSERT_THAT(Begin({.credits = 1}), IsOk());
  EXPECT_EQ(Take(), absl::nullopt);
  EXPECT_TRUE(waiter_.wants_readiness());

  Write(pipe.writer(), "x");

  EXPECT_THAT(Must(1), ElementsAre(Saw(1, kIn)));
}

TEST_F(WaiterTest, NewsWhileThereIsNoCreditComesAsOneResult) {
  Pipe& first = Ready(1, Trigger::kEdge);
  Pipe& second = Idle(2, Trigger::kEdge);
  ASSERT_THAT(Begin({.credits = 1}), IsOk());
  ASSERT_THAT(Must(1), ElementsAre(Saw(1, kIn)));

  for (int i = 0; i < 10; ++i) {
    Write(first.writer(), "y");
    Write(second.writer(), "y");
  }
  ASSERT_THAT(Grant(1, 1), IsOk());

  EXPECT_THAT(Must(2), UnorderedElementsAre(Saw(1, kIn), Saw(2, kIn)));
}

TEST_F(WaiterTest, ASecondWaitIsRefused) {
  ASSERT_THAT(Begin({.credits = 1}), IsOk());

  EXPECT_THAT(Begin({.credits = 1}), HasErrno(EBUSY));

  waiter_.End();
  EXPECT_THAT(Begin({.credits = 1}), IsOk());
}

struct CreditsRow {
  const char* name;
  std::int64_t credits;
  bool accepted;
};

class WaiterCreditsTest : public WaiterTest,
                          public testing::WithParamInterface<CreditsRow> {};

TEST_P(WaiterCreditsTest, OfTheFirstMessage) {
  const absl::Status begun = Begin({.credits = GetParam().credits});

  EXPECT_EQ(begun.ok(), GetParam().accepted) << begun;
  EXPECT_EQ(DetailOf(begun).reason, GetParam().accepted ? "" : "BAD_CREDITS");
  EXPECT_EQ(waiter_.active(), GetParam().accepted);
}

INSTANTIATE_TEST_SUITE_P(
    Table, WaiterCreditsTest,
    testing::Values(CreditsRow{"One", 1, true},
                    CreditsRow{"All", kWindow, true},
                    CreditsRow{"None", 0, false},
                    CreditsRow{"Negative", -1, false},
                    CreditsRow{"TooMany", kWindow + 1, false}),
    [](const auto& info) { return std::string(info.param.name); });

TEST_F(WaiterTest, UnacknowledgedResultsCountAsCredits) {
  Ready(1);
  ASSERT_THAT(Begin({.credits = kWindow}), IsOk());
  Must(1);

  EXPECT_THAT(Grant(0, 1), HasErrno(EINVAL));
  EXPECT_THAT(Grant(1, 2), HasErrno(EINVAL));
  EXPECT_THAT(Grant(1, 1), IsOk());
}

// ---- What is kept is bounded.

TEST_F(WaiterTest, ResultsShrinkWhenManyEventsAreUnacknowledged) {
  for (std::int64_t id = 1; id <= 8; ++id) {
    Ready(id, Trigger::kEdge);
  }
  ASSERT_THAT(Begin({.credits = 8, .max_events = 3, .max_unacked_events = 5}),
              IsOk());

  EXPECT_EQ(Must(1).size(), 3);
  EXPECT_EQ(Must(2).size(), 2);
  EXPECT_EQ(Must(3).size(), 1) << "a credit is good for an event";
  ASSERT_THAT(Grant(2, 1), IsOk());
  EXPECT_EQ(Must(4).size(), 2) << "one is left unacknowledged";
}

TEST_F(WaiterTest, WhatIsKeptForAResumeCountsAgainstItsRoom) {
  for (std::int64_t id = 1; id <= 6; ++id) {
    Ready(id, Trigger::kEdge);
  }
  const WaitOptions options{
      .credits = 2, .max_events = 4, .max_unacked_events = 5};
  ASSERT_THAT(Begin(options), IsOk());
  ASSERT_EQ(Must(1).size(), 4);
  waiter_.End();
  WaitOptions again = options;
  again.resume_after = 0;
  ASSERT_THAT(Begin(again), IsOk());

  EXPECT_EQ(Must(1).size(), 4);
  EXPECT_EQ(Must(2).size(), 1);
}

// ---- Acknowledgements.

TEST_F(WaiterTest, AcknowledgingTheFutureIsRefused) {
  Ready(1);
  ASSERT_THAT(Begin({.credits = 1}), IsOk());
  Must(1);

  EXPECT_THAT(Grant(2, 1), HasErrno(EINVAL));
  EXPECT_THAT(Grant(-1, 1), HasErrno(EINVAL));

  EXPECT_FALSE(waiter_.wants_readiness());
}

TEST_F(WaiterTest, RepeatedAcknowledgementIsIgnored) {
  Ready(1);
  ASSERT_THAT(Begin({.credits = 1}), IsOk());
  Must(1);
  ASSERT_THAT(Grant(1, 1), IsOk());
  Must(2);

  EXPECT_THAT(Grant(1, 1), IsOk());

  // Result 2 is still to be acknowledged, so the pipe is quiet.
  EXPECT_EQ(Take(), absl::nullopt);
  EXPECT_THAT(Grant(2, 1), IsOk());
  EXPECT_THAT(Must(3), ElementsAre(Saw(1, kIn)));
}

TEST_F(WaiterTest, WithTwoCreditsNothingIsReportedTwice) {
  Ready(1);
  Pipe& late = Idle(2);
  ASSERT_THAT(Begin({.credits = 2}), IsOk());
  ASSERT_THAT(Must(1), ElementsAre(Saw(1, kIn)));
  EXPECT_EQ(Take(), absl::nullopt);

  Write(late.writer(), "x");

  EXPECT_THAT(Must(2), ElementsAre(Saw(2, kIn)));
  ASSERT_THAT(Grant(1, 1), IsOk());
  EXPECT_THAT(Must(3), ElementsAre(Saw(1, kIn)));
}

TEST_F(WaiterTest, EdgeIsSilentAfterTheAcknowledgement) {
  Pipe& pipe = Ready(1, Trigger::kEdge);
  ASSERT_THAT(Begin({.credits = 1}), IsOk());
  Must(1);

  ASSERT_THAT(Grant(1, 1), IsOk());
  EXPECT_EQ(Take(), absl::nullopt);
  Write(pipe.writer(), "y");
  EXPECT_THAT(Must(2), ElementsAre(Saw(1, kIn)));
}

TEST_F(WaiterTest, ClosedHandleIsReportedOnce) {
  Ready(1);
  ASSERT_THAT(Begin({.credits = 2}), IsOk());
  Must(1);

  handles_.Close(1, *selector_);

  EXPECT_THAT(Must(2), ElementsAre(Saw(1, kInvalid)));
  ASSERT_THAT(Grant(2, 2), IsOk());
  EXPECT_EQ(Take(), absl::nullopt);
}

// ---- Time.

TEST_F(WaiterTest, TimeoutIsAnEmptyResult) {
  Idle(1);
  const MonotonicTime start = clock_.Now();
  ASSERT_THAT(Begin({.credits = 1, .timeout = absl::Seconds(5)}), IsOk());
  EXPECT_EQ(waiter_.deadline(), start + std::chrono::seconds(5));

  clock_.Advance(absl::Seconds(5) - absl::Nanoseconds(1));
  EXPECT_EQ(Take(), absl::nullopt);

  clock_.Advance(absl::Nanoseconds(1));
  const absl::optional<Result> result = Take();
  ASSERT_TRUE(result.has_value());
  EXPECT_TRUE(result->timed_out);
  EXPECT_THAT(result->events, IsEmpty());
  EXPECT_EQ(result->sequence, 1);
  EXPECT_EQ(result->sampled_at, clock_.Now());
}

TEST_F(WaiterTest, EachCreditHasTheWholeTimeout) {
  ASSERT_THAT(Begin({.credits = 2, .timeout = absl::Seconds(5)}), IsOk());
  clock_.Advance(absl::Seconds(7));
  ASSERT_TRUE(Take()->timed_out);

  EXPECT_EQ(waiter_.deadline(), clock_.Now() + std::chrono::seconds(5));
  EXPECT_EQ(Take(), absl::nullopt);
}

TEST_F(WaiterTest, TimeRunsOnlyWhileThereIsACredit) {
  Ready(1, Trigger::kEdge);
  ASSERT_THAT(Begin({.credits = 1, .timeout = absl::Seconds(5)}), IsOk());
  Must(1);
  EXPECT_EQ(waiter_.deadline(), kNever);

  clock_.Advance(absl::Hours(1));
  ASSERT_THAT(Grant(1, 1), IsOk());

  EXPECT_EQ(waiter_.deadline(), clock_.Now() + std::chrono::seconds(5));
  EXPECT_EQ(Take(), absl::nullopt);
}

TEST_F(WaiterTest, MoreCreditsDoNotRestartTheTimeout) {
  ASSERT_THAT(Begin({.credits = 1, .timeout = absl::Seconds(5)}), IsOk());
  const MonotonicTime deadline = waiter_.deadline();

  clock_.Advance(absl::Seconds(1));
  ASSERT_THAT(Grant(0, 1), IsOk());

  EXPECT_EQ(waiter_.deadline(), deadline);
}

TEST_F(WaiterTest, ReadyWinsOverTheDeadline) {
  Ready(1);
  ASSERT_THAT(Begin({.credits = 1, .timeout = absl::ZeroDuration()}), IsOk());

  const absl::optional<Result> result = Take();

  ASSERT_TRUE(result.has_value());
  EXPECT_FALSE(result->timed_out);
  EXPECT_THAT(result->events, ElementsAre(Saw(1, kIn)));
}

// ---- Resuming.

TEST_F(WaiterTest, ResumeSendsAgainWhatWasNotAcknowledged) {
  Ready(1, Trigger::kEdge);
  Pipe& late = Idle(2, Trigger::kEdge);
  ASSERT_THAT(Begin({.credits = 4}), IsOk());
  Must(1);
  Write(late.writer(), "x");
  Must(2);
  waiter_.End();

  ASSERT_THAT(Begin({.credits = 2, .resume_after = 1}), IsOk());

  EXPECT_THAT(Must(2), ElementsAre(Saw(2, kIn)));
  EXPECT_EQ(Take(), absl::nullopt);
  EXPECT_TRUE(waiter_.wants_readiness());
  Write(late.writer(), "y");
  EXPECT_THAT(Must(3), ElementsAre(Saw(2, kIn)));
}

TEST_F(WaiterTest, ResumeKeepsResentLevelsQuiet) {
  Ready(1);
  ASSERT_THAT(Begin({.credits = 1}), IsOk());
  Must(1);
  waiter_.End();

  ASSERT_THAT(Begin({.credits = 1, .resume_after = 0}), IsOk());

  EXPECT_THAT(Must(1), ElementsAre(Saw(1, kIn)));
  EXPECT_EQ(Take(), absl::nullopt);
  ASSERT_THAT(Grant(1, 1), IsOk());
  EXPECT_THAT(Must(2), ElementsAre(Saw(1, kIn)));
}

TEST_F(WaiterTest, ResumeMayBeCutAgain) {
  Ready(1, Trigger::kOneShot);
  ASSERT_THAT(Begin({.credits = 1}), IsOk());
  Must(1);
  for (int cut = 0; cut < 3; ++cut) {
    waiter_.End();
    ASSERT_THAT(Begin({.credits = 1, .resume_after = 0}), IsOk());
    EXPECT_THAT(Must(1), ElementsAre(Saw(1, kIn)));
  }

  ASSERT_THAT(Grant(1, 1), IsOk());
  EXPECT_EQ(Take(), absl::nullopt);
}

TEST_F(WaiterTest, ResumeFromTheFutureIsRefused) {
  EXPECT_THAT(Begin({.credits = 1, .resume_after = 1}), HasErrno(EINVAL));
  EXPECT_THAT(Begin({.credits = 1, .resume_after = -1}), HasErrno(EINVAL));
  EXPECT_FALSE(waiter_.active());
}

TEST_F(WaiterTest, AResultSentAgainUsesACredit) {
  Pipe& pipe = Ready(1, Trigger::kEdge);
  ASSERT_THAT(Begin({.credits = 2}), IsOk());
  Must(1);
  Write(pipe.writer(), "y");
  Must(2);
  waiter_.End();

  ASSERT_THAT(Begin({.credits = 1, .resume_after = 0}), IsOk());

  Must(1);
  EXPECT_FALSE(waiter_.wants_readiness());
  EXPECT_EQ(Take(), absl::nullopt);
  ASSERT_THAT(Grant(1, 1), IsOk());
  Must(2);
  EXPECT_EQ(Take(), absl::nullopt);
}

TEST_F(WaiterTest, AWholeWindowOfUnacknowledgedResultsIsResumed) {
  Pipe& pipe = Ready(1, Trigger::kEdge);
  ASSERT_THAT(Begin({.credits = kWindow}), IsOk());
  for (std::int64_t sequence = 1; sequence <= kWindow; ++sequence) {
    Must(sequence);
    Write(pipe.writer(), "y");
  }
  waiter_.End();

  ASSERT_THAT(Begin({.credits = kWindow, .resume_after = 0}), IsOk());

  for (std::int64_t sequence = 1; sequence <= kWindow; ++sequence) {
    Must(sequence);
  }
  EXPECT_EQ(Take(), absl::nullopt);
  ASSERT_THAT(Grant(kWindow, kWindow), IsOk());
  EXPECT_THAT(Must(kWindow + 1), ElementsAre(Saw(1, kIn)));
}

TEST_F(WaiterTest, WhatIsKeptMayBeAcknowledgedBeforeItIsSentAgain) {
  Pipe& pipe = Ready(1, Trigger::kEdge);
  ASSERT_THAT(Begin({.credits = 3}), IsOk());
  for (std::int64_t sequence = 1; sequence <= 3; ++sequence) {
    Must(sequence);
    Write(pipe.writer(), "y");
  }
  waiter_.End();
  ASSERT_THAT(Begin({.credits = 1, .resume_after = 0}), IsOk());
  Must(1);

  ASSERT_THAT(Grant(2, kWindow), IsOk());

  Must(3);
  EXPECT_THAT(Must(4), ElementsAre(Saw(1, kIn)));
}

TEST_F(WaiterTest, AFreshWaitArmsAgainWhatWasNotAcknowledged) {
  Ready(1, Trigger::kEdge);
  Ready(2, Trigger::kOneShot);
  ASSERT_THAT(Begin({.credits = 1}), IsOk());
  ASSERT_THAT(Must(1), UnorderedElementsAre(Saw(1, kIn), Saw(2, kIn)));
  waiter_.End();

  ASSERT_THAT(Begin({.credits = 1}), IsOk());

  EXPECT_THAT(Must(2), UnorderedElementsAre(Saw(1, kIn), Saw(2, kIn)));
}

TEST_F(WaiterTest, SequencesGoOnInTheNextWait) {
  Ready(1);
  ASSERT_THAT(Begin({.credits = 1}), IsOk());
  Must(1);
  ASSERT_THAT(Grant(1, 1), IsOk());
  waiter_.End();

  ASSERT_THAT(Begin({.credits = 1}), IsOk());

  Must(2);
}

// ---- Taking over.

TEST_F(WaiterTest, AWaitIsTakenOverWhereItIs) {
  Ready(1, Trigger::kEdge);
  ASSERT_THAT(Begin({.credits = 1}), IsOk());
  Must(1);
  EXPECT_THAT(Begin({.credits = 1}), HasErrno(EBUSY));

  ASSERT_THAT(Begin({.credits = 1, .take_over = true, .resume_after = 0}),
              IsOk());

  EXPECT_THAT(Must(1), ElementsAre(Saw(1, kIn)));
}

TEST_F(WaiterTest, ABadTakeoverLeavesTheWaitAsItWas) {
  Pipe& pipe = Idle(1);
  ASSERT_THAT(Begin({.credits = 2}), IsOk());

  EXPECT_THAT(Begin({.credits = 0, .take_over = true}), HasErrno(EINVAL));
  EXPECT_THAT(Begin({.credits = 1, .take_over = true, .resume_after = 9}),
              HasErrno(EINVAL));

  Write(pipe.writer(), "x");
  Must(1);
  EXPECT_TRUE(waiter_.has_credit());
}

// ---- Results that may grow.

TEST_F(WaiterTest, AResultGrowsForTheTimeAllowed) {
  Ready(1);
  Pipe& later = Idle(2);
  ASSERT_THAT(Begin({.credits = 1, .batch_delay = absl::Milliseconds(5)}),
              IsOk());
  EXPECT_EQ(Take(), absl::nullopt);
  EXPECT_FALSE(waiter_.wants_readiness());
  EXPECT_EQ(waiter_.deadline(),
            DeadlineAfter(clock_.Now(), absl::Milliseconds(5)));

  Write(later.writer(), "x");
  clock_.Advance(absl::Milliseconds(4));
  EXPECT_EQ(Take(), absl::nullopt);
  clock_.Advance(absl::Milliseconds(1));

  EXPECT_THAT(Must(1), UnorderedElementsAre(Saw(1, kIn), Saw(2, kIn)));
}

TEST_F(WaiterTest, AGrowingResultIsInTimeForItsCredit) {
  Ready(1);
  ASSERT_THAT(Begin({.credits = 1,
                     .timeout = absl::Milliseconds(3),
                     .batch_delay = absl::Milliseconds(5)}),
              IsOk());
  EXPECT_EQ(Take(), absl::nullopt);

  clock_.Advance(absl::Milliseconds(3));

  EXPECT_THAT(Must(1), ElementsAre(Saw(1, kIn)));
}

TEST_F(WaiterTest, WhatIsNoLongerTrueWhenItHasGrownIsNotSent) {
  Pipe& pipe = Ready(1);
  ASSERT_THAT(Begin({.credits = 1, .batch_delay = absl::Milliseconds(5)}),
              IsOk());
  EXPECT_EQ(Take(), absl::nullopt);
  Drain(pipe.reader());

  clock_.Advance(absl::Milliseconds(5));

  EXPECT_EQ(Take(), absl::nullopt);
  EXPECT_TRUE(waiter_.wants_readiness());
}

// ---- Notices of progress.

TEST_F(WaiterTest, ANoticeFollowsEachSilence) {
  Ready(1);
  ASSERT_THAT(Begin({.credits = 1, .progress_interval = absl::Seconds(1)}),
              IsOk());
  Must(1);
  EXPECT_EQ(waiter_.deadline(), DeadlineAfter(clock_.Now(), absl::Seconds(1)));
  EXPECT_EQ(Take(), absl::nullopt);

  for (int i = 0; i < 3; ++i) {
    clock_.Advance(absl::Seconds(1));
    const absl::optional<Result> notice = Take();
    ASSERT_TRUE(notice.has_value());
    EXPECT_TRUE(notice->notice);
    EXPECT_TRUE(notice->empty());
    EXPECT_EQ(notice->sequence, 1);
    EXPECT_EQ(notice->sampled_at, clock_.Now());
    EXPECT_EQ(Take(), absl::nullopt);
  }

  // It is not kept: the next result follows the last one.
  ASSERT_THAT(Grant(1, 1), IsOk());
  EXPECT_THAT(Must(2), ElementsAre(Saw(1, kIn)));
}

TEST_F(WaiterTest, ANoticeGoesNoFurtherThanWhatWasSent) {
  Ready(1, Trigger::kEdge);
  Pipe& other = Idle(2, Trigger::kEdge);
  ASSERT_THAT(Begin({.credits = 2}), IsOk());
  Must(1);
  Write(other.writer(), "x");
  Must(2);
  waiter_.End();
  ASSERT_THAT(Begin({.credits = 1,
                     .progress_interval = absl::Seconds(1),
                     .resume_after = 0}),
              IsOk());
  Must(1);

  clock_.Advance(absl::Seconds(1));

  EXPECT_EQ(Take().value_or(Result()).sequence, 1);
}

// ---- A wait of one result.

TEST_F(WaiterTest, TakeOnlyEndsTheWaitInOrderOfRegistration) {
  for (const std::int64_t id : {3, 1, 2}) {
    Idle(id);
  }
  for (const std::int64_t id : {1, 2, 3}) {
    Write(handles_.Make(id).writer(), "x");
  }
  ASSERT_THAT(Begin({.credits = 1}), IsOk());

  const absl::optional<Result> result = waiter_.TakeOnly(clock_.Now());

  ASSERT_TRUE(result.has_value());
  EXPECT_THAT(result->events,
              ElementsAre(Saw(3, kIn), Saw(1, kIn), Saw(2, kIn)));
  EXPECT_FALSE(waiter_.active());
}

TEST_F(WaiterTest, TakeOnlyNeedsNoAcknowledgement) {
  Ready(1);
  for (int i = 0; i < 3; ++i) {
    ASSERT_THAT(Begin({.credits = 1}), IsOk());
    EXPECT_THAT(waiter_.TakeOnly(clock_.Now())->events,
                ElementsAre(Saw(1, kIn)));
  }
}

TEST_F(WaiterTest, AResultGivenBackIsReportedAgain) {
  Ready(1, Trigger::kOneShot);
  ASSERT_THAT(Begin({.credits = 1}), IsOk());
  const absl::optional<Result> lost = waiter_.TakeOnly(clock_.Now());

  waiter_.Restore(*lost,
                  [this](std::int64_t id) { return handles_.TargetOf(id); });

  ASSERT_THAT(Begin({.credits = 1}), IsOk());
  EXPECT_THAT(waiter_.TakeOnly(clock_.Now())->events, ElementsAre(Saw(1, kIn)));
}

}  // namespace
}  // namespace farpoll::server
