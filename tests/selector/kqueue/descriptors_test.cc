// Kqueue.*: READ, WRITE, EXCEPT and EMPTY on every kind of descriptor.
// Source: docs/semantics.md section 6.
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <cerrno>

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
using testing::Not;
using testing::SizeIs;

UniqueFd TcpSocket() {
  return UniqueFd(MustSucceed(
      socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0),
      "socket"));
}

TEST(Kqueue, PairData) {
  for (const int type : {SOCK_STREAM, SOCK_SEQPACKET, SOCK_DGRAM}) {
    TestQueue queue;
    const FdPair pair = UnixPair(type);
    ASSERT_THAT(queue.Add(pair.second.get(), evfilt::kRead), IsOk());
    EXPECT_THAT(queue.Now(), IsEmpty());

    Write(pair.first.get(), "Hello!");

    EXPECT_THAT(queue.Now(),
                ElementsAre(AllOf(HasData(pair.second.get(), evfilt::kRead, 6),
                                  Not(HasFlags(ev::kEof)), HasNotes(0))));
  }
}

TEST(Kqueue, DatagramData) {
  TestQueue queue;
  const FdPair pair = UdpPair();
  ASSERT_THAT(queue.Add(pair.second.get(), evfilt::kRead), IsOk());

  Write(pair.first.get(), "abc");
  Write(pair.first.get(), "defgh");

  EXPECT_THAT(queue.Await(),
              ElementsAre(HasData(pair.second.get(), evfilt::kRead, 3)));
}

TEST(Kqueue, EmptyDatagram) {
  TestQueue queue;
  const FdPair pair = UdpPair();
  ASSERT_THAT(queue.Add(pair.second.get(), evfilt::kRead), IsOk());

  MustSucceed(static_cast<int>(send(pair.first.get(), "", 0, 0)), "send");

  EXPECT_THAT(queue.Await(),
              ElementsAre(HasData(pair.second.get(), evfilt::kRead, 0)));
}

TEST(Kqueue, Backlog) {
  TestQueue queue;
  const UniqueFd listener = TcpListener();
  ASSERT_THAT(queue.Add(listener.get(), evfilt::kRead), IsOk());
  EXPECT_THAT(queue.Now(), IsEmpty());

  const UniqueFd one = ConnectTo(listener.get());
  const UniqueFd two = ConnectTo(listener.get());
  AwaitKernelPoll(listener.get(), kIn, kIn);

  EXPECT_THAT(queue.Now(),
              ElementsAre(HasData(listener.get(), evfilt::kRead, 2)));
}

TEST(Kqueue, UnixBacklogIsOne) {
  TestQueue queue;
  const UniqueFd listener = UnixListener();
  ASSERT_THAT(queue.Add(listener.get(), evfilt::kRead), IsOk());
  EXPECT_THAT(queue.Now(), IsEmpty());

  sockaddr_storage address = {};
  socklen_t size = sizeof(address);
  MustSucceed(
      getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &size),
      "getsockname");
  const UniqueFd client(
      MustSucceed(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"));
  MustSucceed(
      connect(client.get(), reinterpret_cast<sockaddr*>(&address), size),
      "connect");

  EXPECT_THAT(queue.Now(),
              ElementsAre(HasData(listener.get(), evfilt::kRead, 1)));
}

TEST(Kqueue, EofWithData) {
  TestQueue queue;
  FdPair pair = TcpPair();
  const int fd = pair.second.get();
  ASSERT_THAT(queue.Add(fd, evfilt::kRead), IsOk());
  Write(pair.first.get(), "last words");

  pair.first.Reset();
  AwaitKernelPoll(fd, kIn | kReadHangup, kIn | kReadHangup);

  EXPECT_THAT(queue.Now(), ElementsAre(AllOf(HasData(fd, evfilt::kRead, 10),
                                             HasFlags(ev::kEof), HasNotes(0))));
  Drain(fd);
  EXPECT_THAT(queue.Now(), ElementsAre(AllOf(HasData(fd, evfilt::kRead, 0),
                                             HasFlags(ev::kEof))));
}

TEST(Kqueue, HalfCloseIsEof) {
  TestQueue queue;
  const FdPair pair = UnixPair(SOCK_STREAM);
  ASSERT_THAT(queue.Add(pair.second.get(), evfilt::kRead), IsOk());
  ASSERT_THAT(queue.Add(pair.second.get(), evfilt::kWrite), IsOk());

  MustSucceed(shutdown(pair.first.get(), SHUT_WR), "shutdown");

  EXPECT_THAT(queue.Now(), testing::UnorderedElementsAre(
                               AllOf(IsOf(pair.second.get(), evfilt::kRead),
                                     HasFlags(ev::kEof)),
                               AllOf(IsOf(pair.second.get(), evfilt::kWrite),
                                     Not(HasFlags(ev::kEof)))));
}

TEST(Kqueue, PipeEof) {
  TestQueue queue;
  Pipe pipe;
  ASSERT_THAT(queue.Add(pipe.reader(), evfilt::kRead), IsOk());
  Write(pipe.writer(), "abc");
  pipe.write_end.Reset();

  EXPECT_THAT(queue.Now(),
              ElementsAre(AllOf(HasData(pipe.reader(), evfilt::kRead, 3),
                                HasFlags(ev::kEof))));
  Drain(pipe.reader());
  EXPECT_THAT(queue.Now(),
              ElementsAre(AllOf(HasData(pipe.reader(), evfilt::kRead, 0),
                                HasFlags(ev::kEof))));
  EXPECT_THAT(queue.Now(), SizeIs(1));
}

TEST(Kqueue, PipeEofClearOnce) {
  TestQueue queue;
  Pipe pipe;
  ASSERT_THAT(queue.Add(pipe.reader(), evfilt::kRead, ev::kClear), IsOk());

  pipe.write_end.Reset();

  EXPECT_THAT(queue.Now(), ElementsAre(HasFlags(ev::kEof | ev::kClear)));
  EXPECT_THAT(queue.Now(), IsEmpty());
}

TEST(Kqueue, FifoEofEnds) {
  TestQueue queue;
  const TemporaryFolder folder;
  const std::string path = folder.path() + "/fifo";
  MustSucceed(mkfifo(path.c_str(), 0600), "mkfifo");
  const UniqueFd reader = Open(path.c_str(), O_RDONLY);
  UniqueFd writer = Open(path.c_str(), O_WRONLY);
  ASSERT_THAT(queue.Add(reader.get(), evfilt::kRead), IsOk());
  writer.Reset();
  EXPECT_THAT(queue.Now(), ElementsAre(HasFlags(ev::kEof)));

  writer = Open(path.c_str(), O_WRONLY);
  EXPECT_THAT(queue.Now(), IsEmpty());
  Write(writer.get(), "x");

  EXPECT_THAT(queue.Now(),
              ElementsAre(AllOf(HasData(reader.get(), evfilt::kRead, 1),
                                Not(HasFlags(ev::kEof)))));
}

TEST(Kqueue, SocketErrorStays) {
  TestQueue queue;
  const UniqueFd socket = RefusedConnect();
  const int fd = socket.get();
  ASSERT_THAT(queue.Add(fd, evfilt::kRead), IsOk());
  ASSERT_THAT(queue.Add(fd, evfilt::kWrite), IsOk());

  for (int look = 0; look < 2; ++look) {
    EXPECT_THAT(
        queue.Now(),
        testing::UnorderedElementsAre(
            AllOf(IsOf(fd, evfilt::kRead), HasFlags(ev::kEof), HasNotes(0)),
            AllOf(IsOf(fd, evfilt::kWrite), HasFlags(ev::kEof), HasNotes(0))));
  }

  EXPECT_EQ(TakeSocketError(fd), ECONNREFUSED);
}

TEST(Kqueue, ResetStaysForTheReader) {
  TestQueue queue;
  FdPair pair = TcpPair();
  const int fd = pair.second.get();
  ASSERT_THAT(queue.Add(fd, evfilt::kRead), IsOk());
  ResetOnClose(pair.first.get());
  pair.first.Reset();

  EXPECT_THAT(queue.Await(),
              ElementsAre(AllOf(HasFlags(ev::kEof), HasNotes(0))));

  char byte = 0;
  EXPECT_EQ(read(fd, &byte, 1), -1);
  EXPECT_EQ(errno, ECONNRESET);
}

TEST(Kqueue, ResetError) {
  TestQueue queue({.takes_socket_errors = true});
  FdPair pair = TcpPair();
  const int fd = pair.second.get();
  ASSERT_THAT(queue.Add(fd, evfilt::kRead), IsOk());
  ASSERT_THAT(queue.Add(fd, evfilt::kWrite, ev::kClear), IsOk());
  EXPECT_THAT(queue.Now(), ElementsAre(IsOf(fd, evfilt::kWrite)));

  ResetOnClose(pair.first.get());
  pair.first.Reset();
  AwaitKernelPoll(fd, kReadHangup, kReadHangup | kError | kHangup);

  EXPECT_THAT(queue.Now(),
              testing::UnorderedElementsAre(
                  AllOf(IsOf(fd, evfilt::kRead), HasFlags(ev::kEof),
                        HasNotes(ECONNRESET)),
                  AllOf(IsOf(fd, evfilt::kWrite), HasFlags(ev::kEof),
                        HasNotes(ECONNRESET))));
  EXPECT_THAT(queue.Now(),
              ElementsAre(AllOf(HasFlags(ev::kEof), HasNotes(ECONNRESET))));
}

TEST(Kqueue, AnErrorIsToldBelowTheMark) {
  TestQueue queue;
  FdPair pair = UdpPair();
  const int fd = pair.first.get();
  pair.second.Reset();
  Write(fd, "to nobody");
  AwaitKernelPoll(fd, 0, kError);

  for (const std::int16_t filter : {evfilt::kRead, evfilt::kWrite}) {
    ASSERT_THAT(queue.Change(fd, filter, ev::kAdd, note::kLowWater, 1 << 30),
                IsOk());
  }

  EXPECT_THAT(queue.Now(),
              testing::UnorderedElementsAre(IsOf(fd, evfilt::kRead),
                                            IsOf(fd, evfilt::kWrite)));
  EXPECT_EQ(TakeSocketError(fd), ECONNREFUSED);
  EXPECT_THAT(queue.Now(), IsEmpty());
}

// What was muted below its mark is watched for edges; disabled, for none.
TEST(Kqueue, DispatchBelowItsMarkIsQuietOnceTold) {
  TestQueue queue;
  const FdPair pair = UnixPair(SOCK_STREAM);
  const int fd = pair.second.get();
  ASSERT_THAT(queue.Change(fd, evfilt::kRead, ev::kAdd | ev::kDispatch,
                           note::kLowWater, 5),
              IsOk());
  Write(pair.first.get(), "four");
  EXPECT_THAT(queue.Now(), IsEmpty());
  Write(pair.first.get(), "!");
  EXPECT_THAT(queue.Now(), ElementsAre(HasData(fd, evfilt::kRead, 5)));

  Write(pair.first.get(), "more");

  EXPECT_EQ(KernelPoll(*queue->fd(), kIn), 0);
  EXPECT_THAT(queue.Now(), IsEmpty());
}

TEST(Kqueue, LowWater) {
  for (const std::uint16_t mode : {0, int{ev::kClear}, int{ev::kDispatch}}) {
    TestQueue queue;
    const FdPair pair = UnixPair(SOCK_STREAM);
    const int fd = pair.second.get();
    ASSERT_THAT(
        queue.Change(fd, evfilt::kRead, ev::kAdd | mode, note::kLowWater, 5),
        IsOk());
    Write(pair.first.get(), "four");
    EXPECT_THAT(queue.Now(), IsEmpty());

    Write(pair.first.get(), "!");

    EXPECT_THAT(queue.Now(), ElementsAre(HasData(fd, evfilt::kRead, 5)));
    EXPECT_THAT(queue.Now(), SizeIs(mode == 0 ? 1 : 0));
  }
}

TEST(Kqueue, LowWaterLevelFollowsTheCount) {
  TestQueue queue;
  const Pipe pipe;
  ASSERT_THAT(
      queue.Change(pipe.reader(), evfilt::kRead, ev::kAdd, note::kLowWater, 3),
      IsOk());
  Write(pipe.writer(), "abcd");
  EXPECT_THAT(queue.Now(), SizeIs(1));
  Read(pipe.reader(), 2);
  EXPECT_THAT(queue.Now(), IsEmpty());

  Write(pipe.writer(), "e");

  EXPECT_THAT(queue.Now(),
              ElementsAre(HasData(pipe.reader(), evfilt::kRead, 3)));
}

TEST(Kqueue, WriteLowWater) {
  TestQueue queue;
  const Pipe pipe;
  Write(pipe.writer(), std::string(8192, 'x'));
  ASSERT_THAT(queue.Change(pipe.writer(), evfilt::kWrite, ev::kAdd,
                           note::kLowWater, 60'000),
              IsOk());
  EXPECT_THAT(queue.Now(), IsEmpty());

  Drain(pipe.reader());

  EXPECT_THAT(queue.Await(),
              ElementsAre(HasData(pipe.writer(), evfilt::kWrite, 65536)));
}

TEST(Kqueue, ListenerNotWritable) {
  TestQueue queue;
  const UniqueFd listener = TcpListener();
  const UniqueFd unconnected = TcpSocket();

  ASSERT_THAT(queue.Add(listener.get(), evfilt::kWrite), IsOk());
  ASSERT_THAT(queue.Add(unconnected.get(), evfilt::kWrite), IsOk());
  ASSERT_THAT(queue.Add(unconnected.get(), evfilt::kRead), IsOk());

  EXPECT_THAT(queue.Now(), IsEmpty());
  EXPECT_EQ(KernelPoll(*queue->fd(), kIn), 0);
}

TEST(Kqueue, ListenAfterAdd) {
  TestQueue queue;
  const UniqueFd listener = TcpSocket();
  ASSERT_THAT(queue.Add(listener.get(), evfilt::kRead), IsOk());
  EXPECT_THAT(queue.Now(), IsEmpty());
  MustSucceed(listen(listener.get(), 4), "listen");

  const UniqueFd client = ConnectTo(listener.get());

  EXPECT_THAT(queue.Await(),
              ElementsAre(HasData(listener.get(), evfilt::kRead, 1)));
  EXPECT_THAT(queue.Now(), SizeIs(1));
}

TEST(Kqueue, SocketSpace) {
  TestQueue queue;
  const FdPair pair = UnixPair(SOCK_STREAM);
  int size = 0;
  socklen_t length = sizeof(size);
  MustSucceed(
      getsockopt(pair.first.get(), SOL_SOCKET, SO_SNDBUF, &size, &length),
      "getsockopt");
  ASSERT_THAT(queue.Add(pair.first.get(), evfilt::kWrite), IsOk());
  EXPECT_THAT(queue.Now(),
              ElementsAre(HasData(pair.first.get(), evfilt::kWrite, size)));

  Fill(pair.first.get());
  EXPECT_THAT(queue.Now(), IsEmpty());
  Drain(pair.second.get());

  EXPECT_THAT(queue.Now(), SizeIs(1));
}

TEST(Kqueue, WritePeerGone) {
  TestQueue queue;
  FdPair pair = UnixPair(SOCK_STREAM);
  ASSERT_THAT(queue.Add(pair.first.get(), evfilt::kWrite), IsOk());

  pair.second.Reset();

  EXPECT_THAT(queue.Now(), ElementsAre(HasFlags(ev::kEof)));
}

TEST(Kqueue, WritePipeSpace) {
  TestQueue queue;
  Pipe pipe;
  ASSERT_THAT(queue.Add(pipe.writer(), evfilt::kWrite), IsOk());
  EXPECT_THAT(queue.Now(),
              ElementsAre(HasData(pipe.writer(), evfilt::kWrite, 65536)));
  Write(pipe.writer(), "0123456789");
  EXPECT_THAT(queue.Now(),
              ElementsAre(HasData(pipe.writer(), evfilt::kWrite, 65526)));
  Fill(pipe.writer());
  EXPECT_THAT(queue.Now(), IsEmpty());

  pipe.read_end.Reset();

  EXPECT_THAT(queue.Now(),
              ElementsAre(AllOf(HasData(pipe.writer(), evfilt::kWrite, 0),
                                HasFlags(ev::kEof))));
}

TEST(Kqueue, WriteAfterReaderGone) {
  TestQueue queue;
  Pipe pipe;
  pipe.read_end.Reset();

  EXPECT_THAT(queue.Add(pipe.writer(), evfilt::kWrite), HasErrno(EPIPE));
  EXPECT_EQ(queue->size(), 0u);
}

TEST(Kqueue, Counters) {
  TestQueue queue;
  const UniqueFd counter(
      MustSucceed(eventfd(41, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd"));
  const UniqueFd timer(MustSucceed(
      timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK), "timerfd"));
  const itimerspec once = {.it_interval = {}, .it_value = {0, 1}};
  MustSucceed(timerfd_settime(timer.get(), 0, &once, nullptr), "settime");
  AwaitKernelPoll(timer.get(), kIn, kIn);
  ASSERT_THAT(queue.Add(counter.get(), evfilt::kRead), IsOk());
  ASSERT_THAT(queue.Add(timer.get(), evfilt::kRead), IsOk());

  EXPECT_THAT(queue.Now(), testing::UnorderedElementsAre(
                               HasData(counter.get(), evfilt::kRead, 41),
                               HasData(timer.get(), evfilt::kRead, 1)));
}

TEST(Kqueue, TerminalLine) {
  TestQueue queue;
  FdPair pty = Pty();
  ASSERT_THAT(queue.Add(pty.second.get(), evfilt::kRead), IsOk());
  ASSERT_THAT(queue.Add(pty.first.get(), evfilt::kRead), IsOk());

  Write(pty.first.get(), "line\n");

  EXPECT_THAT(queue.Await(),
              testing::Contains(HasData(pty.second.get(), evfilt::kRead, 5)));
}

TEST(Kqueue, NullDeviceAlwaysReadable) {
  TestQueue queue;
  const UniqueFd null = Open("/dev/null", O_RDWR);
  ASSERT_THAT(queue.Add(null.get(), evfilt::kRead), IsOk());
  ASSERT_THAT(queue.Add(null.get(), evfilt::kWrite), IsOk());

  EXPECT_THAT(queue.Now(), SizeIs(2));
  EXPECT_THAT(queue.Now(), SizeIs(2));
}

TEST(Kqueue, UrgentByte) {
  TestQueue queue;
  const FdPair pair = TcpPair();
  const int fd = pair.second.get();
  ASSERT_THAT(queue.Add(fd, evfilt::kExcept), IsOk());
  ASSERT_THAT(queue.Add(fd, evfilt::kRead), IsOk());
  EXPECT_THAT(queue.Now(), IsEmpty());

  MustSucceed(static_cast<int>(send(pair.first.get(), "!", 1, MSG_OOB)),
              "send");

  EXPECT_THAT(queue.Await(), ElementsAre(AllOf(IsOf(fd, evfilt::kExcept),
                                               HasNotes(note::kOutOfBand))));
  char byte = 0;
  MustSucceed(static_cast<int>(recv(fd, &byte, 1, MSG_OOB)), "recv");
  EXPECT_THAT(queue.Now(), IsEmpty());
}

TEST(Kqueue, ExceptIgnoresHangup) {
  TestQueue queue;
  FdPair pair = TcpPair();
  const int fd = pair.second.get();
  ASSERT_THAT(queue.Add(fd, evfilt::kExcept), IsOk());
  EXPECT_THAT(queue.Change(fd, evfilt::kExcept, ev::kAdd | ev::kDelete),
              IsOk());
  EXPECT_THAT(queue.Change(fd, evfilt::kExcept, ev::kAdd, 0x40),
              HasErrno(EINVAL));
  ASSERT_THAT(queue.Add(fd, evfilt::kExcept), IsOk());

  MustSucceed(shutdown(fd, SHUT_RDWR), "shutdown");

  EXPECT_THAT(queue.Now(), IsEmpty());
  EXPECT_EQ(KernelPoll(*queue->fd(), kIn), 0);
}

TEST(Kqueue, SocketEmpty) {
  TestQueue queue;
  const FdPair pair = UnixPair(SOCK_STREAM);
  const int fd = pair.first.get();
  Write(fd, "hello");
  ASSERT_THAT(queue.Add(fd, evfilt::kEmpty, ev::kClear), IsOk());
  EXPECT_THAT(queue.Now(), IsEmpty());

  Drain(pair.second.get());

  EXPECT_THAT(queue.Await(), ElementsAre(IsOf(fd, evfilt::kEmpty)));
  EXPECT_THAT(queue.Now(), IsEmpty());
}

TEST(Kqueue, EmptyIsLevel) {
  TestQueue queue;
  const FdPair pair = UnixPair(SOCK_STREAM);
  ASSERT_THAT(queue.Add(pair.first.get(), evfilt::kEmpty), IsOk());
  EXPECT_THAT(queue.Now(), SizeIs(1));
  EXPECT_THAT(queue.Now(), SizeIs(1));

  Write(pair.first.get(), "x");

  EXPECT_THAT(queue.Now(), IsEmpty());
}

TEST(Kqueue, EmptyNeedsSocket) {
  TestQueue queue;
  const Pipe pipe;

  EXPECT_THAT(queue.Add(pipe.writer(), evfilt::kEmpty), HasErrno(EINVAL));
}

TEST(Kqueue, FdReuse) {
  for (const std::uint16_t mode : {0, int{ev::kClear}, int{ev::kDispatch}}) {
    TestQueue queue;
    Pipe old;
    const int number = old.reader();
    ASSERT_THAT(queue.Add(number, evfilt::kRead, mode), IsOk());
    const UniqueFd survivor = Duplicate(number);
    const Pipe fresh;
    old.read_end.Reset();
    const UniqueFd reused = DuplicateTo(fresh.reader(), number);

    Write(old.writer(), "old");
    EXPECT_THAT(queue.Now(), IsEmpty());

    ASSERT_THAT(queue.Add(number, evfilt::kRead, mode), IsOk());
    Write(fresh.writer(), "fresh");
    EXPECT_THAT(queue.Now(), ElementsAre(HasData(number, evfilt::kRead, 5)));
    EXPECT_EQ(queue->size(), 1u);
  }
}

TEST(Kqueue, DeleteAfterClose) {
  TestQueue queue;
  Pipe pipe;
  const int number = pipe.reader();
  ASSERT_THAT(queue.Add(number, evfilt::kRead), IsOk());

  pipe.read_end.Reset();

  EXPECT_THAT(queue.Change(number, evfilt::kRead, ev::kDelete),
              HasErrno(EBADF));
  EXPECT_EQ(queue->size(), 0u);
}

TEST(Kqueue, ChangeAfterClose) {
  TestQueue queue;
  Pipe pipe;
  const int number = pipe.reader();
  ASSERT_THAT(queue.Add(number, evfilt::kRead), IsOk());
  pipe.read_end.Reset();

  EXPECT_THAT(queue.Change(number, evfilt::kRead, ev::kDisable),
              HasErrno(EBADF));
  EXPECT_THAT(queue.Add(number, evfilt::kRead), HasErrno(EBADF));
  EXPECT_EQ(queue->size(), 0u);
}

TEST(Kqueue, OrphanNoSpin) {
  TestQueue queue;
  Pipe pipe;
  ASSERT_THAT(queue.Add(pipe.reader(), evfilt::kRead), IsOk());
  const UniqueFd survivor = Duplicate(pipe.reader());
  Write(pipe.writer(), "x");
  pipe.read_end.Reset();

  EXPECT_THAT(queue.Now(), IsEmpty());
  EXPECT_THAT(queue.Now(), IsEmpty());

  EXPECT_EQ(KernelPoll(*queue->fd(), kIn), 0);
  EXPECT_EQ(queue->size(), 0u);
}

}  // namespace
}  // namespace farpoll
