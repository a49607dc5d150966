// EVFILT_READ: bytes, connections or counts that wait to be read.
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <memory>

#include "selector/kqueue/descriptor.h"
#include "selector/kqueue/filters/filters.h"
#include "selector/kqueue/filters/socket_error.h"

namespace farpoll {
namespace {

// A file that epoll refuses.
struct FileState final : FilterState {
  FileIdentity file;
  // Regular file or directory: it has a size. Else a device, always ready.
  bool sized = false;
};

const FileState& StateOf(const Knote& knote) {
  return static_cast<const FileState&>(*knote.state);
}

class Read final : public Filter {
 public:
  bool IdentIsDescriptor() const override { return true; }

  int Attach(Knote& knote, FilterHost& host) const override {
    const int error = host.Watch(knote, knote.fd(), kIn | kReadHangup);
    if (error != EPERM) {
      return error;
    }
    auto state = std::make_unique<FileState>();
    state->file = IdentityOf(knote.fd());
    state->sized = KindOf(knote.fd()) == DescriptorKind::kFile;
    knote.state = std::move(state);
    return WatchGrowth(knote, host);
  }

  void Detach(Knote& knote, FilterHost& host) const override {
    if (knote.state != nullptr) {
      host.UnwatchFile(knote);
    }
  }

  int Touch(Knote& knote, const Kevent& change,
            FilterHost& host) const override {
    Filter::Touch(knote, change, host);
    return knote.state != nullptr ? WatchGrowth(knote, host) : 0;
  }

  int Verify(const Knote& knote) const override {
    return CompareIdentity(knote.fd(), StateOf(knote).file);
  }

  void FileChanged(Knote& knote, std::uint32_t /*mask*/,
                   FilterHost& host) const override {
    if (SampleFile(knote)) {
      host.Activate(knote);
    }
  }

  bool Sample(Knote& knote, Events seen, FilterHost& host) const override {
    if (knote.state != nullptr) {
      return SampleFile(knote);
    }
    knote.event.flags &= ~ev::kEof;
    knote.event.fflags = 0;
    int bytes = 0;
    const bool counted = ioctl(knote.fd(), FIONREAD, &bytes) == 0;
    if (!counted && errno == EBADF) {
      return false;  // closed: what was seen is a copy's
    }
    knote.event.data = bytes;
    if (counted && bytes > 0 &&
        (seen & (kReadHangup | kHangup | kError)) == 0) {
      return EnoughFor(knote);
    }
    if (knote.kind == DescriptorKind::kUnknown) {
      knote.kind = KindOf(knote.fd());
    }
    if (!counted) {
      return SampleUncounted(knote, seen, host);
    }
    return SampleEnd(knote, seen, host);
  }

 private:
  // Growth, and all that makes 4.4BSD look at the file again.
  static int WatchGrowth(Knote& knote, FilterHost& host) {
    if (!StateOf(knote).sized || (knote.asked_fflags & note::kFilePoll) != 0) {
      return 0;
    }
    return host.WatchFile(knote, IN_MODIFY | IN_ATTRIB | IN_MOVE_SELF);
  }

  static bool SampleFile(Knote& knote) {
    const FileState& state = StateOf(knote);
    knote.event.data = 0;
    if (!state.sized) {
      return true;
    }
    struct stat status = {};
    const off_t offset = lseek(knote.fd(), 0, SEEK_CUR);
    if (offset < 0 || fstat(knote.fd(), &status) != 0 ||
        FileIdentity{status.st_dev, status.st_ino} != state.file) {
      return false;
    }
    knote.event.data = status.st_size - offset;
    return knote.event.data != 0 || (knote.asked_fflags & note::kFilePoll) != 0;
  }

  static bool EnoughFor(const Knote& knote) {
    return (knote.asked_fflags & note::kLowWater) == 0 ||
           knote.event.data >= knote.asked_data;
  }

  // Descriptors that do not speak of bytes.
  static bool SampleUncounted(Knote& knote, Events seen, FilterHost& host) {
    switch (knote.kind) {
      case DescriptorKind::kClosed:
        return false;
      case DescriptorKind::kEventfd:
      case DescriptorKind::kTimerfd:
        knote.event.data = CounterOf(knote.fd());
        return knote.event.data > 0;
      case DescriptorKind::kStreamSocket:
        knote.event.data = BacklogOf(knote.fd());
        if (knote.event.data >= 0) {
          return knote.event.data > 0;
        }
        break;
      default:
        break;
    }
    // How much is not known, but that something is.
    knote.event.data = (seen & kIn) != 0 ? 1 : 0;
    return SampleEnd(knote, seen, host);
  }

  // No bytes, or the end, or an error.
  static bool SampleEnd(Knote& knote, Events seen, FilterHost& host) {
    if (knote.kind == DescriptorKind::kStreamSocket) {
      // HUP alone is a socket that was never connected.
      if ((seen & (kIn | kReadHangup | kError)) == 0) {
        return false;
      }
      if ((seen & (kReadHangup | kHangup)) != 0) {
        knote.event.flags |= ev::kEof;
        knote.event.fflags = SocketErrorOf(knote, seen, host);
        return true;
      }
    } else if ((seen & kHangup) != 0) {
      knote.event.flags |= ev::kEof;
      return true;
    }
    const bool empty_is_silent = knote.kind == DescriptorKind::kStreamSocket ||
                                 knote.kind == DescriptorKind::kPipe;
    if (knote.event.data == 0 && (seen & kError) == 0 && empty_is_silent) {
      return false;  // somebody took it since
    }
    // An error is told whatever the mark.
    return (seen & kError) != 0 || ((seen & kIn) != 0 && EnoughFor(knote));
  }
};

}  // namespace

const Filter& ReadFilter() {
  static const Read filter;
  return filter;
}

}  // namespace farpoll
