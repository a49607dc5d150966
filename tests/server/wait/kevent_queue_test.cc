// tests/server/wait/kevent_queue_test.cc: room: tests. A kqueue whose idents
// are handles: what it takes, what it reports, and what becomes of a result
// that is acknowledged late or never.
#include "server/wait/kevent_queue.h"

#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/unique_fd.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "selector/kqueue/kevent.h"
#include "server/policy/quota.h"
#include "server/wait/waiter.h"
#include "tests/server/wait/handles.h"
#include "tests/support/fd_count.h"
#include "tests/support/fd_fixtures.h"
#include "tests/support/status_matchers.h"

namespace farpoll::server {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

constexpr std::size_t kRoom = 64;
constexpr std::int64_t kDescriptors = 4;

// "1,READ,CLEAR,-,5": what an event says, but for its udata.
std::string Text(const TakenKevent& taken) {
  const Kevent& event = taken.event;
  return absl::StrCat(event.ident, ",", FilterToString(event.filter), ",",
                      FlagsToString(event.flags), ",",
                      FilterFlagsToString(event.filter, event.fflags), ",",
                      event.data);
}

std::vector<std::string> Texts(const Result& result) {
  std::vector<std::string> texts;
  for (const TakenKevent& taken : result.kevents) {
    texts.push_back(Text(taken));
  }
  return texts;
}

Kevent Change(std::uint64_t ident, std::int16_t filter,
              std::uint16_t flags = ev::kAdd, std::uint32_t fflags = 0,
              std::int64_t data = 0, std::uint64_t udata = 0) {
  return Kevent{ident, filter, flags, fflags, data, udata};
}

class KeventQueueTest : public testing::Test {
 protected:
  std::unique_ptr<KeventQueue> Make(std::int64_t most = kManyRegistrations) {
    auto made = KeventQueue::Create(most, &descriptors_);
    EXPECT_THAT(made, IsOk());
    return *std::move(made);
  }

  Target TargetOf(std::int64_t id) { return handles_.TargetOf(id); }

  absl::StatusOr<std::int64_t> Apply(const Kevent& change) {
    return queue_->Apply(change,
                         [this](std::int64_t id) { return TargetOf(id); });
  }

  absl::StatusOr<std::vector<TakenKevent>> ApplyAll(
      const std::vector<Kevent>& changes, std::size_t room = kRoom) {
    return ApplyInTurn(changes.size(), room, [&](std::size_t i) {
      return AppliedKevent{changes[i], Apply(changes[i]).status()};
    });
  }

  // A pipe with a byte in it, registered with `flags`.
  Pipe& Ready(std::int64_t id, std::uint16_t flags = ev::kAdd) {
    Pipe& pipe = handles_.Make(id);
    Write(pipe.writer(), "x");
    EXPECT_THAT(
        Apply(Change(static_cast<std::uint64_t>(id), evfilt::kRead, flags)),
        IsOk());
    return pipe;
  }

  std::vector<std::string> Collect(std::size_t room = kRoom) {
    last_ = Result();
    queue_->Collect(room, &last_);
    return Texts(last_);
  }

  void Restore(const Result& result) {
    queue_->Restore(result,
                    [this](std::int64_t id) { return handles_.TargetOf(id); });
  }

  PipeHandles handles_;
  Quota descriptors_{kDescriptors};
  std::unique_ptr<KeventQueue> queue_ = Make();
  Result last_;
};

// ---- Changes.

TEST_F(KeventQueueTest, IdentIsTheHandleAndUdataTheClients) {
  handles_.Make(700);
  Write(handles_.Make(701).writer(), "hello");
  ASSERT_THAT(Apply(Change(701, evfilt::kRead, ev::kAdd, 0, 0, 99)), IsOk());

  EXPECT_THAT(Collect(), ElementsAre("701,READ,-,-,5"));
  EXPECT_EQ(last_.kevents[0].event.udata, 99u);
  EXPECT_EQ(last_.kevents[0].handle_id, 701);
}

TEST_F(KeventQueueTest, AddReplacesUdataAndKeepUdataKeepsIt) {
  Ready(1);
  ASSERT_THAT(Apply(Change(1, evfilt::kRead, ev::kAdd, 0, 0, 7)), IsOk());
  ASSERT_THAT(Apply(Change(1, evfilt::kRead, ev::kKeepUdata, 0, 0, 8)), IsOk());

  Collect();

  EXPECT_EQ(last_.kevents[0].event.udata, 7u);
}

TEST_F(KeventQueueTest, TellsWhatEndedASocket) {
  const UniqueFd socket = RefusedConnect();
  const auto target_of = [&](std::int64_t) {
    return Target{.fd = socket.get()};
  };
  ASSERT_THAT(queue_->Apply(Change(1, evfilt::kWrite), target_of), IsOk());

  Collect();

  ASSERT_EQ(last_.kevents.size(), 1u);
  EXPECT_EQ(last_.kevents[0].event.flags, ev::kEof);
  EXPECT_EQ(last_.kevents[0].event.fflags, std::uint32_t{ECONNREFUSED});
}

TEST_F(KeventQueueTest, UnknownHandleIsEbadf) {
  EXPECT_THAT(Apply(Change(1, evfilt::kRead)), HasErrno(EBADF));
  EXPECT_THAT(Apply(Change(~std::uint64_t{0}, evfilt::kRead)), HasErrno(EBADF));
}

TEST_F(KeventQueueTest, WhatIsTheServersIsRefused) {
  handles_.Make(1);
  EXPECT_THAT(Apply(Change(2, evfilt::kSignal)),
              StatusIs(absl::StatusCode::kPermissionDenied));
  // This process exists; it is no handle.
  EXPECT_THAT(Apply(Change(static_cast<std::uint64_t>(getpid()), evfilt::kProc,
                           ev::kAdd, note::kExit)),
              StatusIs(absl::StatusCode::kPermissionDenied));
  EXPECT_THAT(Apply(Change(1, evfilt::kProc, ev::kAdd, note::kExit)),
              StatusIs(absl::StatusCode::kPermissionDenied));
  EXPECT_THAT(Apply(Change(1, evfilt::kProcdesc, ev::kAdd, note::kExit)),
              HasErrno(EINVAL));
}

TEST_F(KeventQueueTest, BadChangesAreRefusedAsLocally) {
  handles_.Make(1);
  EXPECT_THAT(Apply(Change(1, -100)), HasErrno(EINVAL));
  EXPECT_THAT(Apply(Change(1, evfilt::kRead, 0x0800)), HasErrno(EINVAL));
  EXPECT_THAT(Apply(Change(1, evfilt::kRead, ev::kEnable | ev::kDisable)),
              HasErrno(EINVAL));
  EXPECT_THAT(Apply(Change(1, evfilt::kRead, ev::kDelete)), HasErrno(ENOENT));
  EXPECT_THAT(Apply(Change(1, evfilt::kRead, ev::kEnable)), HasErrno(ENOENT));
  EXPECT_THAT(Apply(Change(1, evfilt::kTimer, ev::kAdd, 0, -1)),
              HasErrno(EINVAL));
  EXPECT_THAT(Apply(Change(1, evfilt::kUser, ev::kDelete)), HasErrno(ENOENT));
  EXPECT_EQ(queue_->size(), 0u);
  EXPECT_EQ(descriptors_.used(), 0);
}

TEST_F(KeventQueueTest, AChangeThatAddsDoesNotDeleteWhatItAdded) {
  handles_.Make(1);
  for (const Kevent& change :
       {Change(1, evfilt::kRead, ev::kAdd | ev::kDelete),
        Change(2, evfilt::kUser, ev::kAdd | ev::kDelete | ev::kDisable),
        Change(3, evfilt::kTimer, ev::kAdd | ev::kDelete, 0, 100'000)}) {
    EXPECT_THAT(Apply(change), IsOk());
    // This one finds it, and deletes it.
    EXPECT_THAT(Apply(change), IsOk());
    EXPECT_THAT(Apply(Change(change.ident, change.filter, ev::kDelete)),
                HasErrno(ENOENT));
  }

  EXPECT_THAT(Collect(), IsEmpty());
  EXPECT_EQ(descriptors_.used(), 0);
}

TEST_F(KeventQueueTest, FilterZeroDoesNothing) {
  EXPECT_THAT(Apply(Change(1, 0)), IsOkAndHolds(0));
}

TEST_F(KeventQueueTest, ErrorsAndReceiptsAreEntries) {
  handles_.Make(1);
  const auto entries =
      ApplyAll({Change(1, evfilt::kRead, ev::kAdd | ev::kReceipt),
                Change(1, -100), Change(1, evfilt::kUser)});
  ASSERT_THAT(entries, IsOk());
  ASSERT_EQ(entries->size(), 2u);
  EXPECT_EQ(Text((*entries)[0]), "1,READ,ERROR,-,0");
  EXPECT_EQ((*entries)[1].event.data, EINVAL);
  EXPECT_EQ(queue_->size(), 2u);  // the third was applied
}

TEST_F(KeventQueueTest, AnErrorWithoutRoomEndsTheCall) {
  handles_.Make(1);
  EXPECT_THAT(ApplyAll({Change(1, evfilt::kUser), Change(1, -100),
                        Change(2, evfilt::kUser)},
                       0),
              HasErrno(EINVAL));
  EXPECT_EQ(queue_->size(), 1u);
}

TEST_F(KeventQueueTest, RegistrationsAndTheirDescriptorsAreBounded) {
  queue_ = Make(5);
  for (std::uint64_t i = 1; i <= kDescriptors; ++i) {
    EXPECT_THAT(Apply(Change(i, evfilt::kTimer, ev::kAdd, 0, 100'000)), IsOk());
  }
  EXPECT_THAT(Apply(Change(9, evfilt::kTimer, ev::kAdd, 0, 100'000)),
              StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_THAT(Apply(Change(9, evfilt::kUser)), IsOk());
  EXPECT_THAT(Apply(Change(10, evfilt::kUser)),
              StatusIs(absl::StatusCode::kResourceExhausted));

  EXPECT_THAT(Apply(Change(1, evfilt::kTimer, ev::kDelete)), IsOk());
  EXPECT_EQ(descriptors_.used(), kDescriptors - 1);
  queue_.reset();
  EXPECT_EQ(descriptors_.used(), 0);
}

TEST_F(KeventQueueTest, AHundredThousandKnotes) {
  constexpr std::uint64_t kMany = 100'000;
  queue_ = Make(kMany);
  for (std::uint64_t i = 0; i < kMany; ++i) {
    ASSERT_THAT(Apply(Change(i, evfilt::kUser, ev::kAdd | ev::kClear)), IsOk());
  }
  ASSERT_THAT(Apply(Change(kMany, evfilt::kUser)),
              StatusIs(absl::StatusCode::kResourceExhausted));
  ASSERT_THAT(Apply(Change(77'777, evfilt::kUser, 0, note::kTrigger)), IsOk());

  EXPECT_THAT(Collect(), ElementsAre("77777,USER,CLEAR,-,0"));
  EXPECT_THAT(Collect(), IsEmpty());
}

// ---- Processes.

// A child that waits to be ended, as a session's process handle.
class Child {
 public:
  Child() {
    pid_ = fork();
    if (pid_ == 0) {
      for (;;) {
        pause();
      }
    }
    pidfd_.Reset(static_cast<int>(syscall(SYS_pidfd_open, pid_, 0)));
  }
  ~Child() {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }

  Target target() const { return {.fd = pidfd_.get(), .pid = pid_}; }

  // Ends it and returns when that can be seen; it stays a zombie.
  void End() {
    kill(pid_, SIGTERM);
    siginfo_t info;
    waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOWAIT);
  }

 private:
  pid_t pid_ = 0;
  UniqueFd pidfd_;
};

TEST_F(KeventQueueTest, ProcAndProcdescTellTheEndOfAProcessHandle) {
  Child child;
  const auto target_of = [&](std::int64_t id) {
    return id == 4 ? child.target() : Target();
  };
  for (const std::int16_t filter : {evfilt::kProc, evfilt::kProcdesc}) {
    ASSERT_THAT(
        queue_->Apply(Change(4, filter, ev::kAdd, note::kExit), target_of),
        IsOk());
  }
  EXPECT_THAT(Collect(), IsEmpty());

  child.End();

  EXPECT_THAT(Collect(), UnorderedElementsAre(
                             "4,PROC,ONESHOT|CLEAR|EOF,NOTE_EXIT,15",
                             "4,PROCDESC,ONESHOT|CLEAR|EOF,NOTE_EXIT,15"));
  EXPECT_EQ(last_.kevents[0].handle_id, 4);
}

TEST_F(KeventQueueTest, SigchldCountsTheEndsOfTheSessionsChildren) {
  Child before;
  Child first;
  Child second;
  before.End();
  queue_->AddChild(1, before.target().fd);
  queue_->AddChild(2, first.target().fd);
  EXPECT_THAT(Apply(Change(SIGCHLD, evfilt::kSignal, ev::kDelete)),
              HasErrno(ENOENT));
  ASSERT_THAT(Apply(Change(SIGCHLD, evfilt::kSignal, ev::kAdd, 0, 0, 9)),
              IsOk());
  queue_->AddChild(3, second.target().fd);
  EXPECT_THAT(Collect(), IsEmpty());

  first.End();
  second.End();

  EXPECT_THAT(Collect(), ElementsAre("17,SIGNAL,CLEAR,-,2"));
  EXPECT_EQ(last_.kevents[0].event.udata, 9u);
  EXPECT_THAT(Collect(), IsEmpty());
  queue_->HandleClosed(3);
  EXPECT_THAT(Apply(Change(SIGCHLD, evfilt::kSignal, ev::kDelete)), IsOk());
  EXPECT_EQ(descriptors_.used(), 0);
}

TEST_F(KeventQueueTest, ARefusedSigchldHoldsNoDescriptor) {
  queue_ = Make(/*most=*/1);
  ASSERT_THAT(Apply(Change(1, evfilt::kUser)), IsOk());
  const int before = CountOpenDescriptors();
  EXPECT_THAT(Apply(Change(SIGCHLD, evfilt::kSignal)),
              StatusIs(absl::StatusCode::kResourceExhausted));

  queue_ = Make();
  ASSERT_TRUE(descriptors_.TryTake(kDescriptors));
  EXPECT_THAT(Apply(Change(SIGCHLD, evfilt::kSignal)),
              StatusIs(absl::StatusCode::kResourceExhausted));

  EXPECT_EQ(CountOpenDescriptors(), before);
  descriptors_.Return(kDescriptors);
}

TEST_F(KeventQueueTest, AClosedChildIsNotCounted) {
  Child child;
  queue_->AddChild(1, child.target().fd);
  ASSERT_THAT(Apply(Change(SIGCHLD, evfilt::kSignal)), IsOk());
  queue_->HandleClosed(1);

  child.End();

  EXPECT_THAT(Collect(), IsEmpty());
}

// ---- Closed handles.

TEST_F(KeventQueueTest, AClosedHandleReportsEachRegistrationOnce) {
  Ready(1);
  ASSERT_THAT(Apply(Change(1, evfilt::kExcept, ev::kAdd, note::kOutOfBand)),
              IsOk());
  EXPECT_TRUE(queue_->Has(1));

  queue_->HandleClosed(1);

  EXPECT_FALSE(queue_->Has(1));
  EXPECT_THAT(Collect(),
              UnorderedElementsAre(absl::StrCat("1,READ,ERROR,-,", EBADF),
                                   absl::StrCat("1,EXCEPT,ERROR,-,", EBADF)));
  EXPECT_THAT(Collect(), IsEmpty());
  EXPECT_EQ(queue_->size(), 0u);
}

// ---- Results on the way.

TEST_F(KeventQueueTest, LevelRepeatsAndOneShotDoesNot) {
  Ready(1);
  Ready(2, ev::kAdd | ev::kOneShot);

  EXPECT_THAT(Collect(),
              UnorderedElementsAre("1,READ,-,-,1", "2,READ,ONESHOT,-,1"));
  EXPECT_THAT(Collect(), ElementsAre("1,READ,-,-,1"));
  EXPECT_THAT(Apply(Change(2, evfilt::kRead, ev::kDelete)), HasErrno(ENOENT));
}

TEST_F(KeventQueueTest, QuietLevelWaitsForItsAcknowledgement) {
  Ready(1);
  queue_->SetQuiet(true, {});
  ASSERT_THAT(Collect(), ElementsAre("1,READ,-,-,1"));
  const Result first = last_;
  EXPECT_THAT(Collect(), IsEmpty());

  queue_->Acknowledge(first);

  EXPECT_THAT(Collect(), ElementsAre("1,READ,-,-,1"));
}

TEST_F(KeventQueueTest, QuietTakesInResultsThatAreOnTheWay) {
  Ready(1);
  ASSERT_THAT(Collect(), ElementsAre("1,READ,-,-,1"));

  queue_->SetQuiet(true, {last_});

  EXPECT_THAT(Collect(), IsEmpty());
  queue_->SetQuiet(false, {});
  EXPECT_THAT(Collect(), ElementsAre("1,READ,-,-,1"));
}

TEST_F(KeventQueueTest, AcknowledgementLeavesWhatTheClientDisabled) {
  Ready(1);
  queue_->SetQuiet(true, {});
  Collect();
  const Result first = last_;
  ASSERT_THAT(Apply(Change(1, evfilt::kRead, ev::kDisable)), IsOk());

  queue_->Acknowledge(first);

  EXPECT_THAT(Collect(), IsEmpty());
  ASSERT_THAT(Apply(Change(1, evfilt::kRead, ev::kEnable)), IsOk());
  EXPECT_THAT(Collect(), ElementsAre("1,READ,-,-,1"));
}

TEST_F(KeventQueueTest, AChangeArmsWhatIsUnacknowledged) {
  Ready(1);
  queue_->SetQuiet(true, {});
  Collect();
  const Result old = last_;

  ASSERT_THAT(Apply(Change(1, evfilt::kRead)), IsOk());

  ASSERT_THAT(Collect(), ElementsAre("1,READ,-,-,1"));
  queue_->Acknowledge(old);  // of the registration as it was
  EXPECT_THAT(Collect(), IsEmpty());
}

TEST_F(KeventQueueTest, QuietUserKeepsItsFlags) {
  ASSERT_THAT(Apply(Change(5, evfilt::kUser, ev::kAdd,
                           note::kUserCopy | 3 | note::kTrigger)),
              IsOk());
  queue_->SetQuiet(true, {});
  ASSERT_THAT(Collect(), ElementsAre("5,USER,-,0x3,0"));
  const Result first = last_;
  EXPECT_THAT(Collect(), IsEmpty());

  queue_->Acknowledge(first);

  EXPECT_THAT(Collect(), ElementsAre("5,USER,-,0x3,0"));
}

// ---- Results that did not arrive.

TEST_F(KeventQueueTest, LostOneShotComesAgainWhileItHolds) {
  Pipe& pipe = Ready(1, ev::kAdd | ev::kOneShot);
  ASSERT_THAT(Collect(), ElementsAre("1,READ,ONESHOT,-,1"));

  Restore(last_);

  EXPECT_THAT(Collect(), ElementsAre("1,READ,ONESHOT,-,1"));
  Restore(last_);
  Drain(pipe.reader());
  EXPECT_THAT(Collect(), IsEmpty());
  EXPECT_EQ(queue_->size(), 1u);  // armed still
}

TEST_F(KeventQueueTest, LostEdgeAndDispatchComeAgain) {
  Ready(1, ev::kAdd | ev::kClear);
  Ready(2, ev::kAdd | ev::kDispatch);
  ASSERT_THAT(Collect(),
              UnorderedElementsAre("1,READ,CLEAR,-,1", "2,READ,DISPATCH,-,1"));
  const Result lost = last_;
  ASSERT_THAT(Collect(), IsEmpty());

  Restore(lost);

  EXPECT_THAT(Collect(),
              UnorderedElementsAre("1,READ,CLEAR,-,1", "2,READ,DISPATCH,-,1"));
}

TEST_F(KeventQueueTest, LostCountsComeAgainAsTheyWere) {
  ASSERT_THAT(Apply(Change(5, evfilt::kUser, ev::kAdd | ev::kClear,
                           note::kUserCopy | 3 | note::kTrigger)),
              IsOk());
  ASSERT_THAT(
      Apply(Change(6, evfilt::kUser, ev::kAdd | ev::kOneShot, note::kTrigger)),
      IsOk());
  ASSERT_THAT(Collect(),
              ElementsAre("5,USER,CLEAR,0x3,0", "6,USER,ONESHOT,-,0"));

  Restore(last_);

  EXPECT_THAT(Collect(),
              ElementsAre("5,USER,CLEAR,0x3,0", "6,USER,ONESHOT,-,0"));
  EXPECT_THAT(Collect(), IsEmpty());
}

TEST_F(KeventQueueTest, DeleteDropsWhatCameBack) {
  ASSERT_THAT(
      Apply(Change(6, evfilt::kUser, ev::kAdd | ev::kOneShot, note::kTrigger)),
      IsOk());
  Collect();
  Restore(last_);

  EXPECT_THAT(Apply(Change(6, evfilt::kUser, ev::kDelete)), IsOk());

  EXPECT_THAT(Collect(), IsEmpty());
  EXPECT_THAT(Apply(Change(6, evfilt::kUser, ev::kDelete)), HasErrno(ENOENT));
}

TEST_F(KeventQueueTest, ADeletedRegistrationDoesNotComeBack) {
  Ready(1, ev::kAdd | ev::kClear);
  Collect();
  ASSERT_THAT(Apply(Change(1, evfilt::kRead, ev::kDelete)), IsOk());

  Restore(last_);

  EXPECT_THAT(Collect(), IsEmpty());
  EXPECT_EQ(queue_->size(), 0u);
}

TEST_F(KeventQueueTest, LeavesNoDescriptors) {
  const int before = CountOpenDescriptors();
  {
    const auto queue = Make();
    for (std::uint64_t i = 1; i <= kDescriptors; ++i) {
      ASSERT_THAT(
          queue->Apply(Change(i, evfilt::kTimer, ev::kAdd, 0, 1),
                       [this](std::int64_t id) { return TargetOf(id); }),
          IsOk());
    }
  }
  EXPECT_EQ(CountOpenDescriptors(), before);
}

// ---- Under a waiter.

TEST_F(KeventQueueTest, AWaiterNumbersAndResendsItsResults) {
  Ready(1, ev::kAdd | ev::kClear);
  Waiter waiter(queue_.get());
  const MonotonicTime now = {};
  const auto target_of = [this](std::int64_t id) {
    return handles_.TargetOf(id);
  };
  ASSERT_THAT(waiter.Begin({.credits = 1, .max_credits = 64, .max_events = 8},
                           now, target_of),
              IsOk());
  const absl::optional<Result> first = waiter.Take(now);
  ASSERT_TRUE(first.has_value());
  EXPECT_THAT(Texts(*first), ElementsAre("1,READ,CLEAR,-,1"));
  waiter.End();

  ASSERT_THAT(
      waiter.Begin(
          {.credits = 1, .max_credits = 64, .max_events = 8, .resume_after = 0},
          now, target_of),
      IsOk());

  const absl::optional<Result> again = waiter.Take(now);
  ASSERT_TRUE(again.has_value());
  EXPECT_EQ(again->sequence, first->sequence);
  EXPECT_THAT(Texts(*again), ElementsAre("1,READ,CLEAR,-,1"));
}

}  // namespace
}  // namespace farpoll::server
