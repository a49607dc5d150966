#include "selector/pollable_view.h"

#include <sys/epoll.h>

#include <cerrno>

#include "base/errno_status.h"

namespace farpoll {

absl::StatusOr<UniqueFd> PollableView(int fd) {
  UniqueFd view(epoll_create1(EPOLL_CLOEXEC));
  if (!view.valid()) {
    return ErrnoStatus(errno, "epoll_create1");
  }
  epoll_event entry = {.events = EPOLLIN, .data = {.u64 = 0}};
  if (epoll_ctl(view.get(), EPOLL_CTL_ADD, fd, &entry) != 0) {
    return ErrnoStatus(errno, "epoll_ctl(ADD)");
  }
  return view;
}

}  // namespace farpoll
