// selector/hidden_fd.h: room: selector. Where the library keeps descriptors of
// its own: out of the way of the program's numbers.
// Threads: pure but for the kernel's table of descriptors.
// Source: open(2): a new descriptor has the lowest free number.
#ifndef FARPOLL_SELECTOR_HIDDEN_FD_H_
#define FARPOLL_SELECTOR_HIDDEN_FD_H_

#include <fcntl.h>
#include <sys/resource.h>

#include <algorithm>
#include <utility>

#include "base/unique_fd.h"

namespace farpoll {

// The lowest number of a hidden descriptor, where the limit allows it. Programs
// close, reuse and expect low numbers, and select(2) ends at 1024.
inline constexpr rlim_t kLowestHiddenNumber = 512;

// `fd` under a high number; under its own when there is no high one left. The
// caller does so before anything is told the number. errno is kept.
inline UniqueFd Hide(UniqueFd fd) {
  rlimit limit = {};
  if (!fd.valid() || getrlimit(RLIMIT_NOFILE, &limit) != 0) {
    return fd;
  }
  const auto lowest =
      static_cast<int>(std::min(kLowestHiddenNumber, limit.rlim_cur / 2));
  if (fd.get() >= lowest) {
    return fd;
  }
  UniqueFd high(fcntl(fd.get(), F_DUPFD_CLOEXEC, lowest));
  return high.valid() ? std::move(high) : std::move(fd);
}

}  // namespace farpoll

#endif  // FARPOLL_SELECTOR_HIDDEN_FD_H_
