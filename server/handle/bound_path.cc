#include "server/handle/bound_path.h"

#include <sys/stat.h>
#include <unistd.h>

#include <utility>

namespace farpoll::server {

BoundPath::BoundPath(std::string path) : path_(std::move(path)) {
  struct stat status {};
  if (lstat(path_.c_str(), &status) == 0) {
    device_ = status.st_dev;
    inode_ = status.st_ino;
  }
}

BoundPath::~BoundPath() {
  struct stat status {};
  if (lstat(path_.c_str(), &status) == 0 && status.st_dev == device_ &&
      status.st_ino == inode_) {
    unlink(path_.c_str());
  }
}

}  // namespace farpoll::server
