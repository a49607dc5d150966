#include "server/process/child_ends.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/errno_status.h"
#include "server/handle/makers.h"
#include "server/handle/no_rights.h"

namespace farpoll::server {
namespace {

constexpr int kFirstSocket = 3;  // SD_LISTEN_FDS_START
constexpr int kLastSocket = 255;

bool Asks(const ChildEndsSpec& spec, Stdio kind) {
  return spec.in == kind || spec.out == kind || spec.err == kind;
}

absl::Status BadDescriptor(int number, absl::string_view why) {
  return MakeError(EINVAL, "BAD_DESCRIPTOR", absl::StrCat("fd", number),
                   absl::StrCat("descriptor ", number, " ", why));
}

bool IsListenName(absl::string_view name) {
  return name.size() <= 255 &&
         std::all_of(name.begin(), name.end(), [](char letter) {
           return letter != ':' &&
                  !absl::ascii_iscntrl(static_cast<unsigned char>(letter));
         });
}

absl::Status CheckSockets(const ChildEndsSpec& spec) {
  std::set<int> numbers;
  for (const ChildSocket& socket : spec.sockets) {
    if (socket.number < kFirstSocket || socket.number > kLastSocket) {
      return BadDescriptor(socket.number, "is not from 3 to 255");
    }
    if (!numbers.insert(socket.number).second) {
      return BadDescriptor(socket.number, "is asked for twice");
    }
    if (!IsListenName(socket.name)) {
      return BadDescriptor(socket.number, "has a name that cannot be listed");
    }
  }
  const bool in_row =
      numbers.empty() ||
      *numbers.rbegin() == kFirstSocket + static_cast<int>(numbers.size()) - 1;
  if (spec.listen_fds && !in_row) {
    return BadDescriptor(*numbers.rbegin(),
                         "is beyond a gap: with listen_fds the sockets are 3, "
                         "4 and so on");
  }
  return absl::OkStatus();
}

// The children of most servers know nothing of EAGAIN.
absl::Status MakeBlocking(int fd) {
  const int flags = fcntl(fd, F_GETFL);
  return flags >= 0 && fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) == 0
             ? absl::OkStatus()
             : ErrnoStatus(errno, "fcntl(F_SETFL)");
}

// Puts the ends together, one after another; the first failure stays.
class Builder {
 public:
  explicit Builder(const ChildEndsSpec& spec) : spec_(spec) {}

  absl::StatusOr<ChildEnds> Build() {
    absl::Status status = MakeShared();
    status.Update(Stream(0, spec_.in, "in"));
    status.Update(Stream(1, spec_.out, "out"));
    status.Update(spec_.err == Stdio::kStdout ? Copy(2, ends_.child[1].fd.get())
                                              : Stream(2, spec_.err, "err"));
    std::vector<ChildSocket> sockets = spec_.sockets;
    std::sort(sockets.begin(), sockets.end(),
              [](const ChildSocket& a, const ChildSocket& b) {
                return a.number < b.number;
              });
    for (const ChildSocket& socket : sockets) {
      status.Update(Socket(socket));
    }
    if (!status.ok()) {
      return status;
    }
    Announce(sockets);
    return std::move(ends_);
  }

 private:
  void Give(int number, UniqueFd fd) {
    ends_.child.push_back(ChildDescriptor{number, std::move(fd)});
  }

  absl::Status Copy(int number, int fd) {
    UniqueFd copy(fcntl(fd, F_DUPFD_CLOEXEC, kFirstSocket));
    const int error = errno;
    const bool made = copy.valid();
    Give(number, std::move(copy));
    return made ? absl::OkStatus() : ErrnoStatus(error, "fcntl(F_DUPFD)");
  }

  // What several streams share.
  absl::Status MakeShared() {
    if (Asks(spec_, Stdio::kSocket)) {
      absl::StatusOr<DescriptorPair> pair = MakeSocketPair(SOCK_STREAM);
      if (!pair.ok()) {
        return pair.status();
      }
      RefuseDescriptors(pair->first.get());
      socket_ = std::move(pair->second);
      ends_.server.push_back(ServerEnd{"io", HandleKind::kSocket, SOCK_STREAM,
                                       std::move(pair->first)});
      if (const absl::Status set = MakeBlocking(socket_.get()); !set.ok()) {
        return set;
      }
    }
    if (Asks(spec_, Stdio::kPty)) {
      absl::StatusOr<DescriptorPair> pty = MakePty(spec_.terminal_size);
      if (!pty.ok()) {
        return pty.status();
      }
      terminal_ = std::move(pty->second);
      ends_.terminal = true;
      ends_.server.push_back(
          ServerEnd{"pty", HandleKind::kPty, 0, std::move(pty->first)});
    }
    return absl::OkStatus();
  }

  absl::Status Stream(int number, Stdio kind, const char* suffix) {
    switch (kind) {
      case Stdio::kSocket:
        return Copy(number, socket_.get());
      case Stdio::kPty:
        return Copy(number, terminal_.get());
      case Stdio::kPipe:
        return Pipe(number, suffix);
      case Stdio::kNull:
      case Stdio::kStdout:
        break;
    }
    UniqueFd null(open("/dev/null", O_RDWR | O_CLOEXEC));
    const int error = errno;
    const bool made = null.valid();
    Give(number, std::move(null));
    return made ? absl::OkStatus() : ErrnoStatus(error, "open", "/dev/null");
  }

  absl::Status Pipe(int number, const char* suffix) {
    absl::StatusOr<DescriptorPair> pipe = MakePipe(spec_.pipe_bytes);
    if (!pipe.ok()) {
      Give(number, UniqueFd());
      return pipe.status();
    }
    const bool reads = number == 0;
    UniqueFd& its = reads ? pipe->first : pipe->second;
    UniqueFd& ours = reads ? pipe->second : pipe->first;
    const absl::Status set = MakeBlocking(its.get());
    Give(number, std::move(its));
    ends_.server.push_back(ServerEnd{
        suffix, reads ? HandleKind::kPipeWriter : HandleKind::kPipeReader, 0,
        std::move(ours)});
    return set;
  }

  absl::Status Socket(const ChildSocket& socket) {
    absl::StatusOr<DescriptorPair> pair = MakeSocketPair(socket.type);
    if (!pair.ok()) {
      return pair.status();
    }
    RefuseDescriptors(pair->first.get());
    const absl::Status set = MakeBlocking(pair->second.get());
    Give(socket.number, std::move(pair->second));
    ends_.server.push_back(ServerEnd{absl::StrCat("fd", socket.number),
                                     HandleKind::kSocket, socket.type,
                                     std::move(pair->first)});
    return set;
  }

  void Announce(const std::vector<ChildSocket>& sockets) {
    if (!spec_.listen_fds) {
      return;
    }
    ends_.environment = {
        absl::StrCat("LISTEN_FDS=", sockets.size()),
        absl::StrCat(
            "LISTEN_FDNAMES=",
            absl::StrJoin(
                sockets, ":", [](std::string* out, const ChildSocket& s) {
                  absl::StrAppend(out, s.name.empty() ? "unknown" : s.name);
                }))};
  }

  const ChildEndsSpec& spec_;
  ChildEnds ends_;
  UniqueFd socket_;
  UniqueFd terminal_;
};

}  // namespace

absl::StatusOr<std::vector<std::string>> EndSuffixes(
    const ChildEndsSpec& spec) {
  if (spec.in == Stdio::kStdout || spec.out == Stdio::kStdout) {
    return MakeError(EINVAL, "BAD_STDIO", "input",
                     "only standard error can go where standard output goes");
  }
  if (const absl::Status good = CheckSockets(spec); !good.ok()) {
    return good;
  }
  std::vector<std::string> suffixes;
  if (Asks(spec, Stdio::kSocket)) {
    suffixes.push_back("io");
  }
  if (Asks(spec, Stdio::kPty)) {
    suffixes.push_back("pty");
  }
  if (spec.in == Stdio::kPipe) {
    suffixes.push_back("in");
  }
  if (spec.out == Stdio::kPipe) {
    suffixes.push_back("out");
  }
  if (spec.err == Stdio::kPipe) {
    suffixes.push_back("err");
  }
  for (const ChildSocket& socket : spec.sockets) {
    suffixes.push_back(absl::StrCat("fd", socket.number));
  }
  return suffixes;
}

absl::StatusOr<ChildEnds> MakeChildEnds(const ChildEndsSpec& spec) {
  const absl::StatusOr<std::vector<std::string>> good = EndSuffixes(spec);
  if (!good.ok()) {
    return good.status();
  }
  return Builder(spec).Build();
}

}  // namespace farpoll::server
