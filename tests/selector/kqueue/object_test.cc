// Kqueue.*: the object, its values, and who owns what.
// Source: docs/semantics.md section 6.
#include <fcntl.h>
#include <sys/socket.h>

#include <array>
#include <cmath>
#include <cstddef>
#include <limits>
#include <list>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "selector/kqueue/kevent.h"
#include "selector/kqueue/kqueue.h"
#include "tests/selector/kqueue/test_queue.h"
#include "tests/support/fd_fixtures.h"
#include "tests/support/stopwatch.h"

namespace farpoll {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;
using testing::UnorderedElementsAre;

TEST(Kqueue, Create) {
  const auto queue = *Kqueue::Create();

  EXPECT_THAT(queue->fd(), IsOkAndHolds(testing::Gt(0)));
  EXPECT_FALSE(queue->closed());
  EXPECT_EQ(fcntl(*queue->fd(), F_GETFD), FD_CLOEXEC);
}

TEST(Kqueue, Close) {
  const auto queue = *Kqueue::Create();
  const int number = *queue->fd();

  queue->Close();

  EXPECT_TRUE(queue->closed());
  EXPECT_THAT(queue->fd(), IsClosedError());
  EXPECT_THAT(queue->Control({}, 1, Timeout::Zero()), IsClosedError());
  EXPECT_EQ(fcntl(number, F_GETFD), -1);
  queue->Close();
}

TEST(Kqueue, KeventDefaults) {
  const Kevent plain = {.ident = 7};
  EXPECT_EQ(plain.filter, evfilt::kRead);
  EXPECT_EQ(plain.flags, ev::kAdd);
  EXPECT_EQ(plain.fflags, 0u);
  EXPECT_EQ(plain.data, 0);
  EXPECT_EQ(plain.udata, 0u);

  const Kevent wide = {.ident = ~std::uint64_t{0},
                       .flags = 0xffff,
                       .fflags = 0xffffffff,
                       .data = std::numeric_limits<std::int64_t>::min(),
                       .udata = ~std::uint64_t{0}};
  EXPECT_EQ(wide.flags, 0xffff);
  EXPECT_EQ(wide.fflags, 0xffffffff);
  EXPECT_EQ(wide.ident, ~std::uint64_t{0});
}

TEST(Kqueue, KeventCompare) {
  const Kevent one = {.ident = 1, .data = 9};
  const Kevent two = {.ident = 2, .data = 1};
  const Kevent negative_udata = {
      .ident = 1, .data = 9, .udata = ~std::uint64_t{0}};

  EXPECT_EQ(one, one);
  EXPECT_LT(one, two);
  EXPECT_NE(one, negative_udata);
  EXPECT_LT(negative_udata, one);
  EXPECT_LT((Kevent{.ident = 1, .filter = evfilt::kWrite}),
            (Kevent{.ident = 1, .filter = evfilt::kRead}));
}

TEST(Kqueue, Layout) {
  EXPECT_EQ(sizeof(Kevent), 32u);
  EXPECT_EQ(offsetof(Kevent, ident), 0u);
  EXPECT_EQ(offsetof(Kevent, filter), 8u);
  EXPECT_EQ(offsetof(Kevent, flags), 10u);
  EXPECT_EQ(offsetof(Kevent, fflags), 12u);
  EXPECT_EQ(offsetof(Kevent, data), 16u);
  EXPECT_EQ(offsetof(Kevent, udata), 24u);
}

TEST(Kqueue, Names) {
  EXPECT_EQ(FilterToString(evfilt::kProcdesc), "PROCDESC");
  EXPECT_EQ(FilterToString(-99), "-99");
  EXPECT_EQ(FlagsToString(ev::kAdd | ev::kClear), "ADD|CLEAR");
  EXPECT_EQ(FlagsToString(0), "-");
  EXPECT_EQ(FilterFlagsToString(evfilt::kProc, note::kExit), "NOTE_EXIT");
  EXPECT_EQ(FilterFlagsToString(evfilt::kUser, note::kUserCopy | 0x5),
            "NOTE_FFCOPY|0x5");

  EXPECT_THAT(ParseFilter("evfilt_vnode"), IsOkAndHolds(evfilt::kVnode));
  EXPECT_THAT(ParseFilter("-7"), IsOkAndHolds(evfilt::kTimer));
  EXPECT_THAT(ParseFilter("banana"), HasErrno(EINVAL));
  EXPECT_THAT(ParseFlags("add|EV_CLEAR"), IsOkAndHolds(ev::kAdd | ev::kClear));
  EXPECT_THAT(ParseFlags("ADD|banana"), HasErrno(EINVAL));
  EXPECT_THAT(ParseFlags("0x10000"), HasErrno(EINVAL));
  EXPECT_THAT(ParseFilterFlags(evfilt::kVnode, "delete|NOTE_WRITE"),
              IsOkAndHolds(note::kDelete | note::kWrite));
  EXPECT_THAT(ParseFilterFlags(evfilt::kUser, "FFCOPY|TRIGGER|0x7"),
              IsOkAndHolds(note::kUserCopy | note::kTrigger | 7));
  EXPECT_THAT(ParseFilterFlags(evfilt::kTimer, "EXIT"), HasErrno(EINVAL));
}

TEST(Kqueue, QueueEvent) {
  TestQueue queue;
  const FdPair pair = UnixPair(SOCK_STREAM);
  const int a = pair.first.get();
  const int b = pair.second.get();
  ASSERT_THAT(queue.Add(a, evfilt::kWrite), IsOk());
  ASSERT_THAT(queue.Add(a, evfilt::kRead), IsOk());
  ASSERT_THAT(queue.Add(b, evfilt::kWrite), IsOk());
  ASSERT_THAT(queue.Add(b, evfilt::kRead), IsOk());
  EXPECT_THAT(queue.Now(), UnorderedElementsAre(IsOf(a, evfilt::kWrite),
                                                IsOf(b, evfilt::kWrite)));

  Write(a, "Hello!");
  Write(b, "world!!!");
  EXPECT_THAT(queue.Now(), UnorderedElementsAre(IsOf(a, evfilt::kWrite),
                                                HasData(a, evfilt::kRead, 8),
                                                IsOf(b, evfilt::kWrite),
                                                HasData(b, evfilt::kRead, 6)));

  ASSERT_THAT(queue.Change(a, evfilt::kWrite, ev::kDelete), IsOk());
  ASSERT_THAT(queue.Change(a, evfilt::kRead, ev::kDelete), IsOk());
  ASSERT_THAT(queue.Change(b, evfilt::kRead, ev::kDelete), IsOk());
  EXPECT_THAT(queue.Now(), ElementsAre(IsOf(b, evfilt::kWrite)));
}

TEST(Kqueue, FromFdShares) {
  TestQueue queue;
  const Pipe pipe;
  UniqueFd copy = Duplicate(*queue->fd());
  const auto same = *Kqueue::FromFd(copy.get());
  copy.Release();

  ASSERT_THAT(
      same->Apply({{.ident = static_cast<std::uint64_t>(pipe.reader())}}, {}),
      IsOk());
  Write(pipe.writer(), "x");

  EXPECT_THAT(queue.Now(), ElementsAre(IsOf(pipe.reader(), evfilt::kRead)));
  EXPECT_THAT(same->Control({}, 4, Timeout::Zero()),
              IsOkAndHolds(ElementsAre(IsOf(pipe.reader(), evfilt::kRead))));
}

TEST(Kqueue, FromFdBad) {
  const Pipe pipe;

  EXPECT_THAT(Kqueue::FromFd(ClosedNumber()).status(), HasErrno(EBADF));
  EXPECT_THAT(Kqueue::FromFd(pipe.reader()).status(), HasErrno(EBADF));
  EXPECT_THAT(Kqueue::FromFd(-1).status(), HasErrno(EBADF));
}

TEST(Kqueue, FromFdClose) {
  TestQueue queue;
  const int number = *queue->fd();
  auto other = *Kqueue::FromFd(number);

  other->Close();

  EXPECT_FALSE(queue->closed());
  EXPECT_THAT(queue->Control({}, 1, Timeout::Zero()), IsClosedError());
  EXPECT_THAT(queue->fd(), HasErrno(EBADF));
  const UniqueFd reused = DuplicateTo(STDERR_FILENO, number);
  queue->Close();
  EXPECT_GE(fcntl(reused.get(), F_GETFD), 0);
}

TEST(Kqueue, FromFdCopyOutlivesTheNumber) {
  auto queue = *Kqueue::Create();
  UniqueFd copy = Duplicate(*queue->fd());
  const auto other = *Kqueue::FromFd(copy.get());
  copy.Release();
  const Pipe pipe;
  Write(pipe.writer(), "x");

  queue.reset();

  ASSERT_THAT(
      other->Control({{.ident = static_cast<std::uint64_t>(pipe.reader())}}, 4,
                     Timeout::Zero()),
      IsOkAndHolds(SizeIs(1)));
}

TEST(Kqueue, IterableChanges) {
  TestQueue queue;
  const std::vector<Kevent> vector = {
      {.ident = 1, .filter = evfilt::kUser, .fflags = note::kTrigger}};
  const std::array<Kevent, 1> array = {
      {{.ident = 2, .filter = evfilt::kUser, .fflags = note::kTrigger}}};
  const std::list<Kevent> list = {
      {.ident = 3, .filter = evfilt::kUser, .fflags = note::kTrigger}};

  ASSERT_THAT(queue->Control(vector, 0), IsOk());
  ASSERT_THAT(queue->Control(array, 0), IsOk());
  ASSERT_THAT(queue->Control(std::vector<Kevent>(list.begin(), list.end()), 0),
              IsOk());

  EXPECT_THAT(queue.Now(),
              ElementsAre(IsOf(1, evfilt::kUser), IsOf(2, evfilt::kUser),
                          IsOf(3, evfilt::kUser)));
}

TEST(Kqueue, NegativeMaxOrTimeout) {
  TestQueue queue;

  EXPECT_THAT(queue->Control({}, -1, Timeout::Zero()), HasErrno(EINVAL));
  EXPECT_THAT(queue->Control({}, 1, Timeout::Seconds(-1)), HasErrno(EINVAL));
  EXPECT_THAT(queue->Control({}, 0, Timeout::Seconds(-1e-9)), HasErrno(EINVAL));
  EXPECT_THAT(queue->Control({}, 1, Timeout::Seconds(std::nan(""))),
              HasErrno(EINVAL));
  EXPECT_THAT(queue->Control({}, 1, Timeout::Seconds(INFINITY)),
              HasErrno(EOVERFLOW));
}

TEST(Kqueue, RoomCostsNothing) {
  TestQueue queue;
  ASSERT_THAT(queue.Change(1, evfilt::kUser, ev::kAdd, note::kTrigger), IsOk());

  const absl::StatusOr<std::vector<Kevent>> events = queue->Control(
      {}, std::numeric_limits<std::int64_t>::max(), Timeout::Zero());

  ASSERT_THAT(events, IsOkAndHolds(ElementsAre(IsOf(1, evfilt::kUser))));
  EXPECT_LE(events->capacity(), 100u);
}

TEST(Kqueue, RoomZero) {
  TestQueue queue;
  const Stopwatch watch;

  EXPECT_THAT(queue->Control({}, 0, Timeout::Forever()),
              IsOkAndHolds(IsEmpty()));
  EXPECT_THAT(queue->Control({}, 0, absl::Seconds(60)),
              IsOkAndHolds(IsEmpty()));

  EXPECT_LT(watch.elapsed(), kAtOnce);
}

TEST(Kqueue, TimeoutLasts) {
  TestQueue queue;
  const Stopwatch watch;

  EXPECT_THAT(queue->Control({}, 1, absl::Milliseconds(10)),
              IsOkAndHolds(IsEmpty()));

  EXPECT_GE(watch.elapsed(), absl::Milliseconds(10));
}

TEST(Kqueue, ForgetRemovesAllOfADescriptor) {
  TestQueue queue;
  FdPair pair = UnixPair(SOCK_STREAM);
  const int fd = pair.first.get();
  ASSERT_THAT(queue.Add(fd, evfilt::kRead), IsOk());
  ASSERT_THAT(queue.Add(fd, evfilt::kWrite), IsOk());
  ASSERT_THAT(queue.Change(1, evfilt::kUser, ev::kAdd), IsOk());

  EXPECT_EQ(queue->Forget(fd), 2u);

  EXPECT_EQ(queue->size(), 1u);
  EXPECT_THAT(queue.Now(), IsEmpty());
  EXPECT_EQ(queue->Forget(fd), 0u);
}

}  // namespace
}  // namespace farpoll
