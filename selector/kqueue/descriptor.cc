#include "selector/kqueue/descriptor.h"

#include <fcntl.h>
#include <linux/kcmp.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <limits>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "base/unique_fd.h"

namespace farpoll {
namespace {

DescriptorKind SocketKind(int fd) {
  int type = 0;
  socklen_t size = sizeof(type);
  if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) != 0) {
    return DescriptorKind::kOther;
  }
  return type == SOCK_STREAM || type == SOCK_SEQPACKET
             ? DescriptorKind::kStreamSocket
             : DescriptorKind::kMessageSocket;
}

// Of a descriptor whose inode says nothing: by the name the kernel shows.
DescriptorKind AnonymousKind(int fd) {
  struct NamedKind {
    const char* name;
    DescriptorKind kind;
  };
  constexpr NamedKind kKinds[] = {
      {"anon_inode:[eventfd]", DescriptorKind::kEventfd},
      {"anon_inode:[timerfd]", DescriptorKind::kTimerfd},
      {"anon_inode:[pidfd]", DescriptorKind::kProcess},
      {"anon_inode:[eventpoll]", DescriptorKind::kQueue},
  };
  char link[64];
  const ssize_t length =
      readlink(absl::StrCat("/proc/self/fd/", fd).c_str(), link, sizeof(link));
  const absl::string_view name(
      link, static_cast<std::size_t>(std::max<ssize_t>(length, 0)));
  for (const NamedKind& entry : kKinds) {
    if (name == entry.name) {
      return entry.kind;
    }
  }
  return DescriptorKind::kOther;
}

// The small file that proc(5) shows for `fd`.
std::string FdInfo(int fd) {
  const UniqueFd file(open(absl::StrCat("/proc/self/fdinfo/", fd).c_str(),
                           O_RDONLY | O_CLOEXEC));
  char text[512];
  const ssize_t length =
      file.valid() ? read(file.get(), text, sizeof(text)) : 0;
  return std::string(text,
                     static_cast<std::size_t>(std::max<ssize_t>(length, 0)));
}

}  // namespace

DescriptorKind KindOf(int fd) {
  struct stat status = {};
  if (fstat(fd, &status) != 0) {
    return DescriptorKind::kClosed;
  }
  switch (status.st_mode & S_IFMT) {
    case S_IFREG:
    case S_IFDIR:
      return DescriptorKind::kFile;
    case S_IFIFO:
      return DescriptorKind::kPipe;
    case S_IFSOCK:
      return SocketKind(fd);
    case 0:
      return AnonymousKind(fd);
    default:
      return DescriptorKind::kOther;
  }
}

Events PollNow(int fd, Events asked) {
  pollfd entry = {.fd = fd, .events = static_cast<short>(asked), .revents = 0};
  while (poll(&entry, 1, 0) < 0 && errno == EINTR) {
  }
  return static_cast<Events>(entry.revents);
}

std::int64_t CounterOf(int fd) {
  const std::string info = FdInfo(fd);
  for (const absl::string_view line : absl::StrSplit(info, '\n')) {
    const std::pair<absl::string_view, absl::string_view> field =
        absl::StrSplit(line, absl::MaxSplits(':', 1));
    std::uint64_t count = 0;
    if ((field.first == "eventfd-count" &&
         absl::SimpleHexAtoi(field.second, &count)) ||
        (field.first == "ticks" && absl::SimpleAtoi(field.second, &count))) {
      return static_cast<std::int64_t>(std::min<std::uint64_t>(
          count, std::numeric_limits<std::int64_t>::max()));
    }
  }
  return 0;
}

std::int64_t BacklogOf(int fd) {
  int listening = 0;
  socklen_t size = sizeof(listening);
  if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) != 0 ||
      listening == 0) {
    return -1;
  }
  tcp_info info = {};
  size = sizeof(info);
  if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0) {
    return info.tcpi_unacked;
  }
  return (PollNow(fd, kIn) & kIn) != 0 ? 1 : 0;
}

std::int64_t UnsentBytes(int fd) {
  int bytes = 0;
  return ioctl(fd, SIOCOUTQ, &bytes) == 0 ? bytes : -1;
}

FileIdentity IdentityOf(int fd) {
  struct stat status = {};
  if (fstat(fd, &status) != 0) {
    return {};
  }
  return {.device = status.st_dev, .inode = status.st_ino};
}

int CompareIdentity(int fd, const FileIdentity& file) {
  struct stat status = {};
  if (fstat(fd, &status) != 0) {
    return EBADF;
  }
  return status.st_dev == file.device && status.st_ino == file.inode ? 0
                                                                     : ENOENT;
}

bool SameOpenFile(int a, int b) {
  // fcntl(2) since Linux 6.10; kcmp(2) before, where it is built in.
  constexpr int kDupfdQuery = 1024 + 3;
  const int same = fcntl(a, kDupfdQuery, b);
  if (same >= 0) {
    return same == 1;
  }
  const pid_t self = getpid();
  return errno == EINVAL && syscall(SYS_kcmp, self, self, KCMP_FILE, a, b) == 0;
}

}  // namespace farpoll
