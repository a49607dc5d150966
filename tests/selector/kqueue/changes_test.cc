// Kqueue.*: the change list, and what the modes mean.
// Source: docs/semantics.md section 6.
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "selector/kqueue/kevent.h"
#include "selector/kqueue/kqueue.h"
#include "tests/selector/kqueue/test_queue.h"
#include "tests/support/fd_fixtures.h"

namespace farpoll {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::Field;
using testing::IsEmpty;
using testing::SizeIs;

constexpr std::int16_t kEveryFilter[] = {
    evfilt::kRead,     evfilt::kWrite,  evfilt::kVnode, evfilt::kProc,
    evfilt::kProcdesc, evfilt::kSignal, evfilt::kTimer, evfilt::kUser,
    evfilt::kEmpty,    evfilt::kExcept,
};

std::uint64_t Ident(int fd) { return static_cast<std::uint64_t>(fd); }

TEST(Kqueue, ChangeWithoutAdd) {
  TestQueue queue;
  const Pipe pipe;

  EXPECT_THAT(queue.Change(pipe.reader(), evfilt::kRead, 0), HasErrno(ENOENT));
  EXPECT_THAT(queue.Change(pipe.reader(), evfilt::kRead, ev::kEnable),
              HasErrno(ENOENT));
  EXPECT_THAT(queue.Change(1, evfilt::kUser, 0, note::kTrigger),
              HasErrno(ENOENT));
}

TEST(Kqueue, AddingChangeDoesNotDelete) {
  TestQueue queue;
  const Pipe pipe;
  const int fd = pipe.reader();

  EXPECT_THAT(queue.Change(fd, evfilt::kRead, ev::kAdd | ev::kDelete), IsOk());

  EXPECT_THAT(queue.Change(fd, evfilt::kRead, ev::kAdd | ev::kDelete), IsOk());
  EXPECT_THAT(queue.Change(fd, evfilt::kRead, ev::kDelete), HasErrno(ENOENT));
}

TEST(Kqueue, DeleteUnknown) {
  TestQueue queue;
  const Pipe pipe;

  for (const std::int16_t filter : kEveryFilter) {
    EXPECT_THAT(queue.Change(pipe.reader(), filter, ev::kDelete),
                HasErrno(ENOENT))
        << FilterToString(filter);
  }
}

TEST(Kqueue, BadFd) {
  TestQueue queue;

  for (const std::int16_t filter :
       {evfilt::kRead, evfilt::kWrite, evfilt::kVnode, evfilt::kEmpty,
        evfilt::kExcept, evfilt::kProcdesc}) {
    EXPECT_THAT(queue.Add(ClosedNumber(), filter), HasErrno(EBADF));
    EXPECT_THAT(queue.Change(ClosedNumber(), filter, ev::kDelete),
                HasErrno(EBADF));
    EXPECT_THAT(queue.Change(~std::uint64_t{0}, filter, ev::kAdd),
                HasErrno(EBADF));
  }
  EXPECT_EQ(queue->size(), 0u);
}

TEST(Kqueue, BadFilterOrFlags) {
  TestQueue queue;
  const Pipe pipe;

  for (const int filter : {1, -14, -16, -100, 32767, -32768}) {
    EXPECT_THAT(queue.Change(pipe.reader(), static_cast<std::int16_t>(filter),
                             ev::kAdd),
                HasErrno(EINVAL));
  }
  EXPECT_THAT(
      queue.Add(pipe.reader(), evfilt::kRead, ev::kEnable | ev::kDisable),
      HasErrno(EINVAL));
  EXPECT_THAT(queue.Add(pipe.reader(), evfilt::kRead, ev::kKeepUdata),
              HasErrno(EINVAL));
  EXPECT_THAT(queue.Add(pipe.reader(), evfilt::kRead, 0x0400),
              HasErrno(EINVAL));
  EXPECT_EQ(queue->size(), 0u);
}

TEST(Kqueue, FiltersOfOtherSystems) {
  TestQueue queue;

  for (const std::int16_t filter :
       {evfilt::kAio, evfilt::kLio, evfilt::kSendfile}) {
    EXPECT_THAT(queue.Change(1, filter, ev::kAdd), HasErrno(ENXIO));
  }
  EXPECT_THAT(queue.Change(1, evfilt::kFs, ev::kAdd), HasErrno(ENOTSUP));
  EXPECT_THAT(queue.Change(1, evfilt::kAio, ev::kAdd),
              StatusIs(absl::StatusCode::kUnimplemented));
}

TEST(Kqueue, SystemFlagsIgnored) {
  TestQueue queue;
  const Pipe pipe;
  Write(pipe.writer(), "x");

  ASSERT_THAT(queue.Add(pipe.reader(), evfilt::kRead, ev::kSystem), IsOk());

  EXPECT_THAT(queue.Now(), ElementsAre(Field(&Kevent::flags, 0)));
}

TEST(Kqueue, FilterZeroSkipped) {
  TestQueue queue;

  EXPECT_THAT(queue.Change(5, 0, ev::kAdd | ev::kReceipt), IsOk());
  EXPECT_EQ(queue->size(), 0u);
}

TEST(Kqueue, ErrorEntry) {
  TestQueue queue;
  const Pipe pipe;
  const Kevent changes[] = {
      {.ident = Ident(pipe.reader())},
      {.ident = Ident(pipe.writer()),
       .filter = evfilt::kRead,
       .flags = ev::kDelete,
       .udata = 77},
      {.ident = Ident(pipe.writer()), .filter = evfilt::kWrite},
  };

  EXPECT_THAT(queue->Control(changes, 3, Timeout::Zero()),
              IsOkAndHolds(ElementsAre(AllOf(IsEntry(ENOENT),
                                             IsOf(pipe.writer(), evfilt::kRead),
                                             Field(&Kevent::udata, 77u)))));

  EXPECT_EQ(queue->size(), 2u);
}

TEST(Kqueue, ErrorNoRoom) {
  TestQueue queue;
  const Pipe pipe;
  const Kevent changes[] = {
      {.ident = Ident(pipe.reader())},
      {.ident = 9, .filter = evfilt::kUser, .flags = ev::kDelete},
      {.ident = Ident(pipe.writer()), .filter = evfilt::kWrite},
  };

  EXPECT_THAT(queue->Control(changes, 0, Timeout::Zero()), HasErrno(ENOENT));

  EXPECT_EQ(queue->size(), 1u);
  EXPECT_THAT(queue.Change(pipe.reader(), evfilt::kRead, ev::kDelete), IsOk());
}

TEST(Kqueue, ErrorSuppressesEvents) {
  TestQueue queue;
  const Pipe pipe;
  Write(pipe.writer(), "x");
  const Kevent changes[] = {
      {.ident = Ident(pipe.reader())},
      {.ident = 9, .filter = evfilt::kUser, .flags = ev::kDelete},
  };

  EXPECT_THAT(queue->Control(changes, 8, Timeout::Forever()),
              IsOkAndHolds(ElementsAre(IsEntry(ENOENT))));

  EXPECT_THAT(queue.Now(), ElementsAre(IsOf(pipe.reader(), evfilt::kRead)));
}

TEST(Kqueue, Receipt) {
  TestQueue queue;
  const Pipe pipe;
  Write(pipe.writer(), "x");
  const std::uint16_t flags = ev::kAdd | ev::kReceipt;
  const Kevent changes[] = {
      {.ident = Ident(pipe.reader()), .flags = flags},
      {.ident = Ident(pipe.writer()), .filter = evfilt::kWrite, .flags = flags},
  };

  EXPECT_THAT(queue->Control(changes, 8, Timeout::Forever()),
              IsOkAndHolds(ElementsAre(
                  AllOf(IsEntry(0), IsOf(pipe.reader(), evfilt::kRead)),
                  AllOf(IsEntry(0), IsOf(pipe.writer(), evfilt::kWrite)))));
  EXPECT_THAT(queue.Now(), SizeIs(2));
}

TEST(Kqueue, ReceiptNoRoom) {
  TestQueue queue;
  const std::uint16_t flags = ev::kAdd | ev::kReceipt;
  const Kevent changes[] = {
      {.ident = 1, .filter = evfilt::kUser, .flags = flags},
      {.ident = 2, .filter = evfilt::kUser, .flags = flags},
  };

  EXPECT_THAT(queue->Control(changes, 0, Timeout::Zero()),
              IsOkAndHolds(IsEmpty()));

  EXPECT_EQ(queue->size(), 1u);
}

TEST(Kqueue, ListsShareMemory) {
  TestQueue queue;
  std::array<Kevent, 3> list = {{
      {.ident = 1, .filter = evfilt::kUser, .flags = ev::kDelete},
      {.ident = 2, .filter = evfilt::kUser, .fflags = note::kTrigger},
      {.ident = 3, .filter = evfilt::kUser, .flags = ev::kEnable},
  }};

  ASSERT_THAT(queue->Control(list, absl::MakeSpan(list), Timeout::Zero()),
              IsOkAndHolds(2u));

  EXPECT_THAT(list[0], AllOf(IsEntry(ENOENT), IsOf(1, evfilt::kUser)));
  EXPECT_THAT(list[1], AllOf(IsEntry(ENOENT), IsOf(3, evfilt::kUser)));
  EXPECT_THAT(queue.Now(), ElementsAre(IsOf(2, evfilt::kUser)));
}

TEST(Kqueue, OneShot) {
  TestQueue queue;
  const Pipe pipe;
  Write(pipe.writer(), "x");
  ASSERT_THAT(queue.Add(pipe.reader(), evfilt::kRead, ev::kOneShot), IsOk());

  EXPECT_THAT(queue.Now(), ElementsAre(AllOf(IsOf(pipe.reader(), evfilt::kRead),
                                             HasFlags(ev::kOneShot))));

  EXPECT_THAT(queue.Now(), IsEmpty());
  EXPECT_THAT(queue.Change(pipe.reader(), evfilt::kRead, ev::kDelete),
              HasErrno(ENOENT));
}

TEST(Kqueue, OneShotRechecked) {
  TestQueue queue;
  const Pipe pipe;
  Write(pipe.writer(), "x");
  ASSERT_THAT(queue.Change(pipe.reader(), evfilt::kRead,
                           ev::kAdd | ev::kOneShot, note::kLowWater, 3),
              IsOk());
  EXPECT_THAT(queue.Now(), IsEmpty());

  Write(pipe.writer(), "yz");

  EXPECT_THAT(queue.Now(),
              ElementsAre(HasData(pipe.reader(), evfilt::kRead, 3)));
  EXPECT_EQ(queue->size(), 0u);
}

TEST(Kqueue, Clear) {
  TestQueue queue;
  const Pipe pipe;
  ASSERT_THAT(queue.Add(pipe.reader(), evfilt::kRead, ev::kClear), IsOk());
  Write(pipe.writer(), "x");
  EXPECT_THAT(queue.Now(),
              ElementsAre(AllOf(HasData(pipe.reader(), evfilt::kRead, 1),
                                HasFlags(ev::kClear))));
  EXPECT_THAT(queue.Now(), IsEmpty());

  Write(pipe.writer(), "y");

  EXPECT_THAT(queue.Now(),
              ElementsAre(HasData(pipe.reader(), evfilt::kRead, 2)));
  EXPECT_THAT(queue.Now(), IsEmpty());
}

TEST(Kqueue, ClearBothFilters) {
  TestQueue queue;
  const FdPair pair = UnixPair(SOCK_STREAM);
  const int fd = pair.first.get();
  ASSERT_THAT(queue.Add(fd, evfilt::kRead, ev::kClear), IsOk());
  ASSERT_THAT(queue.Add(fd, evfilt::kWrite, ev::kClear), IsOk());
  EXPECT_THAT(queue.Now(), ElementsAre(IsOf(fd, evfilt::kWrite)));

  Write(pair.second.get(), "x");

  EXPECT_THAT(queue.Now(), ElementsAre(HasData(fd, evfilt::kRead, 1)));
  EXPECT_THAT(queue.Now(), IsEmpty());
}

TEST(Kqueue, Dispatch) {
  TestQueue queue;
  const Pipe pipe;
  Write(pipe.writer(), "x");
  ASSERT_THAT(queue.Add(pipe.reader(), evfilt::kRead, ev::kDispatch), IsOk());
  EXPECT_THAT(queue.Now(), ElementsAre(AllOf(IsOf(pipe.reader(), evfilt::kRead),
                                             HasFlags(ev::kDispatch))));
  Write(pipe.writer(), "y");
  EXPECT_THAT(queue.Now(), IsEmpty());

  ASSERT_THAT(queue.Change(pipe.reader(), evfilt::kRead, ev::kEnable), IsOk());

  EXPECT_THAT(queue.Now(),
              ElementsAre(HasData(pipe.reader(), evfilt::kRead, 2)));
  EXPECT_THAT(queue.Now(), IsEmpty());
  Drain(pipe.reader());
  ASSERT_THAT(queue.Change(pipe.reader(), evfilt::kRead, ev::kEnable), IsOk());
  EXPECT_THAT(queue.Now(), IsEmpty());
}

TEST(Kqueue, OneShotWinsOverDispatch) {
  TestQueue queue;
  const Pipe pipe;
  Write(pipe.writer(), "x");
  ASSERT_THAT(
      queue.Add(pipe.reader(), evfilt::kRead, ev::kOneShot | ev::kDispatch),
      IsOk());

  EXPECT_THAT(queue.Now(), SizeIs(1));

  EXPECT_EQ(queue->size(), 0u);
}

TEST(Kqueue, DisableDeleteDrain) {
  TestQueue queue;
  const Pipe disabled;
  const Pipe deleted;
  const Pipe drained;
  for (const Pipe* pipe : {&disabled, &deleted, &drained}) {
    Write(pipe->writer(), "x");
    ASSERT_THAT(queue.Add(pipe->reader(), evfilt::kRead), IsOk());
  }

  ASSERT_THAT(queue.Change(disabled.reader(), evfilt::kRead, ev::kDisable),
              IsOk());
  ASSERT_THAT(queue.Change(deleted.reader(), evfilt::kRead, ev::kDelete),
              IsOk());
  Drain(drained.reader());
  EXPECT_THAT(queue.Now(), IsEmpty());

  ASSERT_THAT(queue.Change(disabled.reader(), evfilt::kRead, ev::kEnable),
              IsOk());
  EXPECT_THAT(queue.Now(), ElementsAre(IsOf(disabled.reader(), evfilt::kRead)));
}

TEST(Kqueue, AddDisabled) {
  TestQueue queue;
  const Pipe pipe;
  Write(pipe.writer(), "x");
  ASSERT_THAT(queue.Add(pipe.reader(), evfilt::kRead, ev::kDisable), IsOk());
  ASSERT_THAT(queue.Add(pipe.reader(), evfilt::kRead), IsOk());
  EXPECT_THAT(queue.Now(), IsEmpty());

  ASSERT_THAT(queue.Add(pipe.reader(), evfilt::kRead, ev::kEnable), IsOk());

  EXPECT_THAT(queue.Now(), SizeIs(1));
}

TEST(Kqueue, DisabledIgnoresHangup) {
  TestQueue queue;
  Pipe pipe;
  ASSERT_THAT(queue.Add(pipe.reader(), evfilt::kRead, ev::kDisable), IsOk());

  pipe.write_end.Reset();

  EXPECT_THAT(queue.Now(), IsEmpty());
  EXPECT_EQ(KernelPoll(*queue->fd(), kIn), 0);
}

TEST(Kqueue, ReAdd) {
  TestQueue queue;
  const Pipe pipe;
  Write(pipe.writer(), "x");
  ASSERT_THAT(queue.Change(pipe.reader(), evfilt::kRead, ev::kAdd, 0, 0, 1),
              IsOk());
  ASSERT_THAT(queue.Change(pipe.reader(), evfilt::kRead, ev::kAdd, 0, 0, 2),
              IsOk());
  EXPECT_THAT(queue.Now(), ElementsAre(Field(&Kevent::udata, 2u)));

  ASSERT_THAT(queue.Change(pipe.reader(), evfilt::kRead,
                           ev::kEnable | ev::kKeepUdata, 0, 0, 3),
              IsOk());
  EXPECT_THAT(queue.Now(), ElementsAre(Field(&Kevent::udata, 2u)));
  EXPECT_EQ(queue->size(), 1u);
}

TEST(Kqueue, ReAddKeepsMode) {
  TestQueue queue;
  const Pipe pipe;
  Write(pipe.writer(), "x");
  ASSERT_THAT(queue.Add(pipe.reader(), evfilt::kRead), IsOk());

  ASSERT_THAT(queue.Add(pipe.reader(), evfilt::kRead, ev::kOneShot), IsOk());

  EXPECT_THAT(queue.Now(), ElementsAre(Field(&Kevent::flags, 0)));
  EXPECT_THAT(queue.Now(), SizeIs(1));
}

TEST(Kqueue, ForceOneShot) {
  TestQueue queue;
  const Pipe pipe;
  ASSERT_THAT(queue.Add(pipe.reader(), evfilt::kRead), IsOk());
  EXPECT_THAT(queue.Now(), IsEmpty());

  ASSERT_THAT(queue.Change(pipe.reader(), evfilt::kRead, ev::kForceOneShot),
              IsOk());

  EXPECT_THAT(queue.Now(),
              ElementsAre(AllOf(HasData(pipe.reader(), evfilt::kRead, 0),
                                HasFlags(ev::kOneShot))));
  EXPECT_EQ(queue->size(), 0u);
}

TEST(Kqueue, ConditionGone) {
  TestQueue queue;
  const Pipe pipe;
  ASSERT_THAT(queue.Add(pipe.reader(), evfilt::kRead, ev::kClear), IsOk());
  Write(pipe.writer(), "x");

  Drain(pipe.reader());

  EXPECT_THAT(queue.Now(), IsEmpty());
}

TEST(Kqueue, RoundRobin) {
  TestQueue queue;
  const Pipe pipes[3];
  for (const Pipe& pipe : pipes) {
    Write(pipe.writer(), "x");
    ASSERT_THAT(queue.Add(pipe.reader(), evfilt::kRead), IsOk());
  }
  ASSERT_THAT(queue.Change(1, evfilt::kUser, ev::kAdd, note::kTrigger), IsOk());

  std::vector<Kevent> seen;
  for (int turn = 0; turn < 8; ++turn) {
    const std::vector<Kevent> one = queue.Now(1);
    seen.insert(seen.end(), one.begin(), one.end());
  }

  for (const Pipe& pipe : pipes) {
    EXPECT_THAT(seen, testing::Contains(IsOf(pipe.reader(), evfilt::kRead)));
  }
  EXPECT_THAT(seen, testing::Contains(IsOf(1, evfilt::kUser)));
}

TEST(Kqueue, TwoQueues) {
  TestQueue one;
  TestQueue two;
  const Pipe pipe;
  ASSERT_THAT(one.Add(pipe.reader(), evfilt::kRead, ev::kClear), IsOk());
  ASSERT_THAT(two.Add(pipe.reader(), evfilt::kRead, ev::kClear), IsOk());

  Write(pipe.writer(), "x");

  EXPECT_THAT(one.Now(), ElementsAre(IsOf(pipe.reader(), evfilt::kRead)));
  EXPECT_THAT(two.Now(), ElementsAre(IsOf(pipe.reader(), evfilt::kRead)));
}

TEST(Kqueue, ManyKnotes) {
  constexpr std::uint64_t kCount = 100'000;
  TestQueue queue;
  std::vector<Kevent> changes(kCount);
  for (std::uint64_t i = 0; i < kCount; ++i) {
    changes[i] = {
        .ident = i, .filter = evfilt::kUser, .fflags = note::kTrigger};
  }

  ASSERT_THAT(queue->Control(changes, 0), IsOk());

  EXPECT_EQ(queue->size(), kCount);
  EXPECT_THAT(queue.Now(kCount), SizeIs(kCount));
}

}  // namespace
}  // namespace farpoll
