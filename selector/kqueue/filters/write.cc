// EVFILT_WRITE: room to write.
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "selector/kqueue/descriptor.h"
#include "selector/kqueue/filters/filters.h"
#include "selector/kqueue/filters/socket_error.h"
#include "selector/open_number.h"

namespace farpoll {
namespace {

// Bytes that fit into a socket's send buffer; negative: `fd` is no socket.
std::int64_t SocketSpace(int fd) {
  int size = 0;
  socklen_t length = sizeof(size);
  if (getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, &length) != 0) {
    return -1;
  }
  return std::max<std::int64_t>(
      size - std::max<std::int64_t>(UnsentBytes(fd), 0), 0);
}

// Bytes that fit into a pipe: an estimate, since each write may take a page.
// Negative: `fd` is no pipe.
std::int64_t PipeSpace(int fd) {
  int queued = 0;
  const int size = fcntl(fd, F_GETPIPE_SZ);
  return size < 0 || ioctl(fd, FIONREAD, &queued) != 0 ? -1 : size - queued;
}

class Write final : public Filter {
 public:
  bool IdentIsDescriptor() const override { return true; }

  int Attach(Knote& knote, FilterHost& host) const override {
    knote.kind = KindOf(knote.fd());
    if (knote.kind == DescriptorKind::kQueue) {
      return EINVAL;
    }
    if (knote.kind == DescriptorKind::kPipe &&
        (PollNow(knote.fd(), kOut) & kError) != 0) {
      return EPIPE;
    }
    const int error = host.Watch(knote, knote.fd(), kOut);
    if (error != EPERM) {
      return error;
    }
    knote.state = std::make_unique<FileState>(IdentityOf(knote.fd()));
    return 0;
  }

  int Verify(const Knote& knote) const override {
    return CompareIdentity(knote.fd(),
                           static_cast<const FileState&>(*knote.state).file);
  }

  bool Sample(Knote& knote, Events seen, FilterHost& host) const override {
    knote.event.flags &= ~ev::kEof;
    knote.event.fflags = 0;
    knote.event.data = 0;
    if (knote.state != nullptr) {
      return Verify(knote) == 0;
    }
    if (IsSocket(knote.kind)) {
      return SampleSocket(knote, seen, host);
    }
    if (knote.kind == DescriptorKind::kPipe) {
      return SamplePipe(knote, seen, host);
    }
    return (seen & (kOut | kError | kHangup)) != 0 &&
           CheckOpen(knote.fd()).ok();
  }

 private:
  // A file that epoll refuses is always ready.
  struct FileState final : FilterState {
    explicit FileState(FileIdentity identity) : file(identity) {}
    FileIdentity file;
  };

  static bool SampleSocket(Knote& knote, Events seen, FilterHost& host) {
    if (knote.kind == DescriptorKind::kStreamSocket &&
        (seen & (kHangup | kError)) != 0) {
      // HUP without an end of input is a socket that was never connected.
      const Events input = PollNow(knote.fd(), kIn | kReadHangup);
      if ((input & (kIn | kReadHangup)) == 0) {
        return false;
      }
      knote.event.flags |= ev::kEof;
      knote.event.fflags = SocketErrorOf(knote, seen, host);
      return true;
    }
    if (!TakeSpace(knote, SocketSpace(knote.fd()))) {
      return false;
    }
    // An error is told whatever the mark.
    return (seen & kError) != 0 ||
           ((seen & kOut) != 0 && EnoughFor(knote, host));
  }

  static bool SamplePipe(Knote& knote, Events seen, FilterHost& host) {
    const bool named = TakeSpace(knote, PipeSpace(knote.fd()));
    if ((seen & kError) != 0) {
      knote.event.data = 0;
      knote.event.flags |= ev::kEof;
      return named;
    }
    return named && (seen & kOut) != 0 && EnoughFor(knote, host);
  }

  // Notes the room there is. False: the number was closed, or names a file of
  // another kind, and what was seen is a copy's.
  static bool TakeSpace(Knote& knote, std::int64_t space) {
    knote.event.data = std::max<std::int64_t>(space, 0);
    return space >= 0;
  }

  // The kernel has a mark of its own; a higher one is watched by the clock.
  static bool EnoughFor(Knote& knote, FilterHost& host) {
    if ((knote.asked_fflags & note::kLowWater) == 0 ||
        knote.event.data >= knote.asked_data) {
      return true;
    }
    host.Recheck(knote);
    return false;
  }
};

}  // namespace

const Filter& WriteFilter() {
  static const Write filter;
  return filter;
}

}  // namespace farpoll
