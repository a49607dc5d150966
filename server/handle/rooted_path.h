// server/handle/rooted_path.h: room: server/handle. A path that must not lead
// out of the folder it was granted in.
// Threads: pure functions over system calls; on a slow file system they take as
//   long as it does.
// Source: openat2(2).
#ifndef FARPOLL_SERVER_HANDLE_ROOTED_PATH_H_
#define FARPOLL_SERVER_HANDLE_ROOTED_PATH_H_

#include <sys/types.h>

#include <string>

#include "absl/status/statusor.h"
#include "base/unique_fd.h"

namespace farpoll::server {

struct RootedPath {
  // Absolute. "/": the whole tree is granted, and links may lead anywhere.
  std::string root;
  // What is meant beneath it; "." for the root itself.
  std::string relative;

  bool confined() const { return root != "/"; }
  // The two put together.
  std::string Text() const;
};

// open(2) of `path`, close-on-exec. Beneath a root no symbolic link is followed
// and ".." does not lead out, whoever renames what meanwhile.
//   Errors: PERMISSION_DENIED (reason PATH_ESCAPES; EXDEV: it leads out of the
//     root, ELOOP: over a symbolic link), and those of openat2(2): NOT_FOUND
//     (ENOENT), PERMISSION_DENIED (EACCES), FAILED_PRECONDITION (ENOTDIR),
//     ALREADY_EXISTS (EEXIST), RESOURCE_EXHAUSTED (EMFILE, ENFILE).
absl::StatusOr<UniqueFd> OpenRooted(const RootedPath& path, int flags,
                                    mode_t mode = 0);

// "/proc/self/fd/N": a name for what an O_PATH descriptor holds that nobody can
// lead elsewhere, for calls that take names only.
std::string NameOfDescriptor(const UniqueFd& fd);

}  // namespace farpoll::server

#endif  // FARPOLL_SERVER_HANDLE_ROOTED_PATH_H_
