// Poll.*: the behaviour of PollObject beyond single masks.
// Source: docs/semantics.md sections 2 and 8.
#include "selector/poll_object.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/blocked_call.h"
#include "tests/support/event_matchers.h"
#include "tests/support/fd_fixtures.h"
#include "tests/support/interval_signal.h"
#include "tests/support/status_matchers.h"
#include "tests/support/stopwatch.h"

namespace farpoll {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

const Timeout kLookOnce = Timeout::Zero();

std::unique_ptr<PollObject> NewPoll() { return *PollObject::Create(); }

TEST(Poll, TwelvePipesTraffic) {
  const auto poll = NewPoll();
  std::vector<Pipe> pipes(12);
  for (const Pipe& pipe : pipes) {
    ASSERT_THAT(poll->Register(pipe.reader(), kIn), IsOk());
  }

  for (const Pipe& pipe : pipes) {
    Write(pipe.writer(), "a message");
    EXPECT_THAT(poll->Poll(),
                IsOkAndHolds(ElementsAre(IsEvent(pipe.reader(), kIn))));
    Drain(pipe.reader());
  }
}

TEST(Poll, DefaultMask) {
  const auto poll = NewPoll();
  const FdPair tcp = TcpPair();
  Write(tcp.first.get(), "x");
  send(tcp.first.get(), "!", 1, MSG_OOB);
  AwaitKernelPoll(tcp.second.get(), kIn | kPriority, kIn | kPriority);

  ASSERT_THAT(poll->Register(tcp.second.get()), IsOk());

  EXPECT_THAT(poll->Poll(kLookOnce),
              IsOkAndHolds(ElementsAre(
                  IsEvent(tcp.second.get(), kIn | kPriority | kOut))));
}

TEST(Poll, RegisterTwice) {
  const auto poll = NewPoll();
  const FdPair pair = UnixPair(SOCK_STREAM);
  Write(pair.second.get(), "x");

  ASSERT_THAT(poll->Register(pair.first.get(), kIn), IsOk());
  ASSERT_THAT(poll->Register(pair.first.get(), kOut), IsOk());

  EXPECT_THAT(poll->Poll(kLookOnce),
              IsOkAndHolds(ElementsAre(IsEvent(pair.first.get(), kOut))));
}

TEST(Poll, ReRegisterKeepsOrder) {
  const auto poll = NewPoll();
  const Pipe a, b;
  ASSERT_THAT(poll->Register(b.writer(), kOut), IsOk());
  ASSERT_THAT(poll->Register(a.writer(), kOut), IsOk());

  ASSERT_THAT(poll->Register(b.writer(), kOut | kIn), IsOk());

  EXPECT_THAT(poll->Poll(kLookOnce),
              IsOkAndHolds(ElementsAre(IsEvent(b.writer(), kOut),
                                       IsEvent(a.writer(), kOut))));
}

TEST(Poll, UnregisterRegisterMovesLast) {
  const auto poll = NewPoll();
  const Pipe a, b;
  ASSERT_THAT(poll->Register(a.writer(), kOut), IsOk());
  ASSERT_THAT(poll->Register(b.writer(), kOut), IsOk());

  ASSERT_THAT(poll->Unregister(a.writer()), IsOk());
  ASSERT_THAT(poll->Register(a.writer(), kOut), IsOk());

  EXPECT_THAT(poll->Poll(kLookOnce),
              IsOkAndHolds(ElementsAre(IsEvent(b.writer(), kOut),
                                       IsEvent(a.writer(), kOut))));
}

TEST(Poll, ModifyUnregisterUnknown) {
  const auto poll = NewPoll();
  const Pipe pipe;
  EXPECT_THAT(poll->Modify(pipe.reader(), kIn), HasErrno(ENOENT));
  EXPECT_THAT(poll->Unregister(pipe.reader()), HasErrno(ENOENT));

  ASSERT_THAT(poll->Register(pipe.reader(), kIn), IsOk());
  ASSERT_THAT(poll->Unregister(pipe.reader()), IsOk());

  EXPECT_THAT(poll->Unregister(pipe.reader()),
              StatusIs(absl::StatusCode::kNotFound));
}

TEST(Poll, NegativeFd) {
  const auto poll = NewPoll();

  EXPECT_THAT(poll->Register(-1, kIn), HasErrno(EINVAL));
  EXPECT_THAT(poll->Modify(-1, kIn), HasErrno(EINVAL));
  EXPECT_THAT(poll->Unregister(-1), HasErrno(EINVAL));
}

TEST(Poll, NumberBeyondInt) {
  const auto poll = NewPoll();
  const std::int64_t beyond = std::int64_t{1} << 31;

  EXPECT_THAT(poll->Register(beyond, kIn), HasErrno(EOVERFLOW));
  EXPECT_THAT(poll->Modify(beyond, kIn), HasErrno(EOVERFLOW));
  EXPECT_THAT(poll->Unregister(beyond), HasErrno(EOVERFLOW));
}

TEST(Poll, MaskRange) {
  const auto poll = NewPoll();
  const Pipe pipe;
  ASSERT_THAT(poll->Register(pipe.reader(), 0xffff), IsOk());
  const std::int64_t greatest = std::numeric_limits<std::int64_t>::max();

  EXPECT_THAT(poll->Register(pipe.reader(), -1), HasErrno(EINVAL));
  EXPECT_THAT(poll->Register(pipe.reader(), 0x10000), HasErrno(EOVERFLOW));
  EXPECT_THAT(poll->Register(pipe.reader(), greatest), HasErrno(EOVERFLOW));
  EXPECT_THAT(poll->Modify(pipe.reader(), -1), HasErrno(EINVAL));
  EXPECT_THAT(poll->Modify(pipe.reader(), 0x10000), HasErrno(EOVERFLOW));
  EXPECT_THAT(poll->Modify(pipe.reader(), greatest), HasErrno(EOVERFLOW));
}

TEST(Poll, TimeoutRange) {
  const auto poll = NewPoll();

  EXPECT_THAT(poll->Poll(Timeout::Milliseconds(std::pow(2, 31))),
              HasErrno(EOVERFLOW));
  EXPECT_THAT(poll->Poll(Timeout::Milliseconds(std::pow(2, 32))),
              HasErrno(EOVERFLOW));
  EXPECT_THAT(poll->Poll(Timeout::Milliseconds(std::pow(2, 64))),
              HasErrno(EOVERFLOW));
  EXPECT_THAT(poll->Poll(Timeout::Milliseconds(INFINITY)), HasErrno(EOVERFLOW));
  EXPECT_THAT(poll->Poll(Timeout::Milliseconds(NAN)), HasErrno(EINVAL));
}

TEST(Poll, NegativeTimeoutsBlock) {
  const auto poll = NewPoll();
  const Pipe pipe;
  ASSERT_THAT(poll->Register(pipe.reader(), kIn), IsOk());

  for (const Timeout& timeout :
       {Timeout::Forever(), Timeout::Milliseconds(-1000),
        Timeout::Milliseconds(-1), Timeout::Milliseconds(-0.1),
        Timeout::Milliseconds(-1e-100)}) {
    BlockedCall wait([&] {
      EXPECT_THAT(poll->Poll(timeout),
                  IsOkAndHolds(ElementsAre(IsEvent(pipe.reader(), kIn))));
    });
    wait.AwaitBlocked();
    Write(pipe.writer(), "x");
    wait.Join();
    Drain(pipe.reader());
  }
}

TEST(Poll, FractionRoundsUp) {
  const auto poll = NewPoll();
  const Stopwatch watch;

  EXPECT_THAT(poll->Poll(Timeout::Milliseconds(0.1)), IsOkAndHolds(IsEmpty()));

  EXPECT_GE(watch.elapsed(), absl::Microseconds(100));
}

TEST(Poll, NeverEarly) {
  const auto poll = NewPoll();
  const Pipe pipe;
  ASSERT_THAT(poll->Register(pipe.reader(), kIn), IsOk());
  const Stopwatch watch;

  EXPECT_THAT(poll->Poll(kLookOnce), IsOkAndHolds(IsEmpty()));
  EXPECT_LT(watch.elapsed(), kAtOnce);

  const Stopwatch second;
  EXPECT_THAT(poll->Poll(Timeout::Milliseconds(10)), IsOkAndHolds(IsEmpty()));
  EXPECT_GE(second.elapsed(), absl::Milliseconds(10));
}

TEST(Poll, EmptySetSleeps) {
  const auto poll = NewPoll();
  const Stopwatch watch;

  EXPECT_THAT(poll->Poll(Timeout::Milliseconds(20)), IsOkAndHolds(IsEmpty()));

  EXPECT_GE(watch.elapsed(), absl::Milliseconds(20));
}

TEST(Poll, EintrRetried) {
  const auto poll = NewPoll();
  const IntervalSignal alarm;
  const Stopwatch watch;

  EXPECT_THAT(poll->Poll(Timeout::Milliseconds(200)), IsOkAndHolds(IsEmpty()));

  EXPECT_GE(watch.elapsed(), absl::Milliseconds(200));
  EXPECT_GT(alarm.count(), 0);
}

TEST(Poll, NeverOpenNumber) {
  const auto poll = NewPoll();
  const int number = ClosedNumber();
  ASSERT_THAT(poll->Register(number, kIn), IsOk());
  ASSERT_THAT(poll->Register(std::numeric_limits<int>::max(), 0), IsOk());

  EXPECT_THAT(poll->Poll(),
              IsOkAndHolds(ElementsAre(
                  IsEvent(number, kInvalid),
                  IsEvent(std::numeric_limits<int>::max(), kInvalid))));
}

TEST(Poll, ClosedAfterRegister) {
  const auto poll = NewPoll();
  Pipe pipe;
  const int number = pipe.reader();
  ASSERT_THAT(poll->Register(number, kIn), IsOk());

  pipe.read_end.Reset();

  EXPECT_THAT(poll->Poll(),
              IsOkAndHolds(ElementsAre(IsEvent(number, kInvalid))));
  EXPECT_THAT(poll->Poll(kLookOnce),
              IsOkAndHolds(ElementsAre(IsEvent(number, kInvalid))));
}

TEST(Poll, ClosedIsFoundThoughOthersAreReady) {
  const auto poll = NewPoll();
  Pipe pipe;
  const int number = pipe.reader();
  const Pipe busy;
  ASSERT_THAT(poll->Register(number, kIn), IsOk());
  ASSERT_THAT(poll->Register(busy.writer(), kOut), IsOk());
  pipe.read_end.Reset();

  for (std::uint32_t i = 0; i < 2 * AuditedWait::kBusyWaitsPerCheck; ++i) {
    ASSERT_THAT(poll->Poll(kLookOnce), IsOk());
  }

  EXPECT_THAT(poll->Poll(kLookOnce),
              IsOkAndHolds(ElementsAre(IsEvent(number, kInvalid),
                                       IsEvent(busy.writer(), kOut))));
}

TEST(Poll, NumberOpenedAgainIsWatched) {
  const auto poll = NewPoll();
  const Pipe pipe;
  const int number = ClosedNumber();
  ASSERT_THAT(poll->Register(number, kIn), IsOk());
  ASSERT_THAT(poll->Poll(kLookOnce),
              IsOkAndHolds(ElementsAre(IsEvent(number, kInvalid))));

  const UniqueFd again = DuplicateTo(pipe.reader(), number);

  EXPECT_THAT(poll->Poll(kLookOnce), IsOkAndHolds(IsEmpty()));
  Write(pipe.writer(), "x");
  EXPECT_THAT(poll->Poll(), IsOkAndHolds(ElementsAre(IsEvent(number, kIn))));
}

TEST(Poll, ReusedNumberReportsTheNewFile) {
  const auto poll = NewPoll();
  Pipe old;
  const Pipe fresh;
  const UniqueFd survivor = Duplicate(old.reader());
  const int number = old.reader();
  ASSERT_THAT(poll->Register(number, kIn), IsOk());

  old.read_end.Reset();
  const UniqueFd reused = DuplicateTo(fresh.reader(), number);
  ASSERT_THAT(poll->Poll(kLookOnce), IsOkAndHolds(IsEmpty()));
  Write(old.writer(), "for the old file");

  EXPECT_THAT(poll->Poll(kLookOnce), IsOkAndHolds(IsEmpty()));
  Write(fresh.writer(), "x");
  EXPECT_THAT(poll->Poll(), IsOkAndHolds(ElementsAre(IsEvent(number, kIn))));
}

TEST(Poll, ModifyAndUnregisterClosed) {
  const auto poll = NewPoll();
  Pipe pipe;
  const int number = pipe.reader();
  ASSERT_THAT(poll->Register(number, kIn), IsOk());

  pipe.read_end.Reset();

  EXPECT_THAT(poll->Modify(number, kIn | kPriority), IsOk());
  EXPECT_THAT(poll->Poll(kLookOnce),
              IsOkAndHolds(ElementsAre(IsEvent(number, kInvalid))));
  EXPECT_THAT(poll->Unregister(number), IsOk());
  EXPECT_THAT(poll->Poll(kLookOnce), IsOkAndHolds(IsEmpty()));
}

TEST(Poll, MaskZero) {
  const auto poll = NewPoll();
  Pipe pipe;
  ASSERT_THAT(poll->Register(pipe.reader(), 0), IsOk());
  Write(pipe.writer(), "x");
  EXPECT_THAT(poll->Poll(kLookOnce), IsOkAndHolds(IsEmpty()));

  pipe.write_end.Reset();

  EXPECT_THAT(poll->Poll(),
              IsOkAndHolds(ElementsAre(IsEvent(pipe.reader(), kHangup))));
}

TEST(Poll, PipeDataThenHup) {
  const auto poll = NewPoll();
  Pipe pipe;
  ASSERT_THAT(poll->Register(pipe.reader(), kIn), IsOk());
  Write(pipe.writer(), "x");
  pipe.write_end.Reset();

  EXPECT_THAT(poll->Poll(),
              IsOkAndHolds(ElementsAre(IsEvent(pipe.reader(), kIn | kHangup))));
  Drain(pipe.reader());
  EXPECT_THAT(poll->Poll(),
              IsOkAndHolds(ElementsAre(IsEvent(pipe.reader(), kHangup))));
}

TEST(Poll, PipeReaderGone) {
  const auto poll = NewPoll();
  Pipe room, full;
  ASSERT_THAT(poll->Register(room.writer(), kOut), IsOk());
  ASSERT_THAT(poll->Register(full.writer(), kOut), IsOk());
  Fill(full.writer());

  room.read_end.Reset();
  full.read_end.Reset();

  EXPECT_THAT(poll->Poll(),
              IsOkAndHolds(ElementsAre(IsEvent(room.writer(), kOut | kError),
                                       IsEvent(full.writer(), kError))));
}

TEST(Poll, HalfCloseRdhup) {
  const auto poll = NewPoll();
  const FdPair pair = UnixPair(SOCK_STREAM);
  ASSERT_THAT(poll->Register(pair.first.get(), kIn | kReadHangup), IsOk());

  shutdown(pair.second.get(), SHUT_WR);

  EXPECT_THAT(
      poll->Poll(),
      IsOkAndHolds(ElementsAre(IsEvent(pair.first.get(), kIn | kReadHangup))));
}

TEST(Poll, TcpReset) {
  const auto poll = NewPoll();
  FdPair tcp = TcpPair();
  ASSERT_THAT(poll->Register(tcp.first.get(), 0), IsOk());
  ResetOnClose(tcp.second.get());
  tcp.second.Reset();

  AwaitKernelPoll(tcp.first.get(), 0, kError | kHangup);
  EXPECT_THAT(
      poll->Poll(),
      IsOkAndHolds(ElementsAre(IsEvent(tcp.first.get(), kError | kHangup))));
  int error = 0;
  socklen_t size = sizeof(error);
  getsockopt(tcp.first.get(), SOL_SOCKET, SO_ERROR, &error, &size);
  EXPECT_EQ(error, ECONNRESET);
  EXPECT_THAT(poll->Poll(),
              IsOkAndHolds(ElementsAre(IsEvent(tcp.first.get(), kHangup))));
}

TEST(Poll, UrgentByte) {
  const auto poll = NewPoll();
  const FdPair tcp = TcpPair();
  ASSERT_THAT(poll->Register(tcp.second.get(), kPriority), IsOk());

  send(tcp.first.get(), "!", 1, MSG_OOB);

  EXPECT_THAT(poll->Poll(),
              IsOkAndHolds(ElementsAre(IsEvent(tcp.second.get(), kPriority))));
  char urgent = 0;
  EXPECT_EQ(recv(tcp.second.get(), &urgent, 1, MSG_OOB), 1);
  EXPECT_THAT(poll->Poll(kLookOnce), IsOkAndHolds(IsEmpty()));
}

TEST(Poll, RegularFileAlways) {
  const auto poll = NewPoll();
  const UniqueFd file = TemporaryFile("content");
  ASSERT_THAT(poll->Register(file.get()), IsOk());
  const auto ready = IsOkAndHolds(ElementsAre(IsEvent(file.get(), kIn | kOut)));
  EXPECT_THAT(poll->Poll(), ready);

  Drain(file.get());

  EXPECT_THAT(poll->Poll(), ready);
  ASSERT_THAT(poll->Modify(file.get(), kPriority), IsOk());
  EXPECT_THAT(poll->Poll(kLookOnce), IsOkAndHolds(IsEmpty()));
}

TEST(Poll, FifoWriterReturns) {
  const TemporaryFolder folder;
  const std::string path = folder.path() + "/fifo";
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
  const UniqueFd reader = Open(path.c_str(), O_RDONLY);
  const auto poll = NewPoll();
  ASSERT_THAT(poll->Register(reader.get(), kIn), IsOk());

  Open(path.c_str(), O_WRONLY).Reset();
  EXPECT_THAT(poll->Poll(),
              IsOkAndHolds(ElementsAre(IsEvent(reader.get(), kHangup))));
  const UniqueFd writer = Open(path.c_str(), O_WRONLY);

  EXPECT_THAT(poll->Poll(kLookOnce), IsOkAndHolds(IsEmpty()));
}

TEST(Poll, DupBothReported) {
  const auto poll = NewPoll();
  const Pipe pipe;
  const UniqueFd copy = Duplicate(pipe.reader());
  ASSERT_THAT(poll->Register(pipe.reader(), kIn), IsOk());
  ASSERT_THAT(poll->Register(copy.get(), kIn), IsOk());

  Write(pipe.writer(), "x");

  EXPECT_THAT(poll->Poll(),
              IsOkAndHolds(ElementsAre(IsEvent(pipe.reader(), kIn),
                                       IsEvent(copy.get(), kIn))));
}

TEST(Poll, ConcurrentWaitRefused) {
  const auto poll = NewPoll();
  const Pipe pipe;
  ASSERT_THAT(poll->Register(pipe.reader(), kIn), IsOk());
  BlockedCall first([&] {
    EXPECT_THAT(poll->Poll(),
                IsOkAndHolds(ElementsAre(IsEvent(pipe.reader(), kIn))));
  });
  first.AwaitBlocked();

  EXPECT_THAT(poll->Poll(kLookOnce), HasErrno(EBUSY));

  Write(pipe.writer(), "x");
}

TEST(Poll, ChangeDuringWait) {
  const auto poll = NewPoll();
  const Pipe quiet, ready, gone;
  ASSERT_THAT(poll->Register(quiet.reader(), kIn), IsOk());
  ASSERT_THAT(poll->Register(gone.reader(), kIn), IsOk());
  BlockedCall wait([&] {
    EXPECT_THAT(poll->Poll(),
                IsOkAndHolds(ElementsAre(IsEvent(quiet.reader(), kIn))));
  });
  wait.AwaitBlocked();

  EXPECT_THAT(poll->Register(ready.writer(), kOut), IsOk());
  EXPECT_THAT(poll->Unregister(gone.reader()), IsOk());
  EXPECT_THAT(poll->Unregister(gone.reader()), HasErrno(ENOENT));
  wait.AwaitBlocked();
  Write(quiet.writer(), "x");
  wait.Join();
  Write(gone.writer(), "x");

  EXPECT_THAT(poll->Poll(),
              IsOkAndHolds(ElementsAre(IsEvent(quiet.reader(), kIn),
                                       IsEvent(ready.writer(), kOut))));
}

TEST(Poll, RegisteredDuringAWaitShowsWhenTheWaitIsOver) {
  const auto poll = NewPoll();
  const Pipe quiet, ready;
  ASSERT_THAT(poll->Register(quiet.reader(), kIn), IsOk());
  BlockedCall wait([&] { EXPECT_THAT(poll->Poll(), IsOk()); });
  wait.AwaitBlocked();
  EXPECT_THAT(poll->Register(ready.writer(), kOut), IsOk());
  Write(quiet.writer(), "x");
  wait.Join();
  Drain(quiet.reader());

  EXPECT_EQ(KernelPoll(*poll->fd(), kIn), kIn);
}

TEST(Poll, ANumberClosedBeforeThePollWasMadeIsInvalid) {
  Pipe pipe;
  const int number = pipe.reader();
  pipe.read_end.Reset();
  const auto poll = NewPoll();

  ASSERT_THAT(poll->Register(number, kIn), IsOk());

  EXPECT_THAT(poll->Poll(kLookOnce),
              IsOkAndHolds(ElementsAre(IsEvent(number, kInvalid))));
}

TEST(Poll, ChildOutputLines) {
  const auto poll = NewPoll();
  Pipe output(0), input(0);
  ASSERT_EQ(fcntl(input.reader(), F_SETFL, 0), 0);
  ASSERT_THAT(poll->Register(output.reader(), kIn), IsOk());
  const pid_t child = fork();
  if (child == 0) {
    char go = 0;
    for (int line = 0; line < 3; ++line) {
      (void)!read(input.reader(), &go, 1);
      (void)!write(output.writer(), "line\n", 5);
    }
    _exit(0);
  }
  output.write_end.Reset();

  for (int line = 0; line < 3; ++line) {
    Write(input.writer(), "g");
    EXPECT_TRUE(poll->Poll().ok());
    EXPECT_EQ(Read(output.reader(), 5), "line\n");
  }
  ASSERT_EQ(waitpid(child, nullptr, 0), child);

  EXPECT_THAT(poll->Poll(),
              IsOkAndHolds(ElementsAre(IsEvent(output.reader(), kHangup))));
}

TEST(Poll, CloseWakes) {
  const auto poll = NewPoll();
  const Pipe pipe;
  ASSERT_THAT(poll->Register(pipe.reader(), kIn), IsOk());
  BlockedCall wait([&] { EXPECT_THAT(poll->Poll(), IsClosedError()); });
  wait.AwaitBlocked();

  poll->Close();
}

TEST(Poll, AfterClose) {
  const auto poll = NewPoll();
  const Pipe pipe;
  ASSERT_THAT(poll->Register(pipe.reader(), kIn), IsOk());

  poll->Close();
  poll->Close();

  EXPECT_THAT(poll->Register(pipe.reader(), kIn), IsClosedError());
  EXPECT_THAT(poll->Modify(pipe.reader(), kIn), IsClosedError());
  EXPECT_THAT(poll->Unregister(pipe.reader()), IsClosedError());
  EXPECT_THAT(poll->Poll(kLookOnce), IsClosedError());
  EXPECT_THAT(poll->fd(), IsClosedError());
  EXPECT_THAT(poll->Poll(kLookOnce),
              StatusIs(absl::StatusCode::kFailedPrecondition));
}

TEST(Poll, DescriptorPollsReadableWhileReady) {
  const auto poll = NewPoll();
  const Pipe pipe;
  ASSERT_THAT(poll->Register(pipe.reader(), kIn), IsOk());
  EXPECT_EQ(KernelPoll(*poll->fd(), kIn), 0);

  Write(pipe.writer(), "x");

  EXPECT_EQ(KernelPoll(*poll->fd(), kIn), kIn);
  Event room[1];
  EXPECT_THAT(poll->Collect(absl::MakeSpan(room)), IsOkAndHolds(1));
  EXPECT_THAT(room[0], IsEvent(pipe.reader(), kIn));
}

}  // namespace
}  // namespace farpoll
