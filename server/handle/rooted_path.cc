#include "server/handle/rooted_path.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "base/errno_status.h"

namespace farpoll::server {
namespace {

// glibc 2.36 has no wrapper.
int OpenAt2(int folder, const std::string& path, const open_how& how) {
  return static_cast<int>(
      syscall(SYS_openat2, folder, path.c_str(), &how, sizeof(how)));
}

absl::Status OpenError(int number, const RootedPath& path) {
  if (path.confined() && (number == EXDEV || number == ELOOP)) {
    return MakeError(
        absl::StatusCode::kPermissionDenied, number, "PATH_ESCAPES",
        path.Text(),
        absl::StrCat("open ", path.Text(),
                     number == EXDEV ? ": it leads out of "
                                     : ": a symbolic link is on the way in ",
                     path.root));
  }
  return ErrnoStatus(number, "open", path.Text());
}

}  // namespace

std::string RootedPath::Text() const {
  if (relative == ".") {
    return root;
  }
  return absl::StrCat(confined() ? root : "", "/", relative);
}

absl::StatusOr<UniqueFd> OpenRooted(const RootedPath& path, int flags,
                                    mode_t mode) {
  // openat2(2) refuses a mode where no file is made.
  open_how how{.flags = static_cast<std::uint64_t>(flags) | O_CLOEXEC,
               .mode = (flags & O_CREAT) != 0 ? mode : 0,
               .resolve = 0};
  UniqueFd root;
  if (path.confined()) {
    root.Reset(open(path.root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!root.valid()) {
      return ErrnoStatus(errno, "open", path.root);
    }
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  }
  UniqueFd fd(
      OpenAt2(root.get(), path.confined() ? path.relative : path.Text(), how));
  if (!fd.valid()) {
    return OpenError(errno, path);
  }
  return fd;
}

std::string NameOfDescriptor(const UniqueFd& fd) {
  return absl::StrCat("/proc/self/fd/", fd.get());
}

}  // namespace farpoll::server
