// Kqueue.*: queues in other sets, several threads, and fork.
// Source: docs/semantics.md sections 1 and 6.
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <memory>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "selector/interest_set.h"
#include "selector/kqueue/kevent.h"
#include "selector/kqueue/kqueue.h"
#include "selector/select.h"
#include "tests/selector/kqueue/test_queue.h"
#include "tests/support/blocked_call.h"
#include "tests/support/fd_fixtures.h"

namespace farpoll {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

TEST(Kqueue, Pollable) {
  TestQueue inner;
  TestQueue outer;
  const int fd = *inner->fd();
  ASSERT_THAT(inner.Change(1, evfilt::kUser, ev::kAdd | ev::kClear), IsOk());
  ASSERT_THAT(outer.Add(fd, evfilt::kRead), IsOk());
  EXPECT_EQ(KernelPoll(fd, kIn), 0);
  EXPECT_THAT(outer.Now(), IsEmpty());

  ASSERT_THAT(inner.Change(1, evfilt::kUser, 0, note::kTrigger), IsOk());

  EXPECT_EQ(KernelPoll(fd, kIn), kIn);
  EXPECT_THAT(Select({fd}, {}, {}, Timeout::Zero())->read, ElementsAre(fd));
  const auto epoll = *InterestSet::Create(InterestSet::Custody::kOwned);
  ASSERT_THAT(epoll->Add(fd, kIn, Trigger::kLevel, 0), IsOk());
  std::array<Event, 2> room;
  EXPECT_THAT(epoll->Collect(absl::MakeSpan(room)), IsOkAndHolds(1u));
  EXPECT_THAT(outer.Now(), ElementsAre(HasData(fd, evfilt::kRead, 1)));
  EXPECT_THAT(inner.Now(), SizeIs(1));
  EXPECT_EQ(KernelPoll(fd, kIn), 0);
  EXPECT_THAT(outer.Now(), IsEmpty());
}

TEST(Kqueue, Nesting) {
  std::array<TestQueue, 6> queues;
  EXPECT_THAT(queues[0].Add(*queues[0]->fd(), evfilt::kRead), HasErrno(EINVAL));
  for (std::size_t i = 0; i + 2 < queues.size(); ++i) {
    EXPECT_THAT(queues[i + 1].Add(*queues[i]->fd(), evfilt::kRead), IsOk());
  }
  EXPECT_THAT(queues[5].Add(*queues[4]->fd(), evfilt::kRead), HasErrno(ELOOP));
  EXPECT_THAT(queues[0].Add(*queues[1]->fd(), evfilt::kRead), HasErrno(ELOOP));

  ASSERT_THAT(queues[0].Change(1, evfilt::kUser, ev::kAdd, note::kTrigger),
              IsOk());

  EXPECT_EQ(KernelPoll(*queues[4]->fd(), kIn), kIn);
}

TEST(Kqueue, OnlyReadWatchesAQueue) {
  TestQueue inner;
  TestQueue outer;

  for (const std::int16_t filter :
       {evfilt::kWrite, evfilt::kExcept, evfilt::kEmpty, evfilt::kVnode,
        evfilt::kProcdesc}) {
    EXPECT_THAT(outer.Add(*inner->fd(), filter), HasErrno(EINVAL));
  }
}

TEST(Kqueue, ChangeEndsAWait) {
  TestQueue queue;
  const Pipe pipe;
  Write(pipe.writer(), "x");
  std::vector<Kevent> got;
  BlockedCall waiter([&] { got = queue.Await(); });
  waiter.AwaitBlocked();

  ASSERT_THAT(queue.Add(pipe.reader(), evfilt::kRead), IsOk());
  waiter.Join();

  EXPECT_THAT(got, ElementsAre(IsOf(pipe.reader(), evfilt::kRead)));
}

TEST(Kqueue, DeleteDuringAWait) {
  TestQueue queue;
  const Pipe pipe;
  ASSERT_THAT(queue.Add(pipe.reader(), evfilt::kRead), IsOk());
  ASSERT_THAT(queue.Change(1, evfilt::kUser, ev::kAdd), IsOk());
  std::vector<Kevent> got;
  BlockedCall waiter([&] { got = queue.Await(); });
  waiter.AwaitBlocked();

  ASSERT_THAT(queue.Change(pipe.reader(), evfilt::kRead, ev::kDelete), IsOk());
  Write(pipe.writer(), "x");
  ASSERT_THAT(queue.Change(1, evfilt::kUser, 0, note::kTrigger), IsOk());
  waiter.Join();

  EXPECT_THAT(got, ElementsAre(IsOf(1, evfilt::kUser)));
}

// Waiters that count what they get until the queue closes.
class Waiters {
 public:
  Waiters(Kqueue& queue, int count) {
    for (int i = 0; i < count; ++i) {
      threads_.emplace_back([this, &queue] {
        std::array<Kevent, 4> room;
        for (;;) {
          const auto got = queue.Control({}, absl::MakeSpan(room));
          if (!got.ok()) {
            closed_ += ErrnoOf(got.status()) == EBADF ? 1 : 0;
            return;
          }
          events_ += static_cast<int>(*got);
        }
      });
    }
  }
  ~Waiters() { Join(); }

  void Join() {
    for (std::thread& thread : threads_) {
      if (thread.joinable()) {
        thread.join();
      }
    }
  }
  // Returns once `count` events were had; at most, if the test is to pass.
  void AwaitEvents(int count) const {
    while (events_ < count) {
      std::this_thread::yield();
    }
  }
  int events() const { return events_; }
  int closed() const { return closed_; }

 private:
  std::atomic<int> events_{0};
  std::atomic<int> closed_{0};
  std::vector<std::thread> threads_;
};

TEST(Kqueue, SingleDelivery) {
  constexpr int kRounds = 300;
  for (const std::uint16_t mode : {int{ev::kClear}, int{ev::kDispatch}}) {
    TestQueue queue;
    const Pipe pipe;
    ASSERT_THAT(queue.Add(pipe.reader(), evfilt::kRead, mode), IsOk());
    Waiters waiters(*queue, 4);

    for (int round = 1; round <= kRounds; ++round) {
      Write(pipe.writer(), "x");
      waiters.AwaitEvents(round);
      if (mode == ev::kDispatch) {
        Drain(pipe.reader());
        ASSERT_THAT(queue.Change(pipe.reader(), evfilt::kRead, ev::kEnable),
                    IsOk());
      }
    }
    queue->Close();
    waiters.Join();

    EXPECT_EQ(waiters.events(), kRounds);
  }
}

TEST(Kqueue, SingleDeliveryOneShotAndUser) {
  constexpr int kRounds = 300;
  TestQueue queue;
  const Pipe pipe;
  Write(pipe.writer(), "x");
  ASSERT_THAT(queue.Change(1, evfilt::kUser, ev::kAdd | ev::kClear), IsOk());
  Waiters waiters(*queue, 4);

  for (int round = 1; round <= kRounds; ++round) {
    ASSERT_THAT(queue.Add(pipe.reader(), evfilt::kRead, ev::kOneShot), IsOk());
    ASSERT_THAT(queue.Change(1, evfilt::kUser, 0, note::kTrigger), IsOk());
    waiters.AwaitEvents(2 * round);
  }
  queue->Close();
  waiters.Join();

  EXPECT_EQ(waiters.events(), 2 * kRounds);
}

TEST(Kqueue, CloseManyWaiters) {
  TestQueue queue;
  Waiters waiters(*queue, 8);
  BlockedCall last(
      [&] { EXPECT_THAT(queue->Control({}, 1), IsClosedError()); });
  last.AwaitBlocked();

  queue->Close();
  last.Join();
  waiters.Join();

  EXPECT_EQ(waiters.closed(), 8);
}

TEST(Kqueue, DeleteRace) {
  constexpr int kRounds = 500;
  TestQueue queue;
  const FdPair pair = UnixPair(SOCK_STREAM);
  Write(pair.first.get(), "x");
  Waiters waiters(*queue, 3);

  for (int round = 0; round < kRounds; ++round) {
    ASSERT_THAT(queue.Add(pair.second.get(), evfilt::kRead, ev::kClear),
                IsOk());
    ASSERT_THAT(queue.Add(pair.second.get(), evfilt::kWrite, ev::kClear),
                IsOk());
    ASSERT_THAT(queue.Change(7, evfilt::kUser, ev::kAdd, note::kTrigger),
                IsOk());
    ASSERT_THAT(
        queue.Change(7, evfilt::kTimer, ev::kAdd, note::kNanoseconds, 1),
        IsOk());
    ASSERT_THAT(queue.Change(7, evfilt::kUser, ev::kDelete), IsOk());
    ASSERT_THAT(queue.Change(7, evfilt::kTimer, ev::kDelete), IsOk());
    ASSERT_THAT(queue.Change(pair.second.get(), evfilt::kRead, ev::kDelete),
                IsOk());
    ASSERT_THAT(queue.Change(pair.second.get(), evfilt::kWrite, ev::kDelete),
                IsOk());
  }
  EXPECT_EQ(queue->size(), 0u);
  queue->Close();
}

TEST(Kqueue, ManyWritersNothingLost) {
  constexpr int kThreads = 4;
  constexpr int kWrites = 200;
  TestQueue queue;
  std::array<Pipe, kThreads> pipes;
  for (const Pipe& pipe : pipes) {
    ASSERT_THAT(queue.Add(pipe.reader(), evfilt::kRead, ev::kClear), IsOk());
  }
  std::atomic<int> read{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] {
      for (int n = 0; n < kWrites; ++n) {
        Write(pipes[static_cast<std::size_t>(i)].writer(), "x");
      }
    });
    threads.emplace_back([&] {
      std::array<Kevent, 2> room;
      while (read < kThreads * kWrites) {
        const auto got =
            queue->Control({}, absl::MakeSpan(room), absl::Milliseconds(100));
        for (std::size_t e = 0; got.ok() && e < *got; ++e) {
          read +=
              static_cast<int>(Read(static_cast<int>(room[e].ident)).size());
        }
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }

  EXPECT_EQ(read, kThreads * kWrites);
}

TEST(Kqueue, ForkChild) {
  auto queue = Kqueue::Create();
  ASSERT_THAT(queue, IsOk());
  const Pipe pipe;
  const Kevent add = {.ident = static_cast<std::uint64_t>(pipe.reader())};
  ASSERT_THAT((*queue)->Control({add}, 0), IsOk());
  const int number = *(*queue)->fd();

  const pid_t child = MustSucceed(fork(), "fork");
  if (child == 0) {
    const bool refused =
        ErrnoOf((*queue)->Control({}, 1, Timeout::Zero()).status()) == EBADF &&
        ErrnoOf((*queue)->Apply({add}, {}).status()) == EBADF;
    queue->reset();
    _exit(refused && fcntl(number, F_GETFD) < 0 ? 0 : 1);
  }
  int status = -1;
  waitpid(child, &status, 0);

  EXPECT_EQ(status, 0);
  Write(pipe.writer(), "x");
  EXPECT_THAT((*queue)->Control({}, 4, Timeout::Zero()),
              IsOkAndHolds(ElementsAre(IsOf(pipe.reader(), evfilt::kRead))));
}

}  // namespace
}  // namespace farpoll
