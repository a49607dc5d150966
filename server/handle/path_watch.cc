#include "server/handle/path_watch.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "absl/strings/str_cat.h"
#include "base/errno_status.h"
#include "server/handle/now_io.h"

namespace farpoll::server {
namespace {

constexpr std::uint32_t kChanges = IN_MODIFY | IN_ATTRIB | IN_CLOSE_WRITE |
                                   IN_MOVE | IN_CREATE | IN_DELETE |
                                   IN_DELETE_SELF | IN_MOVE_SELF;
// Room for any one event: inotify(7).
constexpr std::size_t kOneEvent = sizeof(inotify_event) + NAME_MAX + 1;

}  // namespace

absl::StatusOr<Handle> WatchPath(const RootedPath& path, std::uint32_t events) {
  if ((events & ~static_cast<std::uint32_t>(IN_ALL_EVENTS)) != 0) {
    return MakeError(EINVAL, "BAD_EVENTS", "events",
                     "events has bits that cannot be asked for");
  }
  Handle handle{.kind = HandleKind::kWatch,
                .fd = UniqueFd(inotify_init1(IN_CLOEXEC | IN_NONBLOCK)),
                .path = path.Text()};
  if (!handle.fd.valid()) {
    return ErrnoStatus(errno, "inotify_init1");
  }
  const absl::StatusOr<UniqueFd> held = OpenRooted(path, O_PATH);
  if (!held.ok()) {
    return held.status();
  }
  if (inotify_add_watch(handle.fd.get(), NameOfDescriptor(*held).c_str(),
                        events == 0 ? kChanges : events) < 0) {
    return ErrnoStatus(errno, "inotify_add_watch", path.Text());
  }
  return handle;
}

absl::StatusOr<std::vector<PathEvent>> TakePathEvents(Handle& handle,
                                                      std::size_t max_bytes) {
  std::string buffer(std::max(max_bytes, kOneEvent), '\0');
  const ssize_t got = ReadNow(handle.fd.get(), buffer.data(), buffer.size());
  std::vector<PathEvent> events;
  if (got < 0) {
    const int number = errno;
    if (number == EAGAIN || number == EINTR) {
      return events;
    }
    return ErrnoStatus(number, "read", handle.Text());
  }
  for (std::size_t at = 0; at < static_cast<std::size_t>(got);) {
    inotify_event event;
    memcpy(&event, buffer.data() + at, sizeof(event));
    at += sizeof(event);
    // The name is filled up with NULs.
    events.push_back(
        PathEvent{.bits = event.mask,
                  .cookie = event.cookie,
                  .name = event.len == 0 ? "" : buffer.c_str() + at});
    at += event.len;
  }
  return events;
}

}  // namespace farpoll::server
