#include "server/handle/passed.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/errno_status.h"
#include "server/handle/file_aside.h"

namespace farpoll::server {
namespace {

// Whether opening the file anew gives the same file: true of pipes and of a
// terminal's own side, while a terminal's master would become another one's.
bool CanReopen(int fd) {
  struct stat status {};
  if (fstat(fd, &status) != 0) {
    return false;
  }
  unsigned int number = 0;
  return S_ISFIFO(status.st_mode) ||
         (S_ISCHR(status.st_mode) && isatty(fd) == 1 &&
          ioctl(fd, TIOCGPTN, &number) != 0);
}

int SocketTypeOf(int fd) {
  int type = 0;
  socklen_t size = sizeof(type);
  return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 ? type : 0;
}

}  // namespace

absl::StatusOr<Handle> TakePassed(UniqueFd fd) {
  const int flags = fcntl(fd.get(), F_GETFL);
  if (flags < 0 || (flags & O_PATH) != 0) {
    return MakeError(EBADF, "PATH_ONLY", "descriptor",
                     "an O_PATH descriptor is never ready");
  }
  // Also where it does not block now: its giver could change that.
  UniqueFd again(
      CanReopen(fd.get())
          ? open(absl::StrCat("/proc/self/fd/", fd.get()).c_str(),
                 (flags & O_ACCMODE) | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)
          : -1);
  if (again.valid()) {
    fd = std::move(again);
  } else if ((flags & O_NONBLOCK) == 0 &&
             fcntl(fd.get(), F_SETFL, flags | O_NONBLOCK) != 0) {
    return ErrnoStatus(errno, "fcntl(F_SETFL)");
  }
  Handle handle;
  handle.kind = HandleKind::kPassed;
  handle.socket_type = SocketTypeOf(fd.get());
  handle.fd = std::move(fd);
  if (const absl::Status noted = NoteFileType(handle); !noted.ok()) {
    return noted;
  }
  return handle;
}

absl::StatusOr<UniqueFd> DuplicateFd(int fd) {
  UniqueFd copy(fcntl(fd, F_DUPFD_CLOEXEC, 0));
  if (!copy.valid()) {
    return ErrnoStatus(errno, "fcntl(F_DUPFD_CLOEXEC)");
  }
  return copy;
}

}  // namespace farpoll::server
