// tests/server/handle/io_test.cc: room: tests. Reading, looking, writing and
// transferring, by kinds of handle.
// Source: docs/semantics.md section 5; recv(2), tee(2), splice(2).
#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "server/handle/counter.h"
#include "server/handle/file.h"
#include "server/handle/passed.h"
#include "server/handle/transfer.h"
#include "tests/server/handle/handle_fixture.h"
#include "tests/support/descriptor_limit.h"

namespace farpoll::server {
namespace {

using Stop = TransferResult::Stop;

std::string Big(std::size_t bytes) {
  std::string data(bytes, '\0');
  for (std::size_t i = 0; i < bytes; ++i) {
    data[i] = static_cast<char>('a' + i * 7 % 26);
  }
  return data;
}

// ---- What others do to an open file that they share.

// Makes the open file of `fd` block, as whoever shares it can.
void ClearNonBlock(int fd) {
  ASSERT_EQ(fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK), 0);
}

TEST(Cleared, ReadsDoNotWait) {
  alarm(60);  // a read that waits would do so for ever
  HandlePair pipe = WrapPipe();
  FdPair pty = Pty();
  Handle master = Wrap(HandleKind::kPty, std::move(pty.first));
  Handle counter = Must(MakeCounter(0, false));
  for (Handle* const handle : {&pipe.first, &master, &counter}) {
    ClearNonBlock(handle->fd.get());
    EXPECT_EQ(Take(*handle), "(would block)");
  }
  alarm(0);
}

TEST(Cleared, WritesDoNotWait) {
  alarm(60);
  HandlePair pipe = WrapPipe();
  ClearNonBlock(pipe.second.fd.get());

  const WriteResult put = Must(WriteSome(pipe.second, {.data = Big(1 << 20)}));

  EXPECT_TRUE(put.would_block);
  EXPECT_GT(put.bytes_written, 0u);
  EXPECT_TRUE(Must(WriteSome(pipe.second, {.data = "x"})).would_block);
  alarm(0);
}

TEST(Cleared, ACountThatDoesNotFitDoesNotWait) {
  alarm(60);
  Handle counter = Must(MakeCounter(kMaxCount - 1, /*semaphore=*/false));
  ClearNonBlock(counter.fd.get());

  EXPECT_TRUE(Must(WriteSome(counter, {.count = 2})).would_block);
  alarm(0);
}

TEST(Cleared, TransfersDoNotWait) {
  alarm(60);
  HandlePair from = WrapPair(TcpPair(), SOCK_STREAM);
  HandlePair to = WrapPipe();
  ClearNonBlock(from.first.fd.get());
  ClearNonBlock(to.second.fd.get());

  EXPECT_EQ(Must(Transfer(from.first, to.second, 100)).stop,
            Stop::kSourceEmpty);
  alarm(0);
}

TEST(Cleared, APassedPipeIsOursAlone) {
  Pipe pipe;
  ASSERT_EQ(fcntl(pipe.reader(), F_SETFL, O_NONBLOCK), 0);
  const Handle passed = Must(TakePassed(UniqueFd(dup(pipe.reader()))));

  ClearNonBlock(pipe.reader());

  EXPECT_NE(fcntl(passed.fd.get(), F_GETFL) & O_NONBLOCK, 0);
}

// ---- Looking.

TEST(Peek, TakesNothing) {
  HandlePair pipe = WrapPipe();
  HandlePair stream = WrapPair(UnixPair(SOCK_STREAM), SOCK_STREAM);
  HandlePair packets = WrapPair(UnixPair(SOCK_SEQPACKET), SOCK_SEQPACKET);
  for (HandlePair* const pair : {&pipe, &stream, &packets}) {
    EXPECT_EQ(Peek(pair->first), "(would block)");
    Put(pair->second, "word");
    EXPECT_EQ(Peek(pair->first, 2), "wo");
    EXPECT_EQ(Peek(pair->first), "word");
    EXPECT_EQ(pair->first.bytes_read, 0);
    EXPECT_EQ(Take(pair->first), "word");
    EXPECT_EQ(pair->first.bytes_read, 4);
    Put(pair->second, "last");
    pair->second.fd.Reset();
    EXPECT_EQ(Peek(pair->first), "last");
    EXPECT_EQ(Take(pair->first), "last");
    EXPECT_EQ(Peek(pair->first), "(end)");
    EXPECT_EQ(Take(pair->first), "(end)");
  }
}

TEST(Peek, IsNotForATerminal) {
  FdPair pty = Pty();
  Handle master = Wrap(HandleKind::kPty, std::move(pty.first));
  EXPECT_EQ(ReasonOf(ReadSome(master, {.max_bytes = 1, .peek = true})),
            "CANNOT_PEEK");
  EXPECT_THAT(ReadSome(master, {.max_bytes = 1, .peek = true}),
              StatusIs(absl::StatusCode::kUnimplemented));
}

TEST(Peek, AtAPipeNeedsDescriptors) {
  HandlePair pipe = WrapPipe();
  Put(pipe.second, "word");
  const auto peek = [&] {
    const DescriptorLimit limit(3);
    return ReadSome(pipe.first, {.max_bytes = 1, .peek = true});
  };
  EXPECT_THAT(peek(), HasErrno(EMFILE));
}

TEST(Terminal, EndsWithItsOtherSide) {
  FdPair pty = Pty();
  Handle master = Wrap(HandleKind::kPty, std::move(pty.first));
  EXPECT_EQ(Take(master), "(would block)");
  Write(pty.second.get(), "last");
  Await(master, kIn);
  pty.second.Reset();
  EXPECT_EQ(Take(master), "last");
  EXPECT_EQ(Take(master), "(end)");
}

// ---- Urgent data.

TEST(OutOfBand, GoesPastTheStream) {
  HandlePair pair = WrapPair(TcpPair(), SOCK_STREAM);
  Put(pair.first, "ab");
  EXPECT_EQ(Must(WriteSome(pair.first, {.data = "!", .out_of_band = true}))
                .bytes_written,
            1u);
  Await(pair.second, kPriority);

  EXPECT_EQ(Text(ReadSome(pair.second, {.max_bytes = 8, .out_of_band = true})),
            "!");
  EXPECT_EQ(Take(pair.second), "ab");
  EXPECT_THAT(ReadSome(pair.second, {.max_bytes = 8, .out_of_band = true}),
              HasErrno(EINVAL));
}

TEST(OutOfBand, IsForStreamSocketsOnly) {
  HandlePair pipe = WrapPipe();
  HandlePair udp = WrapPair(UdpPair(), SOCK_DGRAM);
  EXPECT_THAT(WriteSome(pipe.second, {.data = "!", .out_of_band = true}),
              HasErrno(ENOTSOCK));
  EXPECT_THAT(ReadSome(pipe.first, {.max_bytes = 1, .out_of_band = true}),
              HasErrno(ENOTSOCK));
  EXPECT_THAT(WriteSome(udp.first, {.data = "!", .out_of_band = true}),
              HasErrno(EOPNOTSUPP));
}

TEST(Destination, IsForDatagramsOnly) {
  const Endpoint somewhere = At("127.0.0.1:1");
  HandlePair pipe = WrapPipe();
  HandlePair stream = WrapPair(UnixPair(SOCK_STREAM), SOCK_STREAM);
  EXPECT_EQ(ReasonOf(WriteSome(pipe.second,
                               {.data = "x", .destination = &somewhere})),
            "BAD_CONTENT");
  EXPECT_EQ(ReasonOf(WriteSome(stream.first,
                               {.data = "x", .destination = &somewhere})),
            "BAD_CONTENT");
}

// ---- Transfers.

class TransferTest : public testing::Test {
 protected:
  TransferTest() : file_(Wrap(HandleKind::kFile, TemporaryFile(Big(100000)))) {}

  static std::string Drain(Handle& handle) {
    std::string all;
    for (;;) {
      const std::string more = Take(handle);
      if (more == "(would block)" || more == "(end)") {
        return all;
      }
      all += more;
    }
  }

  // Puts `data` in at `from`, moves it on and finds it at `to`, then the end.
  void MovesAll(HandlePair from, HandlePair to, const std::string& data) {
    std::size_t put = 0;
    std::size_t moved = 0;
    std::string got;
    while (got.size() < data.size() && !HasFailure()) {
      put += Put(from.second, absl::string_view(data).substr(put));
      if (moved < put) {
        Await(from.first, kIn);
      }
      const TransferResult result =
          Must(Transfer(from.first, to.first, 1 << 20));
      EXPECT_THAT(result.error, IsOk());
      moved += static_cast<std::size_t>(result.bytes);
      if (got.size() < moved) {
        Await(to.second, kIn);
      }
      got += Drain(to.second);
    }
    EXPECT_EQ(got, data);
    EXPECT_EQ(from.first.bytes_read, static_cast<std::int64_t>(data.size()));
    EXPECT_EQ(to.first.bytes_written, static_cast<std::int64_t>(data.size()));
    from.second.fd.Reset();
    Await(from.first, kReadHangup);
    EXPECT_EQ(Must(Transfer(from.first, to.first, 1)).stop, Stop::kEndOfFile);
  }

  static HandlePair Streams() {
    return WrapPair(UnixPair(SOCK_STREAM), SOCK_STREAM);
  }
  static HandlePair Tcp() { return WrapPair(TcpPair(), SOCK_STREAM); }
  // Writer first: for what is moved into.
  static HandlePair PipeIn() {
    HandlePair pipe = WrapPipe();
    return {std::move(pipe.second), std::move(pipe.first)};
  }

  Handle file_;
};

TEST_F(TransferTest, MovesBytesBetweenEveryPair) {
  const std::string data = Big(300000);
  MovesAll(WrapPipe(), PipeIn(), data);
  MovesAll(WrapPipe(), Streams(), data);
  MovesAll(WrapPipe(), Tcp(), data);
  MovesAll(Streams(), PipeIn(), data);
  MovesAll(Streams(), Streams(), data);
  MovesAll(Tcp(), Tcp(), data);
  MovesAll(Tcp(), PipeIn(), data);
}

TEST_F(TransferTest, MovesAFile) {
  HandlePair to = PipeIn();
  HandlePair stream = Streams();
  EXPECT_EQ(Must(Transfer(file_, to.first, 10)).bytes, 10);
  EXPECT_EQ(Must(Transfer(file_, stream.first, 10)).bytes, 10);
  EXPECT_EQ(Drain(to.second) + Drain(stream.second), Big(20));
}

TEST_F(TransferTest, MovesIntoAFile) {
  HandlePair from = WrapPipe();
  HandlePair stream = Streams();
  Handle to = Wrap(HandleKind::kFile, TemporaryFile(""));
  Put(from.second, "one ");
  Put(stream.second, "two");
  EXPECT_EQ(Must(Transfer(from.first, to, 100)).stop, Stop::kSourceEmpty);
  EXPECT_EQ(Must(Transfer(stream.first, to, 100)).bytes, 3);
  lseek(to.fd.get(), 0, SEEK_SET);
  EXPECT_EQ(Take(to), "one two");
}

TEST_F(TransferTest, AppendsWhereSpliceRefuses) {
  HandlePair from = WrapPipe();
  Handle to = Wrap(HandleKind::kFile, TemporaryFile("old "));
  fcntl(to.fd.get(), F_SETFL, O_APPEND);
  Put(from.second, "new");
  EXPECT_EQ(Must(Transfer(from.first, to, 100)).bytes, 3);
  lseek(to.fd.get(), 0, SEEK_SET);
  EXPECT_EQ(Take(to), "old new");
}

TEST_F(TransferTest, KeepsMessagesWhole) {
  HandlePair from = WrapPair(UnixPair(SOCK_SEQPACKET), SOCK_SEQPACKET);
  HandlePair to = WrapPair(UnixPair(SOCK_DGRAM), SOCK_DGRAM);
  Put(from.second, "one");
  Put(from.second, "three");

  EXPECT_EQ(Must(Transfer(from.first, to.first, 100)).bytes, 8);

  EXPECT_EQ(Take(to.second), "one");
  EXPECT_EQ(Take(to.second), "three");
  Put(from.second, "a long one");
  EXPECT_THAT(Transfer(from.first, to.first, 5), HasErrno(EMSGSIZE));
  EXPECT_EQ(Take(from.first), "a long one");
  HandlePair stream = Streams();
  EXPECT_EQ(ReasonOf(Transfer(from.first, stream.first, 5)),
            "MESSAGES_TO_STREAM");
}

TEST_F(TransferTest, SaysWhyItStopped) {
  HandlePair from = WrapPipe();
  HandlePair to = Streams();
  EXPECT_EQ(Must(Transfer(from.first, to.first, 1)).stop, Stop::kSourceEmpty);
  Put(from.second, "word");
  EXPECT_EQ(Must(Transfer(from.first, to.first, 2)).stop, Stop::kLimit);
  EXPECT_EQ(Must(Transfer(from.first, to.first, 9)).stop, Stop::kSourceEmpty);
  Fill(to.first.fd.get());
  Put(from.second, "more");
  const TransferResult full = Must(Transfer(from.first, to.first, 9));
  EXPECT_EQ(full.stop, Stop::kDestinationFull);
  EXPECT_EQ(full.bytes, 0);
  EXPECT_EQ(Take(from.first), "more");
}

TEST_F(TransferTest, LosesNothingWhenTheDestinationFills) {
  for (HandlePair* const to :
       {new HandlePair(Streams()), new HandlePair(PipeIn())}) {
    HandlePair from = Streams();
    const std::string data = Big(Fill(from.second.fd.get()));
    const std::string before = Drain(from.first);
    Put(from.second, before);
    Fill(to->first.fd.get());
    EXPECT_EQ(Must(Transfer(from.first, to->first, 1 << 20)).stop,
              Stop::kDestinationFull);
    EXPECT_EQ(Drain(from.first).size(), before.size());
    delete to;
  }
}

TEST_F(TransferTest, ToWhatNobodyReadsFails) {
  signal(SIGPIPE, SIG_IGN);  // as the server does
  HandlePair from = WrapPipe();
  HandlePair to = PipeIn();
  HandlePair stream = Streams();
  to.second.fd.Reset();
  stream.second.fd.Reset();
  Put(from.second, "word");
  EXPECT_THAT(Transfer(from.first, to.first, 4), HasErrno(EPIPE));
  EXPECT_THAT(Transfer(from.first, stream.first, 4), HasErrno(EPIPE));
}

TEST_F(TransferTest, WhatCarriesNoBytesIsRefused) {
  HandlePair pipe = WrapPipe();
  Handle counter = Must(MakeCounter(1, false));
  counter.id = 1000;
  EXPECT_EQ(ReasonOf(Transfer(file_, file_, 1)), "SAME_HANDLE");
  EXPECT_THAT(Transfer(counter, pipe.second, 1), HasErrno(EBADF));
  EXPECT_THAT(Transfer(pipe.first, counter, 1), HasErrno(EBADF));
  EXPECT_THAT(Transfer(pipe.second, pipe.second, 1), HasErrno(EINVAL));
  EXPECT_THAT(Transfer(pipe.second, file_, 1), HasErrno(EBADF));
  EXPECT_THAT(Transfer(file_, pipe.first, 1), HasErrno(EBADF));
}

TEST_F(TransferTest, ATerminalGivesToPipesOnly) {
  FdPair pty = Pty();
  Handle master = Wrap(HandleKind::kPty, std::move(pty.first));
  HandlePair pipe = PipeIn();
  HandlePair stream = Streams();
  Write(pty.second.get(), "word");
  Await(master, kIn);
  EXPECT_EQ(ReasonOf(Transfer(master, stream.first, 100)), "CANNOT_PEEK");
  EXPECT_EQ(Must(Transfer(master, pipe.first, 100)).bytes, 4);
  EXPECT_EQ(Take(pipe.second), "word");
}

}  // namespace
}  // namespace farpoll::server
