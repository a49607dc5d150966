// server/handle/bound_path.h: room: server/handle. The file that a Unix socket
// was bound to.
// Threads: as a plain value.
// Source: unix(7).
#ifndef FARPOLL_SERVER_HANDLE_BOUND_PATH_H_
#define FARPOLL_SERVER_HANDLE_BOUND_PATH_H_

#include <sys/types.h>

#include <string>

namespace farpoll::server {

// Removes the path when it goes, if the file there is still the one that was
// bound; what others have put in its place stays.
class BoundPath {
 public:
  // To be made right after bind(2).
  explicit BoundPath(std::string path);
  BoundPath(const BoundPath&) = delete;
  BoundPath& operator=(const BoundPath&) = delete;
  ~BoundPath();

  const std::string& path() const { return path_; }

 private:
  const std::string path_;
  dev_t device_ = 0;
  ino_t inode_ = 0;  // 0: it was gone at once
};

}  // namespace farpoll::server

#endif  // FARPOLL_SERVER_HANDLE_BOUND_PATH_H_
