// tests/server/wait/selector_test.cc: room: tests. A selector on handles:
// registrations, what is collected, what is silenced and brought back.
#include "server/wait/selector.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/wait/handles.h"
#include "tests/support/fd_count.h"
#include "tests/support/fd_fixtures.h"
#include "tests/support/status_matchers.h"

namespace farpoll::server {
namespace {

using testing::ElementsAre;
using testing::Field;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

constexpr std::size_t kRoom = 64;

class SelectorTest : public testing::Test {
 protected:
  // Makes a selector of `kind` the one under test.
  void Use(SelectorKind kind, std::int64_t most = kManyRegistrations) {
    selector_ = MakeSelector(kind, most);
  }

  absl::StatusOr<std::int64_t> Register(std::int64_t id, Interest interest) {
    return selector_->Register(id, handles_.TargetOf(id), interest);
  }

  // Makes a pipe with a byte in it and registers it.
  Pipe& Ready(std::int64_t id, Trigger trigger = Trigger::kLevel) {
    Pipe& pipe = handles_.Make(id);
    Write(pipe.writer(), "x");
    EXPECT_THAT(Register(id, {.events = kIn, .trigger = trigger}), IsOk());
    return pipe;
  }

  std::vector<ReadyEvent> Collect(std::size_t room = kRoom) {
    last_ = Result();
    selector_->Collect(room, &last_);
    return last_.events;
  }

  void Restore(const std::vector<ReadyEvent>& events) {
    Result result;
    result.events = events;
    result.removed = last_.removed;
    selector_->Restore(
        result, [this](std::int64_t id) { return handles_.TargetOf(id); });
  }

  void Acknowledge(const std::vector<ReadyEvent>& events) {
    Result result;
    result.events = events;
    selector_->Acknowledge(result);
  }

  // Whether a reactor that watches the selector would be woken.
  bool WouldWake() { return KernelPoll(selector_->fd(), kIn) != 0; }

  PipeHandles handles_;
  std::unique_ptr<Selector> selector_ = MakeSelector(SelectorKind::kPoll);
  Result last_;
};

// ---- Registrations.

TEST_F(SelectorTest, ReportsWhatWasRegistered) {
  Pipe& pipe = handles_.Make(7);
  const auto generation = Register(7, {.events = kIn, .cookie = 42});
  Write(pipe.writer(), "x");

  const std::vector<ReadyEvent> events = Collect();

  ASSERT_THAT(events, ElementsAre(Saw(7, kIn)));
  EXPECT_EQ(events[0].cookie, 42u);
  EXPECT_EQ(events[0].generation, *generation);
  EXPECT_EQ(events[0].order, 1);
}

TEST_F(SelectorTest, RegisterAgainReplacesOnPoll) {
  Ready(1);
  const std::int64_t before = selector_->Find(1)->generation;

  EXPECT_THAT(Register(1, {.events = 0, .cookie = 9}), IsOk());

  EXPECT_THAT(Collect(), IsEmpty());
  EXPECT_EQ(selector_->size(), 1u);
  EXPECT_EQ(selector_->Find(1)->cookie, 9u);
  EXPECT_EQ(selector_->Find(1)->order, 1);
  EXPECT_GT(selector_->Find(1)->generation, before);
}

TEST_F(SelectorTest, RegisterAgainIsRefusedElsewhere) {
  for (const SelectorKind kind :
       {SelectorKind::kSelect, SelectorKind::kDefault}) {
    Use(kind);
    Ready(1);

    EXPECT_THAT(Register(1, {.events = kIn}), HasErrno(EEXIST));

    EXPECT_THAT(Collect(), ElementsAre(Saw(1, kIn)));
  }
}

TEST_F(SelectorTest, BadMaskRegistersNothing) {
  handles_.Make(1);

  EXPECT_THAT(Register(1, {.events = -1}), HasErrno(EINVAL));

  EXPECT_EQ(selector_->size(), 0u);
  EXPECT_EQ(selector_->Find(1), nullptr);
}

TEST_F(SelectorTest, BadMaskLeavesTheOldRegistration) {
  Ready(1);

  EXPECT_THAT(selector_->Modify(1, {.events = 0x10000}), HasErrno(EOVERFLOW));

  EXPECT_THAT(Collect(), ElementsAre(Saw(1, kIn)));
}

TEST_F(SelectorTest, UnknownHandlesAreNotFound) {
  EXPECT_THAT(selector_->Modify(1, {.events = kIn}), HasErrno(ENOENT));
  EXPECT_THAT(selector_->Unregister(1), HasErrno(ENOENT));
}

TEST_F(SelectorTest, UnregisterEndsReports) {
  Ready(1);
  const std::int64_t generation = selector_->Find(1)->generation;

  EXPECT_THAT(selector_->Unregister(1), IsOkAndHolds(generation));

  EXPECT_THAT(Collect(), IsEmpty());
  EXPECT_THAT(selector_->Unregister(1), HasErrno(ENOENT));
}

TEST_F(SelectorTest, TooManyRegistrationsAreRefused) {
  Use(SelectorKind::kPoll, 2);
  Ready(1);
  Ready(2);
  handles_.Make(3);

  const auto third = Register(3, {.events = kIn});

  EXPECT_THAT(third, StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_EQ(DetailOf(third.status()).reason, "LIMIT_SELECTOR_REGISTRATIONS");
}

TEST_F(SelectorTest, ClosedHandlesNotReportedYetCountAsRegistrations) {
  Use(SelectorKind::kPoll, 2);
  Ready(1);
  Ready(2);
  handles_.Make(3);
  handles_.Close(1, *selector_);

  EXPECT_THAT(Register(3, {.events = kIn}),
              StatusIs(absl::StatusCode::kResourceExhausted));
  Collect();
  EXPECT_THAT(Register(3, {.events = kIn}), IsOk());
}

TEST_F(SelectorTest, ListsInOrderOfRegistration) {
  Ready(5);
  Ready(3);
  Ready(4);
  ASSERT_THAT(selector_->Unregister(5), IsOk());
  ASSERT_THAT(Register(5, {.events = kIn}), IsOk());

  const std::vector<Registration> page = selector_->List(0, 2);

  EXPECT_THAT(page, ElementsAre(Field(&Registration::handle_id, 3),
                                Field(&Registration::handle_id, 4)));
  EXPECT_THAT(selector_->List(page.back().order, 2),
              ElementsAre(Field(&Registration::handle_id, 5)));
}

// ---- What is collected.

TEST_F(SelectorTest, LevelRepeatsWhileItHolds) {
  Pipe& pipe = Ready(1);

  EXPECT_THAT(Collect(), ElementsAre(Saw(1, kIn)));
  EXPECT_THAT(Collect(), ElementsAre(Saw(1, kIn)));
  Drain(pipe.reader());
  EXPECT_THAT(Collect(), IsEmpty());
}

TEST_F(SelectorTest, EdgeNeedsActivity) {
  Pipe& pipe = Ready(1, Trigger::kEdge);

  EXPECT_THAT(Collect(), ElementsAre(Saw(1, kIn)));
  EXPECT_THAT(Collect(), IsEmpty());
  Write(pipe.writer(), "y");
  EXPECT_THAT(Collect(), ElementsAre(Saw(1, kIn)));
}

TEST_F(SelectorTest, OneShotIsRemovedAndHandedOut) {
  Ready(1, Trigger::kOneShot);

  EXPECT_THAT(Collect(), ElementsAre(Saw(1, kIn)));

  EXPECT_THAT(last_.removed, ElementsAre(Field(&Registration::handle_id, 1)));
  EXPECT_EQ(selector_->size(), 0u);
  EXPECT_THAT(selector_->Modify(1, {.events = kIn}), HasErrno(ENOENT));
}

TEST_F(SelectorTest, SmallRoomVisitsAllInTurn) {
  for (std::int64_t id = 1; id <= 4; ++id) {
    Ready(id);
  }

  std::vector<ReadyEvent> seen = Collect(2);
  const std::vector<ReadyEvent> rest = Collect(2);
  seen.insert(seen.end(), rest.begin(), rest.end());

  EXPECT_THAT(seen, UnorderedElementsAre(Saw(1, kIn), Saw(2, kIn), Saw(3, kIn),
                                         Saw(4, kIn)));
}

TEST_F(SelectorTest, ClosedHandleReportsInvalidOnce) {
  Ready(1);
  const std::int64_t generation = selector_->Find(1)->generation;

  handles_.Close(1, *selector_);

  const std::vector<ReadyEvent> events = Collect();
  ASSERT_THAT(events, ElementsAre(Saw(1, kInvalid)));
  EXPECT_EQ(events[0].generation, generation);
  EXPECT_THAT(Collect(), IsEmpty());
  EXPECT_EQ(selector_->size(), 0u);
}

TEST_F(SelectorTest, ClosingAnUnregisteredHandleSaysNothing) {
  selector_->HandleClosed(1);

  EXPECT_THAT(Collect(), IsEmpty());
}

TEST_F(SelectorTest, HangupThatIsNoExceptionDoesNotSpin) {
  Use(SelectorKind::kSelect);
  Pipe& pipe = handles_.Make(1);
  ASSERT_THAT(Register(1, {.events = kPriority}), IsOk());
  pipe.write_end.Reset();
  ASSERT_TRUE(WouldWake());

  EXPECT_THAT(Collect(), IsEmpty());

  // The kernel looks once more after the change of trigger, and then no more.
  EXPECT_THAT(Collect(), IsEmpty());
  EXPECT_FALSE(WouldWake());
}

TEST_F(SelectorTest, MutedHangupIsReportedOnceItIsAskedFor) {
  Use(SelectorKind::kSelect);
  handles_.Make(1).write_end.Reset();
  ASSERT_THAT(Register(1, {.events = kPriority}), IsOk());
  ASSERT_THAT(Collect(), IsEmpty());

  ASSERT_THAT(selector_->Modify(1, {.events = kIn | kPriority}), IsOk());

  EXPECT_THAT(Collect(), ElementsAre(Saw(1, kIn)));
  EXPECT_THAT(Collect(), ElementsAre(Saw(1, kIn)));
}

// ---- Quiet until acknowledged.

TEST_F(SelectorTest, QuietLevelWaitsForItsAcknowledgement) {
  Ready(1);
  selector_->SetQuiet(true, {});

  const std::vector<ReadyEvent> first = Collect();
  EXPECT_THAT(first, ElementsAre(Saw(1, kIn)));
  EXPECT_THAT(Collect(), IsEmpty());
  EXPECT_FALSE(WouldWake());

  Acknowledge(first);
  EXPECT_THAT(Collect(), ElementsAre(Saw(1, kIn)));
}

TEST_F(SelectorTest, QuietHangupIsSilentToo) {
  Pipe& pipe = Ready(1);
  selector_->SetQuiet(true, {});
  ASSERT_THAT(Collect(), ElementsAre(Saw(1, kIn)));

  pipe.write_end.Reset();

  EXPECT_THAT(Collect(), IsEmpty());
}

TEST_F(SelectorTest, WhatStandsWhenQuietBeginsIsSilent) {
  handles_.Make(1).write_end.Reset();
  ASSERT_THAT(Register(1, {.events = kIn}), IsOk());
  const std::vector<ReadyEvent> standing = Collect();
  ASSERT_THAT(standing, ElementsAre(Saw(1, kHangup)));

  selector_->SetQuiet(true, {last_});

  EXPECT_THAT(Collect(), IsEmpty());
  EXPECT_FALSE(WouldWake());
  Acknowledge(standing);
  EXPECT_THAT(Collect(), ElementsAre(Saw(1, kHangup)));
}

TEST_F(SelectorTest, ModifyBreaksTheQuiet) {
  Ready(1);
  selector_->SetQuiet(true, {});
  ASSERT_THAT(Collect(), ElementsAre(Saw(1, kIn)));

  ASSERT_THAT(selector_->Modify(1, {.events = kIn}), IsOk());

  EXPECT_THAT(Collect(), ElementsAre(Saw(1, kIn)));
}

TEST_F(SelectorTest, AcknowledgingAnOlderGenerationDoesNothing) {
  Ready(1);
  selector_->SetQuiet(true, {});
  const std::vector<ReadyEvent> old = Collect();
  ASSERT_THAT(selector_->Modify(1, {.events = kIn}), IsOk());
  ASSERT_THAT(Collect(), ElementsAre(Saw(1, kIn)));

  Acknowledge(old);

  EXPECT_THAT(Collect(), IsEmpty());
}

TEST_F(SelectorTest, AcknowledgedAndNotReadyWaitsForNews) {
  Pipe& pipe = Ready(1);
  selector_->SetQuiet(true, {});
  const std::vector<ReadyEvent> seen = Collect();
  Drain(pipe.reader());
  Acknowledge(seen);

  EXPECT_THAT(Collect(), IsEmpty());
  EXPECT_FALSE(WouldWake());

  Write(pipe.writer(), "y");
  EXPECT_TRUE(WouldWake());
  EXPECT_THAT(Collect(), ElementsAre(Saw(1, kIn)));
  EXPECT_THAT(Collect(), IsEmpty());
}

TEST_F(SelectorTest, AcknowledgedOnesAndNewOnesShareTheRoom) {
  selector_->SetQuiet(true, {});
  for (std::int64_t id = 1; id <= 4; ++id) {
    Ready(id);
  }
  Acknowledge(Collect());
  for (std::int64_t id = 5; id <= 8; ++id) {
    Ready(id);
  }

  const auto is_new = [](const ReadyEvent& event) {
    return event.handle_id >= 5;
  };
  const std::vector<ReadyEvent> both = Collect(4);
  EXPECT_EQ(both.size(), 4);
  EXPECT_EQ(std::count_if(both.begin(), both.end(), is_new), 2);
  // With room for one, the turns change.
  std::vector<ReadyEvent> one = Collect(1);
  const std::vector<ReadyEvent> other = Collect(1);
  one.insert(one.end(), other.begin(), other.end());
  EXPECT_EQ(std::count_if(one.begin(), one.end(), is_new), 1);
  EXPECT_EQ(Collect(4).size(), 2);
  EXPECT_THAT(Collect(4), IsEmpty());
}

TEST_F(SelectorTest, AcknowledgedOnesInOrderWhenTheRoomIsSmall) {
  selector_->SetQuiet(true, {});
  for (std::int64_t id = 1; id <= 3; ++id) {
    Ready(id);
  }
  Acknowledge(Collect());

  EXPECT_THAT(Collect(2), ElementsAre(Saw(1, kIn), Saw(2, kIn)));
  EXPECT_THAT(Collect(2), ElementsAre(Saw(3, kIn)));
  EXPECT_THAT(Collect(2), IsEmpty());
}

TEST_F(SelectorTest, AcknowledgedAndGoneIsNotLookedAt) {
  selector_->SetQuiet(true, {});
  for (std::int64_t id = 1; id <= 3; ++id) {
    Ready(id);
  }
  Acknowledge(Collect());

  ASSERT_THAT(selector_->Unregister(1), IsOk());
  handles_.Close(2, *selector_);

  EXPECT_THAT(Collect(), ElementsAre(Saw(2, kInvalid), Saw(3, kIn)));
}

TEST_F(SelectorTest, AcknowledgedAndChangedIsReportedOnce) {
  Ready(1);
  selector_->SetQuiet(true, {});
  Acknowledge(Collect());
  ASSERT_THAT(selector_->Modify(1, {.events = kIn}), IsOk());

  EXPECT_THAT(Collect(), ElementsAre(Saw(1, kIn)));
  EXPECT_THAT(Collect(), IsEmpty());
}

TEST_F(SelectorTest, AcknowledgedWhenTheQuietEndsIsReportedAsBefore) {
  Ready(1);
  selector_->SetQuiet(true, {});
  Acknowledge(Collect());

  selector_->SetQuiet(false, {});

  EXPECT_TRUE(WouldWake());
  EXPECT_THAT(Collect(), ElementsAre(Saw(1, kIn)));
}

TEST_F(SelectorTest, EndOfQuietBringsEverythingBack) {
  Ready(1);
  selector_->SetQuiet(true, {});
  ASSERT_THAT(Collect(), ElementsAre(Saw(1, kIn)));

  selector_->SetQuiet(false, {});

  EXPECT_THAT(Collect(), ElementsAre(Saw(1, kIn)));
  EXPECT_THAT(Collect(), ElementsAre(Saw(1, kIn)));
}

TEST_F(SelectorTest, ClosedHandleBreaksTheQuiet) {
  Ready(1);
  selector_->SetQuiet(true, {});
  ASSERT_THAT(Collect(), ElementsAre(Saw(1, kIn)));

  handles_.Close(1, *selector_);

  EXPECT_THAT(Collect(), ElementsAre(Saw(1, kInvalid)));
}

// ---- Results that did not reach the client.

TEST_F(SelectorTest, RestoredEdgeIsReportedAgain) {
  Ready(1, Trigger::kEdge);
  const std::vector<ReadyEvent> lost = Collect();

  Restore(lost);

  EXPECT_THAT(Collect(), ElementsAre(Saw(1, kIn)));
}

TEST_F(SelectorTest, RestoredOneShotIsRegisteredAgain) {
  Ready(1, Trigger::kOneShot);
  const std::vector<ReadyEvent> lost = Collect();

  Restore(lost);

  EXPECT_EQ(selector_->Find(1)->generation, lost[0].generation);
  EXPECT_THAT(Collect(), ElementsAre(Saw(1, kIn)));
  EXPECT_EQ(selector_->size(), 0u);
}

TEST_F(SelectorTest, OneShotOfAClosedHandleIsNotRestored) {
  Ready(1, Trigger::kOneShot);
  const std::vector<ReadyEvent> lost = Collect();
  handles_.Close(1, *selector_);

  Restore(lost);

  EXPECT_EQ(selector_->size(), 0u);
  EXPECT_THAT(Collect(), IsEmpty());
}

TEST_F(SelectorTest, RestoredInvalidIsReportedAgainOnce) {
  Ready(1);
  handles_.Close(1, *selector_);
  const std::vector<ReadyEvent> lost = Collect();

  Restore(lost);

  EXPECT_THAT(Collect(), ElementsAre(Saw(1, kInvalid)));
  EXPECT_THAT(Collect(), IsEmpty());
}

TEST_F(SelectorTest, RestoredEventOfADrainedPipeIsNotReported) {
  Pipe& pipe = Ready(1, Trigger::kEdge);
  const std::vector<ReadyEvent> lost = Collect();
  Drain(pipe.reader());

  Restore(lost);

  EXPECT_THAT(Collect(), IsEmpty());
}

// ---- Weak custody.

class WeakSelectorTest : public SelectorTest {
 protected:
  // Registers the pipe `id` and leaves it with its holder.
  absl::StatusOr<std::int64_t> Entrust(std::int64_t id,
                                       Interest interest = {.events = kIn}) {
    Pipe& pipe = handles_.Make(id);
    writers_[id] = pipe.writer();
    return selector_->RegisterWeakly(id, UniqueFd(dup(pipe.reader())),
                                     handles_.TargetOf(id).mark, interest);
  }
  void Feed(std::int64_t id) { Write(writers_.at(id), "x"); }

  std::map<std::int64_t, int> writers_;
};

TEST_F(WeakSelectorTest, ReportsEdgesWithItsCookieAndNotesThem) {
  const int before = CountOpenDescriptors();
  const auto generation = Entrust(7, {.events = kIn, .cookie = 42});
  ASSERT_THAT(generation, IsOk());
  EXPECT_EQ(CountOpenDescriptors(), before + 2 + 1);  // the pipe, the set
  EXPECT_THAT(Collect(), IsEmpty());

  Feed(7);

  EXPECT_TRUE(WouldWake());
  const std::vector<ReadyEvent> events = Collect();
  ASSERT_THAT(events, ElementsAre(Saw(7, kIn)));
  EXPECT_EQ(events[0].cookie, 42u);
  EXPECT_EQ(events[0].generation, *generation);
  EXPECT_EQ(handles_.MarkOf(7).generation, 1);
  EXPECT_FALSE(WouldWake());
  EXPECT_THAT(Collect(), IsEmpty());
  Feed(7);
  EXPECT_THAT(Collect(), ElementsAre(Saw(7, kIn)));
}

TEST_F(WeakSelectorTest, StandsBesideOthersInOneResult) {
  Ready(1);
  ASSERT_THAT(Entrust(2), IsOk());
  ASSERT_THAT(Entrust(3), IsOk());
  Feed(2);
  Feed(3);
  EXPECT_THAT(Collect(2).size(), 2u);
  EXPECT_THAT(Collect(),
              testing::Contains(Saw(1, kIn)));  // level: as long as it lasts
  EXPECT_THAT(Collect(), ElementsAre(Saw(1, kIn)));
}

TEST_F(WeakSelectorTest, IsUnderNoLimitOfHeldOnes) {
  Use(SelectorKind::kPoll, /*most=*/1);
  ASSERT_THAT(Entrust(1), IsOk());
  ASSERT_THAT(Entrust(2), IsOk());
  Ready(3);
  EXPECT_EQ(selector_->size(), 3u);
}

TEST_F(WeakSelectorTest, ALostResultIsReportedAgainOnce) {
  ASSERT_THAT(Entrust(1), IsOk());
  Feed(1);
  const auto lost = Collect();
  Feed(1);

  Restore(lost);
  Restore(lost);

  EXPECT_THAT(Collect(), ElementsAre(Saw(1, kIn)));
  EXPECT_THAT(Collect(), ElementsAre(Saw(1, kIn)));  // the newer one
  EXPECT_THAT(Collect(), IsEmpty());
}

TEST_F(WeakSelectorTest, NothingComesAfterItsEnd) {
  ASSERT_THAT(Entrust(1), IsOk());
  Feed(1);
  Restore(Collect());
  EXPECT_THAT(selector_->Unregister(1), IsOk());
  Feed(1);
  EXPECT_THAT(Collect(), IsEmpty());
  EXPECT_FALSE(WouldWake());

  ASSERT_THAT(Entrust(2), IsOk());
  Feed(2);
  selector_->HandleClosed(2);
  EXPECT_THAT(Collect(), ElementsAre(Saw(2, kInvalid)));
  EXPECT_THAT(Collect(), IsEmpty());
  EXPECT_EQ(selector_->size(), 0u);
}

TEST_F(WeakSelectorTest, CannotBeChanged) {
  ASSERT_THAT(Entrust(1), IsOk());
  EXPECT_THAT(selector_->Modify(1, {.events = kOut}), HasErrno(EBADF));
  selector_->SetQuiet(true, {});
  Feed(1);
  const auto seen = Collect();
  EXPECT_THAT(seen, ElementsAre(Saw(1, kIn)));
  Acknowledge(seen);
  selector_->SetQuiet(false, {});
  EXPECT_THAT(Collect(), IsEmpty());
}

}  // namespace
}  // namespace farpoll::server
