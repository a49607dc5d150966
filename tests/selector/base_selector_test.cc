// Selector.*: BaseSelector's contract, for every kind of selector.
// Source: docs/semantics.md sections 4 and 8.
#include "selector/base_selector.h"

#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <memory>
#include <thread>
#include <type_traits>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "selector/default_selector.h"
#include "selector/epoll_selector.h"
#include "selector/kqueue_selector.h"
#include "selector/poll_selector.h"
#include "selector/select_selector.h"
#include "tests/support/blocked_call.h"
#include "tests/support/fd_fixtures.h"
#include "tests/support/interval_signal.h"
#include "tests/support/status_matchers.h"
#include "tests/support/stopwatch.h"

namespace farpoll {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;
using testing::UnorderedElementsAre;

const Timeout kLookOnce = Timeout::Zero();

// A ready entry of descriptor `number` with exactly `ready`.
MATCHER_P2(Ready, number, ready, "") {
  *result_listener << arg.key.fd() << " has " << arg.events;
  return arg.key.fd() == number && arg.events == ready;
}

// An object with a descriptor that may be gone.
struct Connection {
  int fileno() const { return end.get(); }
  UniqueFd end;
};

template <typename T>
class Selector : public testing::Test {
 protected:
  const std::unique_ptr<T> selector_ = *T::Create();
};

using Kinds =
    testing::Types<EpollSelector, PollSelector, SelectSelector, KqueueSelector>;
TYPED_TEST_SUITE(Selector, Kinds);

TYPED_TEST(Selector, RegisterReturnsKey) {
  const Connection connection = {std::move(UnixPair(SOCK_STREAM).first)};

  const auto key = this->selector_->Register(connection, kEventRead, 42);

  ASSERT_THAT(key, IsOk());
  EXPECT_EQ(key->fileobj(), FileObject(connection));
  EXPECT_EQ(key->fd(), connection.fileno());
  EXPECT_EQ(key->events(), kEventRead);
  EXPECT_EQ(key->data(), 42u);
  EXPECT_THAT(this->selector_->GetKey(connection), IsOkAndHolds(*key));
}

TYPED_TEST(Selector, RegisterBadArgs) {
  const Pipe pipe;

  for (const std::int64_t events : {0, 4, -1, 999999}) {
    EXPECT_THAT(this->selector_->Register(pipe.reader(), events),
                HasErrno(EINVAL));
  }
  EXPECT_THAT(this->selector_->Register(-10, kEventRead), HasErrno(EINVAL));
  EXPECT_THAT(this->selector_->Register(Connection(), kEventRead),
              HasErrno(EINVAL));
}

TYPED_TEST(Selector, RegisterTwice) {
  const Connection connection = {std::move(UnixPair(SOCK_STREAM).first)};
  ASSERT_THAT(this->selector_->Register(connection, kEventRead), IsOk());

  EXPECT_THAT(this->selector_->Register(connection, kEventRead),
              HasErrno(EEXIST));
  EXPECT_THAT(this->selector_->Register(connection.fileno(), kEventWrite),
              StatusIs(absl::StatusCode::kAlreadyExists));
}

TYPED_TEST(Selector, RegisterFailureRollsBack) {
  const int number = ClosedNumber();

  EXPECT_THAT(this->selector_->Register(number, kEventRead), HasErrno(EBADF));

  EXPECT_EQ(this->selector_->GetMap()->size(), 0u);
  EXPECT_THAT(this->selector_->GetKey(number), HasErrno(ENOENT));
}

TYPED_TEST(Selector, UnregisterReturnsKey) {
  const Pipe pipe;
  const auto key = this->selector_->Register(pipe.reader(), kEventRead, 7);

  EXPECT_THAT(this->selector_->Unregister(pipe.reader()), IsOkAndHolds(*key));
  EXPECT_THAT(this->selector_->Unregister(pipe.reader()), HasErrno(ENOENT));
}

TYPED_TEST(Selector, UnregisterAfterClose) {
  Pipe pipe;
  const int number = pipe.reader();
  ASSERT_THAT(this->selector_->Register(number, kEventRead), IsOk());

  pipe.read_end.Reset();

  EXPECT_THAT(this->selector_->Unregister(number), IsOk());
}

TYPED_TEST(Selector, UnregisterAfterCloseAndReuse) {
  Pipe pipe;
  const Pipe fresh;
  const int number = pipe.reader();
  ASSERT_THAT(this->selector_->Register(number, kEventRead), IsOk());
  ASSERT_THAT(this->selector_->Register(fresh.reader(), kEventRead), IsOk());

  pipe.read_end.Reset();
  const UniqueFd reused = DuplicateTo(fresh.reader(), number);

  EXPECT_THAT(this->selector_->Unregister(number), IsOk());
  Write(fresh.writer(), "x");
  EXPECT_THAT(this->selector_->Select(kLookOnce),
              IsOkAndHolds(ElementsAre(Ready(fresh.reader(), kEventRead))));
}

TYPED_TEST(Selector, UnregisterClosedObject) {
  Connection connection = {std::move(UnixPair(SOCK_STREAM).first)};
  const auto key = this->selector_->Register(connection, kEventRead);

  connection.end.Reset();

  EXPECT_THAT(this->selector_->GetKey(connection), IsOkAndHolds(*key));
  EXPECT_THAT(this->selector_->Unregister(connection), IsOkAndHolds(*key));
  EXPECT_THAT(this->selector_->Unregister(connection), HasErrno(EINVAL));
}

TYPED_TEST(Selector, ModifyEvents) {
  const FdPair pair = UnixPair(SOCK_STREAM);
  const int fd = pair.first.get();
  ASSERT_THAT(this->selector_->Register(fd, kEventRead), IsOk());

  const auto key = this->selector_->Modify(fd, kEventWrite);

  ASSERT_THAT(key, IsOk());
  EXPECT_EQ(key->events(), kEventWrite);
  EXPECT_THAT(this->selector_->GetKey(fd), IsOkAndHolds(*key));
  EXPECT_THAT(this->selector_->Select(kLookOnce),
              IsOkAndHolds(ElementsAre(Ready(fd, kEventWrite))));
}

TYPED_TEST(Selector, ModifyDataOnly) {
  Pipe pipe;
  const int number = pipe.reader();
  const auto first = this->selector_->Register(number, kEventRead, 1);
  EXPECT_THAT(this->selector_->Modify(number, kEventRead, 1),
              IsOkAndHolds(*first));

  // The kernel would refuse a closed number, so it was not asked.
  pipe.read_end.Reset();

  const auto second = this->selector_->Modify(number, kEventRead, 2);
  ASSERT_THAT(second, IsOk());
  EXPECT_EQ(second->data(), 2u);
}

TYPED_TEST(Selector, ModifyGetKeyUnknown) {
  const Pipe pipe;

  EXPECT_THAT(this->selector_->Modify(pipe.reader(), kEventRead),
              HasErrno(ENOENT));
  EXPECT_THAT(this->selector_->GetKey(pipe.reader()),
              StatusIs(absl::StatusCode::kNotFound));
}

TYPED_TEST(Selector, ModifyBadMaskKeeps) {
  const Pipe pipe;
  const auto key = this->selector_->Register(pipe.writer(), kEventWrite);

  EXPECT_THAT(this->selector_->Modify(pipe.writer(), 4), HasErrno(EINVAL));

  EXPECT_THAT(this->selector_->GetKey(pipe.writer()), IsOkAndHolds(*key));
  EXPECT_THAT(this->selector_->Select(kLookOnce),
              IsOkAndHolds(ElementsAre(Ready(pipe.writer(), kEventWrite))));
}

TYPED_TEST(Selector, ModifyKernelFailureDrops) {
  Pipe pipe;
  const int number = pipe.reader();
  ASSERT_THAT(this->selector_->Register(number, kEventRead), IsOk());
  pipe.read_end.Reset();

  EXPECT_THAT(this->selector_->Modify(number, kEventWrite), HasErrno(EBADF));

  EXPECT_EQ(this->selector_->GetMap()->size(), 0u);
}

TYPED_TEST(Selector, MapLiveReadOnly) {
  const Pipe pipe;
  const SelectorMap* const map = this->selector_->GetMap();
  EXPECT_EQ(map->size(), 0u);
  EXPECT_THAT(map->Find(pipe.reader()), HasErrno(ENOENT));

  const auto writer = this->selector_->Register(pipe.writer(), kEventWrite);
  const auto reader = this->selector_->Register(pipe.reader(), kEventRead);

  EXPECT_EQ(map->size(), 2u);
  EXPECT_THAT(map->Find(pipe.reader()), IsOkAndHolds(*reader));
  EXPECT_THAT(map->Keys(), ElementsAre(*reader, *writer));
}

TYPED_TEST(Selector, MapAfterClose) {
  const Pipe pipe;
  ASSERT_THAT(this->selector_->Register(pipe.reader(), kEventRead), IsOk());
  const SelectorMap* const map = this->selector_->GetMap();

  this->selector_->Close();

  EXPECT_EQ(this->selector_->GetMap(), nullptr);
  EXPECT_EQ(map->size(), 0u);
  EXPECT_THAT(map->Find(pipe.reader()), HasErrno(ENOENT));
  EXPECT_THAT(map->Keys(), IsEmpty());
}

TYPED_TEST(Selector, GetKeyAfterClose) {
  const Pipe pipe;

  this->selector_->Close();

  EXPECT_THAT(this->selector_->GetKey(pipe.reader()), IsClosedError());
  EXPECT_THAT(this->selector_->Register(pipe.reader(), kEventRead),
              IsClosedError());
  EXPECT_THAT(this->selector_->Unregister(pipe.reader()), IsClosedError());
  EXPECT_THAT(this->selector_->Modify(pipe.reader(), kEventRead),
              IsClosedError());
  EXPECT_THAT(this->selector_->Select(kLookOnce), IsClosedError());
  EXPECT_THAT(this->selector_->fd(), IsClosedError());
}

TYPED_TEST(Selector, ScopeExitCloses) {
  const Pipe pipe;
  int number = -1;
  {
    const auto selector = *TypeParam::Create();
    number = *selector->fd();
    EXPECT_THAT(selector->Register(pipe.reader(), kEventRead), IsOk());
  }
  EXPECT_EQ(KernelPoll(number), kInvalid);

  this->selector_->Close();
  this->selector_->Close();
}

TYPED_TEST(Selector, SelectSubsetOfEvents) {
  const FdPair pair = UnixPair(SOCK_STREAM);
  Write(pair.second.get(), "x");
  ASSERT_THAT(this->selector_->Register(pair.first.get(), kEventRead), IsOk());

  EXPECT_THAT(this->selector_->Select(kLookOnce),
              IsOkAndHolds(ElementsAre(Ready(pair.first.get(), kEventRead))));
}

TYPED_TEST(Selector, HupMapsToAsked) {
  Pipe ended, broken;
  ASSERT_THAT(this->selector_->Register(ended.reader(), kEventRead), IsOk());
  ASSERT_THAT(this->selector_->Register(broken.writer(), kEventWrite), IsOk());
  Fill(broken.writer());

  ended.write_end.Reset();
  broken.read_end.Reset();

  EXPECT_THAT(
      this->selector_->Select(kLookOnce),
      IsOkAndHolds(UnorderedElementsAre(Ready(ended.reader(), kEventRead),
                                        Ready(broken.writer(), kEventWrite))));
}

TYPED_TEST(Selector, BothDirections) {
  const FdPair pair = UnixPair(SOCK_STREAM);
  Write(pair.second.get(), "x");
  ASSERT_THAT(
      this->selector_->Register(pair.first.get(), kEventRead | kEventWrite),
      IsOk());

  EXPECT_THAT(this->selector_->Select(kLookOnce),
              IsOkAndHolds(ElementsAre(
                  Ready(pair.first.get(), kEventRead | kEventWrite))));
}

TYPED_TEST(Selector, TimeoutZeroNegative) {
  const Pipe pipe;
  EXPECT_THAT(this->selector_->Select(kLookOnce), IsOkAndHolds(IsEmpty()));
  EXPECT_THAT(this->selector_->Select(Timeout::Seconds(-1)),
              IsOkAndHolds(IsEmpty()));

  ASSERT_THAT(this->selector_->Register(pipe.reader(), kEventRead), IsOk());

  EXPECT_THAT(this->selector_->Select(kLookOnce), IsOkAndHolds(IsEmpty()));
  EXPECT_THAT(this->selector_->Select(Timeout::Seconds(-1)),
              IsOkAndHolds(IsEmpty()));
}

TYPED_TEST(Selector, TimeoutRoundsUpToMilliseconds) {
  const Stopwatch watch;

  EXPECT_THAT(this->selector_->Select(Timeout::Seconds(0.0101)),
              IsOkAndHolds(IsEmpty()));

  EXPECT_GE(watch.elapsed(), absl::Milliseconds(11));
}

TYPED_TEST(Selector, InterruptedRetries) {
  const IntervalSignal alarm;
  const Stopwatch watch;

  EXPECT_THAT(this->selector_->Select(Timeout::Seconds(0.2)),
              IsOkAndHolds(IsEmpty()));

  EXPECT_GE(watch.elapsed(), absl::Milliseconds(200));
  EXPECT_GT(alarm.count(), 0);
}

TYPED_TEST(Selector, TwelvePairsTraffic) {
  std::vector<FdPair> pairs;
  for (int i = 0; i < 12; ++i) {
    pairs.push_back(UnixPair(SOCK_STREAM));
    ASSERT_THAT(this->selector_->Register(pairs.back().first.get(), kEventRead),
                IsOk());
  }

  for (const FdPair& pair : pairs) {
    Write(pair.second.get(), "x");
    EXPECT_THAT(this->selector_->Select(),
                IsOkAndHolds(ElementsAre(Ready(pair.first.get(), kEventRead))));
    Drain(pair.first.get());
  }
}

TYPED_TEST(Selector, AboveFdSetsize) {
  AllowDescriptors(5000);
  std::vector<Pipe> pipes(2000);
  for (const Pipe& pipe : pipes) {
    ASSERT_THAT(this->selector_->Register(pipe.writer(), kEventWrite), IsOk());
  }

  EXPECT_THAT(this->selector_->Select(), IsOkAndHolds(SizeIs(pipes.size())));
}

TYPED_TEST(Selector, LiveRegister) {
  const Pipe pipe;
  BlockedCall wait([&] {
    EXPECT_THAT(this->selector_->Select(),
                IsOkAndHolds(ElementsAre(Ready(pipe.writer(), kEventWrite))));
  });
  wait.AwaitBlocked();

  EXPECT_THAT(this->selector_->Register(pipe.writer(), kEventWrite), IsOk());
}

TYPED_TEST(Selector, RegularFile) {
  const UniqueFd file = TemporaryFile("");

  ASSERT_THAT(this->selector_->Register(file.get(), kEventRead | kEventWrite),
              IsOk());

  EXPECT_THAT(
      this->selector_->Select(),
      IsOkAndHolds(ElementsAre(Ready(file.get(), kEventRead | kEventWrite))));
}

TYPED_TEST(Selector, CloseDuringSelect) {
  BlockedCall wait(
      [&] { EXPECT_THAT(this->selector_->Select(), IsClosedError()); });
  wait.AwaitBlocked();

  this->selector_->Close();
}

TYPED_TEST(Selector, SmallRoomServesAllInTurn) {
  const Pipe a, b;
  ASSERT_THAT(this->selector_->Register(a.writer(), kEventWrite), IsOk());
  ASSERT_THAT(this->selector_->Register(b.writer(), kEventWrite), IsOk());
  std::vector<SelectorReady> room(
      1, SelectorReady{SelectorKey(FileObject(0), 0, 0, 0), 0});

  std::vector<int> seen;
  for (int turn = 0; turn < 2; ++turn) {
    ASSERT_THAT(this->selector_->SelectInto(absl::MakeSpan(room), kLookOnce),
                IsOkAndHolds(1u));
    seen.push_back(room[0].key.fd());
  }

  EXPECT_THAT(seen, UnorderedElementsAre(a.writer(), b.writer()));
}

TYPED_TEST(Selector, ConcurrentMutation) {
  const Pipe always;
  ASSERT_THAT(this->selector_->Register(always.writer(), kEventWrite), IsOk());
  std::atomic<bool> done{false};
  const auto mutate = [&] {
    for (int i = 0; i < 300; ++i) {
      const Pipe pipe;
      EXPECT_THAT(this->selector_->Register(pipe.reader(), kEventRead), IsOk());
      EXPECT_THAT(this->selector_->Modify(pipe.reader(), kEventRead, 1),
                  IsOk());
      EXPECT_THAT(this->selector_->Unregister(pipe.reader()), IsOk());
    }
  };
  const auto select = [&] {
    while (!done) {
      EXPECT_THAT(this->selector_->Select(), IsOk());
    }
  };
  BlockedCall first_reader(select);
  BlockedCall second_reader(select);

  BlockedCall first(mutate);
  BlockedCall second(mutate);
  first.Join();
  second.Join();
  done = true;
}

// ---- What tells the kinds apart.

TEST(EpollSelectorTest, StrictModeRefusesFiles) {
  const auto selector = *EpollSelector::Create(EpollSelector::Mode::kStrict);
  const UniqueFd file = TemporaryFile("");

  const auto key = selector->Register(file.get(), kEventRead);

  EXPECT_THAT(key, HasErrno(EPERM));
  EXPECT_THAT(key, StatusIs(absl::StatusCode::kPermissionDenied));
  EXPECT_EQ(selector->GetMap()->size(), 0u);
}

TEST(EpollSelectorTest, ClosedNumberFallsSilent) {
  const auto selector = *EpollSelector::Create();
  Pipe pipe;
  ASSERT_THAT(selector->Register(pipe.writer(), kEventWrite), IsOk());

  pipe.write_end.Reset();

  EXPECT_THAT(selector->Select(kLookOnce), IsOkAndHolds(IsEmpty()));
}

TEST(PollSelectorTest, ClosedNumberReportsAllAsked) {
  const auto selector = *PollSelector::Create();
  Pipe pipe;
  const int number = pipe.reader();
  ASSERT_THAT(selector->Register(number, kEventRead | kEventWrite), IsOk());

  pipe.read_end.Reset();

  EXPECT_THAT(
      selector->Select(),
      IsOkAndHolds(ElementsAre(Ready(number, kEventRead | kEventWrite))));
}

TEST(SelectSelectorTest, ClosedNumberFailsTheCall) {
  const auto selector = *SelectSelector::Create();
  Pipe pipe;
  const Pipe ready;
  ASSERT_THAT(selector->Register(pipe.reader(), kEventRead), IsOk());
  ASSERT_THAT(selector->Register(ready.writer(), kEventWrite), IsOk());

  pipe.read_end.Reset();

  EXPECT_THAT(selector->Select(kLookOnce), HasErrno(EBADF));
}

// BaseSelector's own Modify: Unregister and Register.
TEST(BaseSelectorTest, DefaultModifyRegistersAnew) {
  const auto selector = *EpollSelector::Create();
  const Pipe pipe;
  ASSERT_THAT(selector->Register(pipe.writer(), kEventRead, 1), IsOk());

  const auto key =
      selector->BaseSelector::Modify(pipe.writer(), kEventWrite, 2);

  ASSERT_THAT(key, IsOk());
  EXPECT_THAT(selector->GetKey(pipe.writer()), IsOkAndHolds(*key));
  EXPECT_EQ(key->data(), 2u);
}

TEST(BaseSelectorTest, BaseIsAbstract) {
  EXPECT_TRUE(std::is_abstract_v<BaseSelector>);
  EXPECT_TRUE((std::is_same_v<DefaultSelector, EpollSelector>));
}

}  // namespace
}  // namespace farpoll
