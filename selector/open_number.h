// selector/open_number.h: room: selector. Whether a number is open: epoll and
// poll(2) say EBADF and NVAL of O_PATH descriptors too, which are.
// Threads: pure but for the kernel's table of descriptors.
#ifndef FARPOLL_SELECTOR_OPEN_NUMBER_H_
#define FARPOLL_SELECTOR_OPEN_NUMBER_H_

#include <fcntl.h>

#include <cerrno>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/errno_status.h"

namespace farpoll {

//   Errors: FAILED_PRECONDITION (EBADF).
inline absl::Status CheckOpen(int fd) {
  if (fcntl(fd, F_GETFD) >= 0) {
    return absl::OkStatus();
  }
  return ErrnoStatus(errno, "fcntl(F_GETFD)", absl::StrCat("descriptor ", fd));
}

}  // namespace farpoll

#endif  // FARPOLL_SELECTOR_OPEN_NUMBER_H_
