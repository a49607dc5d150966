// tests/support/fd_fixtures.h: room: tests. Descriptors of every kind, owned.
// Everything is non-blocking and close-on-exec; a call that fails aborts the
// test program with the errno.
#ifndef FARPOLL_TESTS_SUPPORT_FD_FIXTURES_H_
#define FARPOLL_TESTS_SUPPORT_FD_FIXTURES_H_

#include <poll.h>

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"
#include "base/unique_fd.h"
#include "selector/events.h"
#include "tests/support/temporary_folder.h"

namespace farpoll {

// `result` of a system call that must not fail; aborts with `call` if it did.
int MustSucceed(int result, const char* call);

// Every bit poll(2) knows, asked at once.
inline constexpr Events kAllEvents = kIn | kPriority | kOut | kReadNormal |
                                     kReadBand | kWriteNormal | kWriteBand |
                                     kMessage | kReadHangup;

// What poll(2) says of one descriptor now, or of its state within 10 s: the
// latter returns as soon as `wanted` was seen.
Events KernelPoll(int fd, Events asked = kAllEvents);
Events AwaitKernelPoll(int fd, Events asked, Events wanted);

// Two ends: first/second of a socket pair, reader/writer of a pipe.
struct FdPair {
  UniqueFd first;
  UniqueFd second;
};

struct Pipe {
  Pipe();
  explicit Pipe(int extra_flags);
  int reader() const { return read_end.get(); }
  int writer() const { return write_end.get(); }

  UniqueFd read_end;
  UniqueFd write_end;
};

// A connected AF_UNIX pair of `type` (SOCK_STREAM, SOCK_DGRAM, ...).
FdPair UnixPair(int type);
// A connected TCP pair over loopback; second is the accepted side.
FdPair TcpPair();
// A pair of UDP sockets over loopback, connected to each other.
FdPair UdpPair();
// A listening TCP or AF_UNIX stream socket.
UniqueFd TcpListener();
UniqueFd UnixListener();
// A non-blocking connect to `listener` (TCP); connected on return.
UniqueFd ConnectTo(int listener);
// A non-blocking connect (TCP) that was refused; its error is not taken yet.
UniqueFd RefusedConnect();
// What getsockopt(2) says of SO_ERROR, which takes it.
int TakeSocketError(int fd);
// A pseudo-terminal: first the master, second the slave in raw-less mode.
FdPair Pty();
// A copy of `fd` under a new number, or under `number`.
UniqueFd Duplicate(int fd);
UniqueFd DuplicateTo(int fd, int number);
// An unlinked temporary file with `content`.
UniqueFd TemporaryFile(absl::string_view content);
// open(2) of `path`.
UniqueFd Open(const char* path, int flags);
// A number that was open a moment ago.
int ClosedNumber();

// Bytes written or read; short or zero when the kernel would block.
std::size_t Write(int fd, absl::string_view bytes);
std::string Read(int fd, std::size_t most = 65536);
// Writes until the kernel would block; how many bytes.
std::size_t Fill(int fd);
// Reads until the kernel would block or the end.
void Drain(int fd);
// Makes the close of a TCP socket send RST.
void ResetOnClose(int fd);

// Raises the soft limit of descriptors to `count` if it is lower.
void AllowDescriptors(std::size_t count);

}  // namespace farpoll

#endif  // FARPOLL_TESTS_SUPPORT_FD_FIXTURES_H_
