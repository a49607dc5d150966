// server/handle/bound_path.h: room: server/handle. The file that a Unix socket
// is bound to.
// Threads: as a plain value.
// Source: unix(7), unlinkat(2).
#ifndef FARPOLL_SERVER_HANDLE_BOUND_PATH_H_
#define FARPOLL_SERVER_HANDLE_BOUND_PATH_H_

#include <sys/types.h>

#include <string>
#include <utility>

#include "absl/types/optional.h"
#include "base/unique_fd.h"

namespace farpoll::server {

// Removes the file when it goes, if the file there is still the one that was
// bound; what others have put in its place stays.
//
// It holds the folder itself and never walks the path a second time: whoever
// renames a folder on the way, or puts a link there, leads it nowhere. The
// folder costs one descriptor.
class BoundPath {
 public:
  // To be made before bind(2). The file will be `name` in `folder`, an O_PATH
  // descriptor; `path` is what people call it.
  BoundPath(std::string path, UniqueFd folder, std::string name);
  BoundPath(const BoundPath&) = delete;
  BoundPath& operator=(const BoundPath&) = delete;
  // Before the socket is closed: while it is open, no other file can have the
  // same number.
  ~BoundPath();

  // To be called right after bind(2). The file that is there now and was not
  // there before is the socket's. If bind(2) walked a path and was led into
  // another folder, there is none, and nothing is removed.
  void NoteFile();

  const std::string& path() const { return path_; }
  // "/proc/self/fd/N/NAME": the file by the descriptor of its folder.
  std::string AnchoredPath() const;

 private:
  // Device and inode.
  using FileId = std::pair<dev_t, ino_t>;

  const std::string path_;
  const UniqueFd folder_;
  const std::string name_;
  bool was_there_ = false;
  absl::optional<FileId> file_;
};

}  // namespace farpoll::server

#endif  // FARPOLL_SERVER_HANDLE_BOUND_PATH_H_
