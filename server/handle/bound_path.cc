#include "server/handle/bound_path.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "server/handle/rooted_path.h"

namespace farpoll::server {
namespace {

bool Look(const UniqueFd& folder, const std::string& name,
          struct stat* status) {
  return fstatat(folder.get(), name.c_str(), status, AT_SYMLINK_NOFOLLOW) == 0;
}

}  // namespace

BoundPath::BoundPath(std::string path, UniqueFd folder, std::string name)
    : path_(std::move(path)),
      folder_(std::move(folder)),
      name_(std::move(name)) {
  struct stat status {};
  was_there_ = Look(folder_, name_, &status);
}

void BoundPath::NoteFile() {
  struct stat status {};
  if (!was_there_ && Look(folder_, name_, &status) &&
      S_ISSOCK(status.st_mode)) {
    file_ = FileId(status.st_dev, status.st_ino);
  }
}

BoundPath::~BoundPath() {
  struct stat status {};
  if (file_.has_value() && Look(folder_, name_, &status) &&
      *file_ == FileId(status.st_dev, status.st_ino)) {
    unlinkat(folder_.get(), name_.c_str(), 0);
  }
}

std::string BoundPath::AnchoredPath() const {
  return absl::StrCat(NameOfDescriptor(folder_), "/", name_);
}

}  // namespace farpoll::server
