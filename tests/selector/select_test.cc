// Select.*: select() over three lists.
// Source: docs/semantics.md sections 3 and 8.
#include "selector/select.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cmath>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/fd_fixtures.h"
#include "tests/support/interval_signal.h"
#include "tests/support/status_matchers.h"
#include "tests/support/stopwatch.h"

namespace farpoll {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::Field;
using testing::IsEmpty;
using testing::SizeIs;

const Timeout kLookOnce = Timeout::Zero();

// The three lists of a result.
template <typename R, typename W, typename X>
auto Lists(R read, W write, X except) {
  return IsOkAndHolds(
      AllOf(Field("read", &SelectResult<int>::read, read),
            Field("write", &SelectResult<int>::write, write),
            Field("except", &SelectResult<int>::except, except)));
}

// One descriptor asked for in all three sets.
absl::StatusOr<SelectResult<int>> SelectAll(int fd) {
  return Select({fd}, {fd}, {fd}, kLookOnce);
}

TEST(Select, EmptySetsZero) {
  EXPECT_THAT(Select({}, {}, {}, kLookOnce),
              Lists(IsEmpty(), IsEmpty(), IsEmpty()));
}

TEST(Select, APathDescriptorHidesNoClosedNumber) {
  const UniqueFd path = Open("/", O_PATH);
  const int closed =
      MustSucceed(fcntl(path.get(), F_DUPFD_CLOEXEC, path.get() + 100), "dup");
  close(closed);

  EXPECT_THAT(Select({path.get(), closed}, {}, {}, kLookOnce), HasErrno(EBADF));
  EXPECT_THAT(Select({closed, path.get()}, {}, {}, kLookOnce), HasErrno(EBADF));
  EXPECT_THAT(SelectAll(path.get()), IsOk());
}

TEST(Select, EmptySetsSleep) {
  const Stopwatch watch;

  EXPECT_THAT(Select({}, {}, {}, Timeout::Seconds(0.02)),
              Lists(IsEmpty(), IsEmpty(), IsEmpty()));

  EXPECT_GE(watch.elapsed(), absl::Milliseconds(20));
}

TEST(Select, BadTimeout) {
  EXPECT_THAT(Select({}, {}, {}, Timeout::Seconds(-1)), HasErrno(EINVAL));
  EXPECT_THAT(Select({}, {}, {}, Timeout::Seconds(-1e-9)), HasErrno(EINVAL));
  EXPECT_THAT(Select({}, {}, {}, Timeout::Seconds(NAN)), HasErrno(EINVAL));
  EXPECT_THAT(Select({}, {}, {}, Timeout::Seconds(INFINITY)),
              HasErrno(EOVERFLOW));
  EXPECT_THAT(Select({}, {}, {}, Timeout::Seconds(1.1e9)), HasErrno(EOVERFLOW));
}

TEST(Select, DuplicatesKept) {
  const Pipe pipe;
  const int w = pipe.writer();

  EXPECT_THAT(Select({}, {w, w, w}, {}, kLookOnce),
              Lists(IsEmpty(), ElementsAre(w, w, w), IsEmpty()));
}

TEST(Select, OrderKept) {
  const Pipe a, b;

  EXPECT_THAT(Select({}, {b.writer(), a.writer()}, {}, kLookOnce),
              Lists(IsEmpty(), ElementsAre(b.writer(), a.writer()), IsEmpty()));
}

TEST(Select, SameFdThreeSets) {
  const FdPair pair = UnixPair(SOCK_STREAM);
  const int fd = pair.first.get();
  EXPECT_THAT(SelectAll(fd), Lists(IsEmpty(), ElementsAre(fd), IsEmpty()));

  Write(pair.second.get(), "x");
  Fill(fd);

  EXPECT_THAT(SelectAll(fd), Lists(ElementsAre(fd), IsEmpty(), IsEmpty()));
}

TEST(Select, IdentityKept) {
  const FdPair pair = UnixPair(SOCK_STREAM);
  const UniqueFd& first = pair.first;
  const UniqueFd& second = pair.second;
  Write(first.get(), "x");

  const auto ready =
      SelectObjects(std::vector<const UniqueFd*>{&first, &second},
                    std::vector<const UniqueFd*>{&second},
                    std::vector<int>{first.get()}, kLookOnce);

  ASSERT_THAT(ready, IsOk());
  EXPECT_THAT(ready->read, ElementsAre(&second));
  EXPECT_THAT(ready->write, ElementsAre(&second));
  EXPECT_THAT(ready->except, IsEmpty());
}

TEST(Select, BadFd) {
  const Pipe pipe;
  const int closed = ClosedNumber();

  EXPECT_THAT(Select({closed}, {pipe.writer()}, {}, kLookOnce),
              HasErrno(EBADF));
  EXPECT_THAT(Select({closed}, {}, {}),
              StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(Select({-1}, {}, {}, kLookOnce), HasErrno(EINVAL));
}

TEST(Select, PathDescriptorIsInAllSets) {
  const UniqueFd path = Open("/", O_PATH);
  const int fd = path.get();

  EXPECT_THAT(SelectAll(fd),
              Lists(ElementsAre(fd), ElementsAre(fd), ElementsAre(fd)));
}

TEST(Select, NumberAbove1024) {
  AllowDescriptors(5100);
  const Pipe pipe;
  const UniqueFd high = DuplicateTo(pipe.writer(), 5000);

  EXPECT_THAT(Select({}, {5000}, {}, kLookOnce),
              Lists(IsEmpty(), ElementsAre(5000), IsEmpty()));
  const std::vector<int> many(2000, 5000);
  EXPECT_THAT(Select({}, many, {}, kLookOnce),
              Lists(IsEmpty(), SizeIs(2000), IsEmpty()));
}

TEST(Select, MoreDescriptorsThanTheLimitAllows) {
  AllowDescriptors(1024);
  std::vector<Pipe> pipes(60);
  std::vector<int> writers;
  for (const Pipe& pipe : pipes) {
    writers.push_back(pipe.writer());
  }
  rlimit before = {};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  // Room for the call's own two descriptors, yet fewer than the list is long.
  pipes[0].read_end.Reset();
  pipes[1].read_end.Reset();
  const rlimit tight = {.rlim_cur = 40, .rlim_max = before.rlim_max};
  const rlimit few = {.rlim_cur = tight.rlim_cur, .rlim_max = tight.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &few), 0);

  const auto ready = Select({}, writers, {}, kLookOnce);

  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_THAT(ready, Lists(IsEmpty(), SizeIs(60), IsEmpty()));
}

TEST(Select, RegularFileReadyTwice) {
  const UniqueFd file = TemporaryFile("");
  const int fd = file.get();

  EXPECT_THAT(SelectAll(fd),
              Lists(ElementsAre(fd), ElementsAre(fd), IsEmpty()));
}

TEST(Select, HupReadable) {
  Pipe pipe;
  const int fd = pipe.reader();

  pipe.write_end.Reset();

  EXPECT_THAT(SelectAll(fd), Lists(ElementsAre(fd), IsEmpty(), IsEmpty()));
}

TEST(Select, ErrBoth) {
  Pipe pipe;
  const int fd = pipe.writer();

  pipe.read_end.Reset();

  EXPECT_THAT(SelectAll(fd),
              Lists(ElementsAre(fd), ElementsAre(fd), IsEmpty()));
}

TEST(Select, UrgentInX) {
  FdPair tcp = TcpPair();
  const int fd = tcp.second.get();
  send(tcp.first.get(), "!", 1, MSG_OOB);
  AwaitKernelPoll(fd, kPriority, kPriority);
  EXPECT_THAT(SelectAll(fd),
              Lists(IsEmpty(), ElementsAre(fd), ElementsAre(fd)));

  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_OOBINLINE, &on, sizeof(on));
  EXPECT_THAT(SelectAll(fd),
              Lists(ElementsAre(fd), ElementsAre(fd), ElementsAre(fd)));
}

TEST(Select, ResetIsNotInX) {
  FdPair tcp = TcpPair();
  const int fd = tcp.first.get();

  ResetOnClose(tcp.second.get());
  tcp.second.Reset();
  AwaitKernelPoll(fd, 0, kError | kHangup);

  EXPECT_THAT(SelectAll(fd),
              Lists(ElementsAre(fd), ElementsAre(fd), IsEmpty()));
}

TEST(Select, SubMillisecond) {
  const Stopwatch watch;

  EXPECT_THAT(Select({}, {}, {}, Timeout::Seconds(0.0003)), IsOk());

  EXPECT_GE(watch.elapsed(), absl::Microseconds(300));
}

TEST(Select, InterruptedRetries) {
  const IntervalSignal alarm;
  const Stopwatch watch;

  EXPECT_THAT(Select({}, {}, {}, Timeout::Seconds(0.1)), IsOk());

  EXPECT_GE(watch.elapsed(), absl::Milliseconds(100));
  EXPECT_GT(alarm.count(), 0);
}

}  // namespace
}  // namespace farpoll
