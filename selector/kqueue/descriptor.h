// selector/kqueue/descriptor.h: room: selector. What can be asked of a
// descriptor without taking anything from it.
// Threads: pure but for the kernel.
// Source: fstat(2), ioctl_pipe(2), tcp(7), proc(5); docs/semantics.md section
// 6.
#ifndef FARPOLL_SELECTOR_KQUEUE_DESCRIPTOR_H_
#define FARPOLL_SELECTOR_KQUEUE_DESCRIPTOR_H_

#include <sys/types.h>

#include <cstdint>

#include "selector/events.h"

namespace farpoll {

enum class DescriptorKind : std::uint8_t {
  kUnknown,
  kClosed,
  kFile,           // regular file or directory
  kPipe,           // or FIFO
  kStreamSocket,   // or sequenced packets: has an end
  kMessageSocket,  // datagrams: may be empty
  kEventfd,
  kTimerfd,
  kProcess,  // pidfd
  kQueue,    // epoll descriptor, which a kqueue is
  kOther,    // terminals, devices and the rest
};

DescriptorKind KindOf(int fd);

inline bool IsSocket(DescriptorKind kind) {
  return kind == DescriptorKind::kStreamSocket ||
         kind == DescriptorKind::kMessageSocket;
}

// What poll(2) says of `fd` now; kInvalid when it is not open.
Events PollNow(int fd, Events asked);

// An eventfd's counter, or a timerfd's expirations, by proc(5).
std::int64_t CounterOf(int fd);

// Connections that wait in a listening socket: exact for TCP; 1 for others,
// whose queue the kernel does not show. Negative: not a listening socket.
std::int64_t BacklogOf(int fd);

// Bytes that were sent and not yet taken (TCP: acknowledged); -1 when the
// kernel does not say.
std::int64_t UnsentBytes(int fd);

// Which file a number names.
struct FileIdentity {
  dev_t device = 0;
  ino_t inode = 0;

  friend bool operator==(const FileIdentity&, const FileIdentity&) = default;
};

// The identity of the file behind `fd`; all zero when it is not open.
FileIdentity IdentityOf(int fd);

// 0 when `fd` still names `file`, EBADF when it is closed, ENOENT when it names
// another file.
int CompareIdentity(int fd, const FileIdentity& file);

// Whether two numbers name one open file.
bool SameOpenFile(int a, int b);

}  // namespace farpoll

#endif  // FARPOLL_SELECTOR_KQUEUE_DESCRIPTOR_H_
