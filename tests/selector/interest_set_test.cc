// The epoll core: triggers, always-ready files, stale tokens, orphans, closing.
// Source: docs/semantics.md section 1.
#include "selector/interest_set.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <memory>
#include <set>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/errno_status.h"
#include "base/unique_fd.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/blocked_call.h"
#include "tests/support/event_matchers.h"
#include "tests/support/fd_fixtures.h"
#include "tests/support/status_matchers.h"
#include "tests/support/stopwatch.h"

namespace farpoll {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

constexpr auto kOwned = InterestSet::Custody::kOwned;
constexpr auto kBorrowed = InterestSet::Custody::kBorrowed;

std::unique_ptr<InterestSet> NewSet(InterestSet::Custody custody = kOwned) {
  return *InterestSet::Create(custody);
}

// What one look finds, with room for `most`.
std::vector<Event> Take(InterestSet& set, std::size_t most = 64) {
  std::vector<Event> room(most);
  const absl::StatusOr<std::size_t> count = set.Collect(absl::MakeSpan(room));
  EXPECT_THAT(count, IsOk());
  room.resize(count.value_or(0));
  return room;
}

absl::StatusOr<std::size_t> WaitForever(InterestSet& set) {
  Event room[4];
  return set.Wait(absl::MakeSpan(room), kNever);
}

TEST(InterestSetTest, AFileInTooManySetsIsToldAsSuch) {
  // As a server has them: sets that are watched by another, of which the
  // kernel lets a file be in 500.
  constexpr int kMost = 500;
  const Pipe pipe;
  const UniqueFd outer(epoll_create1(EPOLL_CLOEXEC));
  std::vector<UniqueFd> inner;
  epoll_event entry = {.events = EPOLLIN, .data = {}};
  for (int i = 0; i < kMost; ++i) {
    inner.emplace_back(epoll_create1(EPOLL_CLOEXEC));
    const int fd = inner.back().get();
    ASSERT_EQ(epoll_ctl(outer.get(), EPOLL_CTL_ADD, fd, &entry), 0);
    ASSERT_EQ(epoll_ctl(fd, EPOLL_CTL_ADD, pipe.reader(), &entry), 0);
  }
  const auto set = NewSet();
  ASSERT_EQ(epoll_ctl(outer.get(), EPOLL_CTL_ADD, *set->fd(), &entry), 0);

  const absl::Status refused =
      set->Add(pipe.reader(), kIn, Trigger::kLevel, 1).status();

  EXPECT_TRUE(absl::IsResourceExhausted(refused)) << refused;
  EXPECT_EQ(DetailOf(refused).reason, "TOO_MANY_SETS");
  inner.clear();
  EXPECT_THAT(set->Add(pipe.reader(), kIn, Trigger::kLevel, 1), IsOk());
}

TEST(InterestSetTest, ReportsNumberEventsAndCookie) {
  const auto set = NewSet();
  const Pipe pipe;
  ASSERT_THAT(set->Add(pipe.reader(), kIn, Trigger::kLevel, 42), IsOk());
  Write(pipe.writer(), "x");

  const std::vector<Event> events = Take(*set);

  ASSERT_THAT(events, ElementsAre(IsEvent(pipe.reader(), kIn)));
  EXPECT_EQ(events[0].data, 42u);
}

TEST(InterestSetTest, LevelRepeats) {
  const auto set = NewSet();
  const Pipe pipe;
  ASSERT_THAT(set->Add(pipe.reader(), kIn, Trigger::kLevel, 0), IsOk());
  Write(pipe.writer(), "x");

  EXPECT_THAT(Take(*set), ElementsAre(IsEvent(pipe.reader(), kIn)));
  EXPECT_THAT(Take(*set), ElementsAre(IsEvent(pipe.reader(), kIn)));
}

TEST(InterestSetTest, EdgeNeedsActivityOrRearm) {
  const auto set = NewSet();
  const Pipe pipe;
  const auto token = set->Add(pipe.reader(), kIn, Trigger::kEdge, 0);
  Write(pipe.writer(), "x");
  EXPECT_THAT(Take(*set), ElementsAre(IsEvent(pipe.reader(), kIn)));
  EXPECT_THAT(Take(*set), IsEmpty());

  Write(pipe.writer(), "x");
  EXPECT_THAT(Take(*set), ElementsAre(IsEvent(pipe.reader(), kIn)));
  EXPECT_THAT(set->Rearm(*token), IsOk());
  EXPECT_THAT(Take(*set), ElementsAre(IsEvent(pipe.reader(), kIn)));
}

TEST(InterestSetTest, OneShotIsSilentUntilRearmed) {
  const auto set = NewSet();
  const Pipe pipe;
  const auto token = set->Add(pipe.reader(), kIn, Trigger::kOneShot, 0);
  Write(pipe.writer(), "x");
  EXPECT_THAT(Take(*set), ElementsAre(IsEvent(pipe.reader(), kIn)));
  Write(pipe.writer(), "x");
  EXPECT_THAT(Take(*set), IsEmpty());

  EXPECT_THAT(set->Rearm(*token), IsOk());

  EXPECT_THAT(Take(*set), ElementsAre(IsEvent(pipe.reader(), kIn)));
  EXPECT_THAT(Take(*set), IsEmpty());
}

TEST(InterestSetTest, FilesFollowTheTrigger) {
  const auto set = NewSet();
  const UniqueFd level = TemporaryFile("");
  const UniqueFd edge = TemporaryFile("");
  const UniqueFd once = TemporaryFile("");
  ASSERT_THAT(set->Add(level.get(), kIn, Trigger::kLevel, 0), IsOk());
  const auto edge_token = set->Add(edge.get(), kOut, Trigger::kEdge, 0);
  const auto once_token = set->Add(once.get(), kIn, Trigger::kOneShot, 0);

  EXPECT_THAT(Take(*set), UnorderedElementsAre(IsEvent(level.get(), kIn),
                                               IsEvent(edge.get(), kOut),
                                               IsEvent(once.get(), kIn)));
  EXPECT_THAT(Take(*set), ElementsAre(IsEvent(level.get(), kIn)));
  EXPECT_THAT(set->Rearm(*edge_token), IsOk());
  EXPECT_THAT(set->Rearm(*once_token), IsOk());
  EXPECT_THAT(Take(*set), UnorderedElementsAre(IsEvent(level.get(), kIn),
                                               IsEvent(edge.get(), kOut),
                                               IsEvent(once.get(), kIn)));
}

TEST(InterestSetTest, DescriptorIsReadableWhileAFileIsReady) {
  const auto set = NewSet();
  const UniqueFd file = TemporaryFile("");
  EXPECT_EQ(KernelPoll(*set->fd(), kIn), 0);

  const auto token = set->Add(file.get(), kIn, Trigger::kLevel, 0);
  EXPECT_EQ(KernelPoll(*set->fd(), kIn), kIn);
  EXPECT_THAT(set->Modify(*token, kPriority, Trigger::kLevel, 0), IsOk());
  EXPECT_EQ(KernelPoll(*set->fd(), kIn), 0);
  EXPECT_THAT(set->Modify(*token, kOut, Trigger::kLevel, 0), IsOk());
  EXPECT_EQ(KernelPoll(*set->fd(), kIn), kIn);
  EXPECT_THAT(set->Remove(*token), IsOk());
  EXPECT_EQ(KernelPoll(*set->fd(), kIn), 0);
}

TEST(InterestSetTest, SmallRoomServesAllInTurn) {
  const auto set = NewSet();
  std::vector<UniqueFd> files;
  std::vector<Pipe> pipes(3);
  std::set<int> expected;
  for (int i = 0; i < 3; ++i) {
    files.push_back(TemporaryFile(""));
    expected.insert(files.back().get());
    ASSERT_THAT(set->Add(files.back().get(), kIn, Trigger::kLevel, 0), IsOk());
  }
  for (const Pipe& pipe : pipes) {
    expected.insert(pipe.writer());
    ASSERT_THAT(set->Add(pipe.writer(), kOut, Trigger::kLevel, 0), IsOk());
  }

  std::set<int> seen;
  for (int i = 0; i < 12; ++i) {
    for (const Event& event : Take(*set, 1)) {
      seen.insert(event.fd);
    }
  }

  EXPECT_EQ(seen, expected);
}

TEST(InterestSetTest, StrictSetRefusesFiles) {
  const auto set = *InterestSet::Create(kOwned, InterestSet::Files::kRefused);
  const UniqueFd file = TemporaryFile("");

  const auto added = set->Add(file.get(), kIn, Trigger::kLevel, 0);

  EXPECT_THAT(added, HasErrno(EPERM));
  EXPECT_THAT(added, StatusIs(absl::StatusCode::kPermissionDenied));
  EXPECT_EQ(set->size(), 0u);
}

TEST(InterestSetTest, ClosedNumberByCustody) {
  const auto owned = NewSet(kOwned);
  const auto borrowed = NewSet(kBorrowed);
  const int number = ClosedNumber();

  EXPECT_THAT(owned->Add(number, kIn, Trigger::kLevel, 0), HasErrno(EBADF));
  EXPECT_THAT(borrowed->Add(number, kIn, Trigger::kLevel, 0), IsOk());

  EXPECT_THAT(Take(*borrowed), ElementsAre(IsEvent(number, kInvalid)));
}

TEST(InterestSetTest, StaleTokenNamesNothing) {
  const auto set = NewSet();
  const Pipe a, b;
  const auto token = set->Add(a.reader(), kIn, Trigger::kLevel, 0);
  ASSERT_THAT(set->Remove(*token), IsOk());
  ASSERT_THAT(set->Add(b.reader(), kIn, Trigger::kLevel, 0), IsOk());

  EXPECT_THAT(set->Modify(*token, kIn, Trigger::kLevel, 0), HasErrno(ENOENT));
  EXPECT_THAT(set->Rearm(*token), HasErrno(ENOENT));
  EXPECT_THAT(set->Remove(*token), HasErrno(ENOENT));
  EXPECT_THAT(set->Remove(0), HasErrno(ENOENT));
  EXPECT_EQ(set->size(), 1u);
}

TEST(InterestSetTest, FailedModifyKeepsTheRegistration) {
  const auto set = NewSet(kOwned);
  Pipe pipe;
  const UniqueFd copy = Duplicate(pipe.reader());
  const int number = pipe.reader();
  const auto token = set->Add(number, kIn, Trigger::kLevel, 7);
  pipe.read_end.Reset();

  EXPECT_THAT(set->Modify(*token, kOut, Trigger::kLevel, 8), HasErrno(EBADF));

  Write(pipe.writer(), "x");
  const std::vector<Event> events = Take(*set);
  ASSERT_THAT(events, ElementsAre(IsEvent(number, kIn)));
  EXPECT_EQ(events[0].data, 7u);
}

TEST(InterestSetTest, OrphanNeitherReportsNorSpins) {
  const auto set = NewSet(kOwned);
  Pipe pipe;
  const Pipe other;
  const UniqueFd copy = Duplicate(pipe.reader());
  const auto token = set->Add(pipe.reader(), kIn, Trigger::kLevel, 0);
  ASSERT_THAT(set->Add(other.reader(), kIn, Trigger::kLevel, 0), IsOk());
  const int number = *set->fd();
  Write(pipe.writer(), "x");
  pipe.read_end.Reset();

  ASSERT_THAT(set->Remove(*token), IsOk());

  EXPECT_THAT(Take(*set), IsEmpty());
  EXPECT_EQ(KernelPoll(number, kIn), 0) << "the kernel's set still fires";
  EXPECT_THAT(set->fd(), IsOkAndHolds(number));
  Write(other.writer(), "x");
  EXPECT_THAT(Take(*set), ElementsAre(IsEvent(other.reader(), kIn)));
}

TEST(InterestSetTest, AnOrphanBesideALiveEventDoesNotSpin) {
  const auto set = NewSet(kOwned);
  Pipe pipe;
  const Pipe other;
  const UniqueFd copy = Duplicate(pipe.reader());
  const auto token = set->Add(pipe.reader(), kIn, Trigger::kLevel, 0);
  ASSERT_THAT(set->Add(other.reader(), kIn, Trigger::kLevel, 0), IsOk());
  Write(pipe.writer(), "x");
  Write(other.writer(), "x");
  pipe.read_end.Reset();
  ASSERT_THAT(set->Remove(*token), IsOk());

  EXPECT_THAT(Take(*set), ElementsAre(IsEvent(other.reader(), kIn)));
  Drain(other.reader());

  EXPECT_THAT(Take(*set), IsEmpty());
}

TEST(InterestSetTest, AClosedNumberThatWasModifiedDoesNotSpin) {
  const auto set = NewSet(kBorrowed);
  Pipe pipe;
  const UniqueFd copy = Duplicate(pipe.reader());
  const auto token = set->Add(pipe.reader(), kIn, Trigger::kLevel, 0);
  pipe.read_end.Reset();
  ASSERT_THAT(set->Modify(*token, kIn | kPriority, Trigger::kLevel, 0), IsOk());
  ASSERT_THAT(set->Remove(*token), IsOk());
  Write(pipe.writer(), "x");

  EXPECT_THAT(Take(*set), IsEmpty());
  EXPECT_EQ(KernelPoll(*set->fd(), kIn), 0);
}

TEST(InterestSetTest, LooksIdleIsPollsWord) {
  const auto set = NewSet(kBorrowed);
  EXPECT_TRUE(set->LooksIdle());
  const Pipe quiet;
  Pipe pipe;
  ASSERT_THAT(set->Add(quiet.reader(), kIn, Trigger::kLevel, 0), IsOk());
  ASSERT_THAT(set->Add(pipe.reader(), kIn, Trigger::kLevel, 0), IsOk());
  EXPECT_TRUE(set->LooksIdle());
  Write(pipe.writer(), "x");
  EXPECT_FALSE(set->LooksIdle());
  Drain(pipe.reader());
  EXPECT_TRUE(set->LooksIdle());

  pipe.read_end.Reset();

  EXPECT_FALSE(set->LooksIdle()) << "a closed number is something to find";
}

TEST(InterestSetTest, AReusedNumberIsCheckedWhenItReportsAfterAnIdleLook) {
  const auto set = NewSet(kBorrowed);
  Pipe old;
  const Pipe fresh;
  const UniqueFd survivor = Duplicate(old.reader());
  const int number = old.reader();
  ASSERT_THAT(set->Add(number, kIn, Trigger::kLevel, 0), IsOk());
  old.read_end.Reset();
  const UniqueFd reused = DuplicateTo(fresh.reader(), number);
  ASSERT_TRUE(set->LooksIdle());

  Write(old.writer(), "for the old file");

  EXPECT_THAT(Take(*set), IsEmpty());
  Write(fresh.writer(), "x");
  EXPECT_THAT(Take(*set), ElementsAre(IsEvent(number, kIn)));
}

TEST(InterestSetTest, WaitersFollowTheMoveToANewKernelSet) {
  const auto set = NewSet(kOwned);
  Pipe pipe;
  const Pipe other;
  const UniqueFd copy = Duplicate(pipe.reader());
  const auto token = set->Add(pipe.reader(), kIn, Trigger::kLevel, 0);
  ASSERT_THAT(set->Add(other.reader(), kIn, Trigger::kLevel, 0), IsOk());
  BlockedCall first([&] { EXPECT_THAT(WaitForever(*set), IsOkAndHolds(1u)); });
  BlockedCall second([&] { EXPECT_THAT(WaitForever(*set), IsOkAndHolds(1u)); });
  first.AwaitBlocked();
  second.AwaitBlocked();
  pipe.read_end.Reset();
  ASSERT_THAT(set->Remove(*token), IsOk());

  Write(pipe.writer(), "makes the orphan fire");
  AwaitKernelPoll(*set->fd(), kIn, 0);
  first.AwaitBlocked();
  second.AwaitBlocked();

  Write(other.writer(), "x");
}

TEST(InterestSetTest, OneShotDoesNotFireTwiceAcrossTheMove) {
  const auto set = NewSet(kOwned);
  Pipe pipe;
  Pipe once;
  const UniqueFd copy = Duplicate(pipe.reader());
  const auto orphan = set->Add(pipe.reader(), kIn, Trigger::kLevel, 0);
  ASSERT_THAT(set->Add(once.reader(), kIn, Trigger::kOneShot, 0), IsOk());
  once.write_end.Reset();
  EXPECT_THAT(Take(*set), ElementsAre(IsEvent(once.reader(), kHangup)));

  pipe.read_end.Reset();
  ASSERT_THAT(set->Remove(*orphan), IsOk());
  Write(pipe.writer(), "x");

  EXPECT_THAT(Take(*set), IsEmpty());
  EXPECT_THAT(Take(*set), IsEmpty());
}

TEST(InterestSetTest, RevivedOrphanIsTakenOver) {
  const auto set = NewSet(kOwned);
  Pipe pipe;
  const UniqueFd copy = Duplicate(pipe.reader());
  const int number = pipe.reader();
  const auto token = set->Add(number, kIn, Trigger::kLevel, 1);
  pipe.read_end.Reset();
  ASSERT_THAT(set->Remove(*token), IsOk());

  const UniqueFd again = DuplicateTo(copy.get(), number);
  ASSERT_THAT(set->Add(number, kIn, Trigger::kLevel, 2), IsOk());
  Write(pipe.writer(), "x");

  const std::vector<Event> events = Take(*set);
  ASSERT_THAT(events, ElementsAre(IsEvent(number, kIn)));
  EXPECT_EQ(events[0].data, 2u);
}

TEST(InterestSetTest, AuditFindsClosedAndReusedNumbers) {
  const auto set = NewSet(kBorrowed);
  Pipe closed, reused;
  const Pipe fresh;
  const int closed_number = closed.reader();
  const int reused_number = reused.reader();
  ASSERT_THAT(set->Add(closed_number, kIn, Trigger::kLevel, 0), IsOk());
  ASSERT_THAT(set->Add(reused_number, kIn, Trigger::kLevel, 0), IsOk());
  Write(fresh.writer(), "x");
  closed.read_end.Reset();
  reused.read_end.Reset();
  const UniqueFd again = DuplicateTo(fresh.reader(), reused_number);
  EXPECT_THAT(Take(*set), IsEmpty());

  set->Audit();

  EXPECT_THAT(Take(*set), UnorderedElementsAre(IsEvent(closed_number, kInvalid),
                                               IsEvent(reused_number, kIn)));
}

TEST(InterestSetTest, NestedInItselfIsRefused) {
  const auto set = NewSet();

  EXPECT_THAT(set->Add(*set->fd(), kIn, Trigger::kLevel, 0), HasErrno(EINVAL));
}

TEST(InterestSetTest, NestedSetReportsReadable) {
  const auto inner = NewSet();
  const auto outer = NewSet();
  const Pipe pipe;
  ASSERT_THAT(inner->Add(pipe.reader(), kIn, Trigger::kLevel, 0), IsOk());
  ASSERT_THAT(outer->Add(*inner->fd(), kIn, Trigger::kLevel, 0), IsOk());

  Write(pipe.writer(), "x");

  EXPECT_THAT(Take(*outer), ElementsAre(IsEvent(*inner->fd(), kIn)));
}

TEST(InterestSetTest, EmptyRoomIsRefused) {
  const auto set = NewSet();

  EXPECT_THAT(set->Collect({}), HasErrno(EINVAL));
}

TEST(InterestSetTest, PastDeadlineLooksOnce) {
  const auto set = NewSet();
  const Pipe pipe;
  ASSERT_THAT(set->Add(pipe.writer(), kOut, Trigger::kLevel, 0), IsOk());
  Event room[1];

  EXPECT_THAT(set->Wait(absl::MakeSpan(room), MonotonicTime()),
              IsOkAndHolds(1u));
}

TEST(InterestSetTest, WaitIsNeverEarly) {
  const auto set = NewSet();
  Event room[1];
  const MonotonicTime deadline =
      DeadlineAfter(RealClock().Now(), absl::Microseconds(300));

  EXPECT_THAT(set->Wait(absl::MakeSpan(room), deadline), IsOkAndHolds(0u));

  EXPECT_GE(RealClock().Now(), deadline);
}

TEST(InterestSetTest, BigRoomTakesAllAtOnce) {
  const auto set = NewSet();
  std::vector<Pipe> pipes(400);
  for (const Pipe& pipe : pipes) {
    ASSERT_THAT(set->Add(pipe.writer(), kOut, Trigger::kLevel, 0), IsOk());
  }

  EXPECT_EQ(Take(*set, 500).size(), 400u);
}

TEST(InterestSetTest, ChangeReachesAWaitInProgress) {
  const auto set = NewSet();
  const Pipe pipe;
  const auto token = set->Add(pipe.writer(), 0, Trigger::kLevel, 0);
  BlockedCall wait([&] { EXPECT_THAT(WaitForever(*set), IsOkAndHolds(1u)); });
  wait.AwaitBlocked();

  EXPECT_THAT(set->Modify(*token, kOut, Trigger::kLevel, 0), IsOk());
}

TEST(InterestSetTest, FileAddedReachesAWaitInProgress) {
  const auto set = NewSet();
  const UniqueFd file = TemporaryFile("");
  BlockedCall wait([&] { EXPECT_THAT(WaitForever(*set), IsOkAndHolds(1u)); });
  wait.AwaitBlocked();

  EXPECT_THAT(set->Add(file.get(), kIn, Trigger::kLevel, 0), IsOk());
}

TEST(InterestSetTest, OneShotReachesOneOfManyWaiters) {
  const auto set = NewSet();
  const Pipe pipe;
  ASSERT_THAT(set->Add(pipe.reader(), kIn, Trigger::kOneShot, 0), IsOk());
  std::atomic<int> winners{0};
  std::atomic<int> closed{0};
  {
    std::vector<std::unique_ptr<BlockedCall>> waits;
    for (int i = 0; i < 4; ++i) {
      waits.push_back(std::make_unique<BlockedCall>(
          [&] { ++(WaitForever(*set).ok() ? winners : closed); }));
    }
    for (const auto& wait : waits) {
      wait->AwaitBlocked();
    }
    Write(pipe.writer(), "x");
    while (winners == 0) {
      std::this_thread::yield();
    }
    set->Close();
  }

  EXPECT_EQ(winners, 1);
  EXPECT_EQ(closed, 3);
}

TEST(InterestSetTest, CloseEndsEveryWait) {
  const auto set = NewSet();
  std::vector<std::unique_ptr<BlockedCall>> waits;
  for (int i = 0; i < 4; ++i) {
    waits.push_back(std::make_unique<BlockedCall>(
        [&] { EXPECT_THAT(WaitForever(*set), IsClosedError()); }));
  }
  for (const auto& wait : waits) {
    wait->AwaitBlocked();
  }

  set->Close();
  set->Close();
}

TEST(InterestSetTest, AfterCloseEverythingIsRefused) {
  const auto set = NewSet();
  const Pipe pipe;
  const auto token = set->Add(pipe.reader(), kIn, Trigger::kLevel, 0);

  set->Close();

  EXPECT_TRUE(set->closed());
  EXPECT_EQ(set->size(), 0u);
  EXPECT_THAT(set->Add(pipe.reader(), kIn, Trigger::kLevel, 0),
              IsClosedError());
  EXPECT_THAT(set->Modify(*token, kIn, Trigger::kLevel, 0), IsClosedError());
  EXPECT_THAT(set->Rearm(*token), IsClosedError());
  EXPECT_THAT(set->Remove(*token), IsClosedError());
  EXPECT_THAT(WaitForever(*set), IsClosedError());
  EXPECT_THAT(set->fd(), IsClosedError());
  set->Audit();
  set->AuditNext();
}

// Whether `fd` stops being readable.
bool IsIdleSoon(int fd) {
  pollfd idle{.fd = fd, .events = POLLIN, .revents = 0};
  const auto deadline =
      std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (poll(&idle, 1, 0) != 0) {
    if (std::chrono::steady_clock::now() > deadline) {
      return false;
    }
  }
  return true;
}

// Each move calls the waiter into the new kernel set. One that came out of the
// first and did not leave has to come out of the second too.
TEST(InterestSetTest, AWaiterFollowsMovesThatFollowEachOther) {
  const auto set = NewSet(kBorrowed);
  const Pipe stop, pipe;
  ASSERT_THAT(set->Add(stop.reader(), kIn, Trigger::kLevel, 99), IsOk());
  BlockedCall waiter([&] {
    Event room[8];
    EXPECT_THAT(set->Wait(absl::MakeSpan(room), kNever), IsOkAndHolds(1u));
  });

  for (int move = 0; move < 3; ++move) {
    UniqueFd copy = Duplicate(pipe.reader());
    const auto token = set->Add(copy.get(), kIn, Trigger::kLevel, 1);
    copy.Reset();  // the pipe stays open, so only a move gets rid of it
    ASSERT_THAT(set->Remove(*token), IsOk());
    Write(pipe.writer(), "x");
    // The waiter sees what nobody asks for any more, and moves the set.
    EXPECT_TRUE(IsIdleSoon(*set->fd())) << "the waiter was left behind";
    Read(pipe.reader());
  }

  Write(stop.writer(), "x");
}

TEST(InterestSetTest, ChangesAndOrphansBesideWaiters) {
  const auto set = NewSet(kBorrowed);
  const Pipe stop, pipe;
  Write(pipe.writer(), "x");
  ASSERT_THAT(set->Add(stop.reader(), kIn, Trigger::kLevel, 99), IsOk());
  const auto wait_until_stopped = [&] {
    for (;;) {
      Event room[8];
      const auto count = set->Wait(absl::MakeSpan(room), kNever);
      ASSERT_THAT(count, IsOk());
      for (const Event& event : absl::MakeSpan(room, *count)) {
        if (event.data == 99) {
          return;
        }
      }
    }
  };
  BlockedCall first(wait_until_stopped);
  BlockedCall second(wait_until_stopped);

  for (int i = 0; i < 200; ++i) {
    UniqueFd copy = Duplicate(pipe.reader());
    const auto token = set->Add(copy.get(), kIn, Trigger::kLevel, 1);
    // The close races with waiters that move to a new kernel set, on purpose;
    // as a bare system call it is no business of ThreadSanitizer's.
    syscall(SYS_close, copy.Release());
    ASSERT_THAT(set->Modify(*token, kIn, Trigger::kEdge, 2), IsOk());
    set->AuditNext();
    ASSERT_THAT(set->Remove(*token), IsOk());
  }

  EXPECT_EQ(set->size(), 1u);
  Write(stop.writer(), "x");
}

}  // namespace
}  // namespace farpoll
