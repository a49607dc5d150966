#include "selector/weak_set.h"

#include <fcntl.h>
#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "base/errno_status.h"
#include "selector/hidden_fd.h"

namespace farpoll {
namespace {

// Entries taken from the kernel at a time.
constexpr std::size_t kBatch = 256;
// The kernel tells entries apart by open file and number. One that is entered
// again, perhaps after its registration's end, comes under another number.
constexpr int kMostTimes = 16;

}  // namespace

absl::StatusOr<std::unique_ptr<WeakSet>> WeakSet::Create() {
  UniqueFd epoll = Hide(UniqueFd(epoll_create1(EPOLL_CLOEXEC)));
  if (!epoll.valid()) {
    return ErrnoStatus(errno, "epoll_create1");
  }
  return std::unique_ptr<WeakSet>(new WeakSet(std::move(epoll)));
}

absl::Status WeakSet::Add(UniqueFd fd, Events events, std::uint64_t data) {
  epoll_event entry = {.events = std::uint32_t{events} | EPOLLET,
                       .data = {.u64 = data}};
  for (int times = 1;; ++times) {
    if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd.get(), &entry) == 0) {
      return absl::OkStatus();
    }
    if (errno != EEXIST || times == kMostTimes) {
      return ErrnoStatus(errno, "epoll_ctl(ADD)");
    }
    fd = UniqueFd(fcntl(fd.get(), F_DUPFD_CLOEXEC, fd.get() + 1));
    if (!fd.valid()) {
      return ErrnoStatus(errno, "fcntl(F_DUPFD_CLOEXEC)");
    }
  }
}

std::size_t WeakSet::Collect(absl::Span<Event> room) {
  std::array<epoll_event, kBatch> seen;
  std::size_t taken = 0;
  while (taken < room.size()) {
    const std::size_t most = std::min(kBatch, room.size() - taken);
    const int count =
        epoll_wait(epoll_.get(), seen.data(), static_cast<int>(most), 0);
    for (int i = 0; i < count; ++i) {
      const epoll_event& entry = seen[static_cast<std::size_t>(i)];
      room[taken++] = Event{.fd = -1,
                            .events = static_cast<Events>(entry.events),
                            .data = entry.data.u64};
    }
    if (count < static_cast<int>(most)) {
      break;
    }
  }
  return taken;
}

}  // namespace farpoll
