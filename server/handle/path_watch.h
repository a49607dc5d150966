// server/handle/path_watch.h: room: server/handle. Watching a file or a folder.
// Threads: WatchPath: one that may block. TakePathEvents: fenced by the
//   session's lock, and does not block.
// Source: inotify(7).
#ifndef FARPOLL_SERVER_HANDLE_PATH_WATCH_H_
#define FARPOLL_SERVER_HANDLE_PATH_WATCH_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/handle/handle.h"
#include "server/handle/rooted_path.h"

namespace farpoll::server {

// What happened; bits are those of inotify(7).
struct PathEvent {
  std::uint32_t bits = 0;
  std::uint32_t cookie = 0;  // the same in both halves of a rename
  std::string name;          // within the folder; empty for the path itself
};

// Watches `path` for `events`, a sum of IN_ALL_EVENTS's; 0 means every change
// and no mere access. A folder's entries are watched, not what is below them.
//   Errors: those of OpenRooted; INVALID_ARGUMENT (EINVAL, BAD_EVENTS);
//     RESOURCE_EXHAUSTED (EMFILE: also fs.inotify.max_user_instances; ENOSPC:
//     max_user_watches).
absl::StatusOr<Handle> WatchPath(const RootedPath& path, std::uint32_t events);

// Takes what has happened, as many events as `max_bytes` hold in the kernel's
// form, but at least one; none when nothing has.
absl::StatusOr<std::vector<PathEvent>> TakePathEvents(Handle& handle,
                                                      std::size_t max_bytes);

}  // namespace farpoll::server

#endif  // FARPOLL_SERVER_HANDLE_PATH_WATCH_H_
