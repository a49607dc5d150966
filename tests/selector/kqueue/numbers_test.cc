// KqueueNumbers.*: the whole life of descriptor numbers, as a C++ program sees
// it: dup, dup2, close, fork and reuse, of what is watched and of the queue's.
// Source: FreeBSD kqueue(2); docs/kqueue.md, "Closing".
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "base/errno_status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "selector/kqueue/kevent.h"
#include "selector/kqueue/kqueue.h"
#include "tests/selector/kqueue/test_queue.h"
#include "tests/selector/number_model.h"
#include "tests/support/fd_count.h"
#include "tests/support/fd_fixtures.h"
#include "tests/support/status_matchers.h"

namespace farpoll {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

[[maybe_unused]] const bool kCounted = CountDescriptorsInEveryTest();

// Leaves an entry in the queue's kernel set that fires and can't be removed.
class Orphan {
 public:
  explicit Orphan(TestQueue& queue) : keeper_(Duplicate(pipe_.reader())) {
    UniqueFd copy = Duplicate(pipe_.reader());
    EXPECT_THAT(queue.Add(copy.get(), evfilt::kRead), IsOk());
    copy.Reset();
    Write(pipe_.writer(), "x");
  }

 private:
  const Pipe pipe_;
  const UniqueFd keeper_;
};

TEST(KqueueNumbers, AQueueInAQueueSurvivesAnOrphan) {
  TestQueue inner;
  TestQueue outer;
  const int number = *inner->fd();
  ASSERT_THAT(outer.Add(number, evfilt::kRead), IsOk());
  const Pipe pipe;
  ASSERT_THAT(inner.Add(pipe.reader(), evfilt::kRead), IsOk());
  const Orphan orphan(inner);
  ASSERT_THAT(inner.Now(), IsEmpty());
  EXPECT_THAT(outer.Now(), IsEmpty());

  Write(pipe.writer(), "x");

  EXPECT_THAT(outer.Now(), ElementsAre(IsOf(number, evfilt::kRead)));
}

TEST(KqueueNumbers, ASecondFilterSurvivesAnOrphan) {
  TestQueue queue;
  // Both filters of a number, so the second is in the queue's second lane.
  const auto add_both = [&queue](int fd) {
    EXPECT_THAT(queue.Add(fd, evfilt::kWrite), IsOk());
    EXPECT_THAT(queue.Add(fd, evfilt::kRead), IsOk());
  };
  const FdPair other = UnixPair(SOCK_STREAM);
  Fill(other.first.get());
  add_both(other.first.get());
  const FdPair pair = UnixPair(SOCK_STREAM);
  Fill(pair.first.get());
  UniqueFd copy = Duplicate(pair.first.get());
  add_both(copy.get());
  copy.Reset();
  Write(pair.second.get(), "x");
  EXPECT_THAT(queue.Now(), IsEmpty());
  EXPECT_EQ(KernelPoll(*queue->fd(), kIn), 0);

  Write(other.second.get(), "x");

  EXPECT_THAT(queue.Now(), ElementsAre(IsOf(other.first.get(), evfilt::kRead)));
}

TEST(KqueueNumbers, AnObjectWithACopySurvivesAnOrphan) {
  TestQueue queue;
  UniqueFd copy = Duplicate(*queue->fd());
  const auto other = *Kqueue::FromFd(copy.get());
  copy.Release();
  const Pipe pipe;
  ASSERT_THAT(queue.Add(pipe.reader(), evfilt::kRead), IsOk());
  const Orphan orphan(queue);
  ASSERT_THAT(queue.Now(), IsEmpty());
  EXPECT_EQ(KernelPoll(*other->fd(), kIn), 0);

  Write(pipe.writer(), "x");

  EXPECT_EQ(KernelPoll(*other->fd(), kIn), kIn);
  UniqueFd third = Duplicate(*other->fd());
  const auto again = Kqueue::FromFd(third.get());
  ASSERT_THAT(again, IsOk());
  third.Release();
  EXPECT_THAT((*again)->Control({}, 4, Timeout::Zero()),
              IsOkAndHolds(ElementsAre(IsOf(pipe.reader(), evfilt::kRead))));
}

TEST(KqueueNumbers, ACopyThatIsAnotherFileByNowIsNotClosed) {
  TestQueue queue;
  UniqueFd copy = Duplicate(*queue->fd());
  const int number = copy.get();
  auto other = *Kqueue::FromFd(number);
  copy.Release();
  const UniqueFd taken = DuplicateTo(STDERR_FILENO, number);

  other.reset();

  EXPECT_GE(fcntl(taken.get(), F_GETFD), 0);
}

TEST(KqueueNumbers, AClosedNumberIsSilentInEveryFilter) {
  TestQueue queue;
  const FdPair socket = UnixPair(SOCK_STREAM);
  const FdPair datagram = UnixPair(SOCK_DGRAM);
  const FdPair terminal = Pty();
  const FdPair urgent = TcpPair();
  const Pipe pipe;
  Pipe broken;
  const UniqueFd counter(eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK));
  ASSERT_EQ(send(urgent.second.get(), "!", 1, MSG_OOB), 1);
  Write(socket.second.get(), "x");
  const struct {
    int fd;
    std::int16_t filter;
  } kCases[] = {
      {socket.first.get(), evfilt::kRead},
      {socket.first.get(), evfilt::kWrite},
      {datagram.first.get(), evfilt::kWrite},
      {terminal.first.get(), evfilt::kWrite},
      {pipe.writer(), evfilt::kWrite},
      {broken.writer(), evfilt::kWrite},
      {counter.get(), evfilt::kRead},
      {counter.get(), evfilt::kWrite},
      {urgent.first.get(), evfilt::kExcept},
  };
  for (const auto& [fd, filter] : kCases) {
    SCOPED_TRACE(testing::Message() << fd << " " << FilterToString(filter));
    UniqueFd copy = Duplicate(fd);
    ASSERT_THAT(queue.Add(copy.get(), filter), IsOk());
    if (fd == broken.writer()) {
      broken.read_end.Reset();
    }
    AwaitKernelPoll(*queue->fd(), kIn, kIn);
    // So that a kind is known already.
    EXPECT_THAT(queue.Now(), ElementsAre(IsOf(copy.get(), filter)));

    copy.Reset();

    EXPECT_THAT(queue.Now(), IsEmpty());
    EXPECT_EQ(queue->size(), 0u);
    EXPECT_EQ(KernelPoll(*queue->fd(), kIn), 0);
  }
}

class LocalQueue final : public NumberedQueue {
 public:
  int Add(int fd) override { return ErrnoOf(queue_.Add(fd, evfilt::kRead)); }
  int Remove(int fd) override {
    return ErrnoOf(queue_.Change(fd, evfilt::kRead, ev::kDelete));
  }
  std::set<int> Look() override {
    std::set<int> seen;
    for (const Kevent& event : queue_.Now()) {
      seen.insert(static_cast<int>(event.ident));
    }
    return seen;
  }
  int number() override { return *queue_->fd(); }

 private:
  TestQueue queue_;
};

TEST(KqueueNumbers, ModelOfTheirWholeLife) {
  RunNumberModel(/*one_file=*/false,
                 [] { return std::make_unique<LocalQueue>(); });
}

}  // namespace
}  // namespace farpoll
