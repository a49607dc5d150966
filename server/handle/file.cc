#include "server/handle/file.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/errno_status.h"
#include "server/handle/file_aside.h"

namespace farpoll::server {
namespace {

constexpr int kAlways = O_NONBLOCK | O_NOCTTY | O_CLOEXEC;

absl::Status Check(const FileOptions& options) {
  const bool changes = options.append || options.truncate || options.create;
  if (changes && !options.write) {
    return MakeError(EINVAL, "BAD_OPEN", "write",
                     "append, truncate and create want write");
  }
  if (options.exclusive && !options.create) {
    return MakeError(EINVAL, "BAD_OPEN", "exclusive", "exclusive wants create");
  }
  return absl::OkStatus();
}

int FlagsOf(const FileOptions& options) {
  const int access = !options.write ? O_RDONLY
                     : options.read ? O_RDWR
                                    : O_WRONLY;
  return access | (options.append ? O_APPEND : 0) |
         (options.truncate ? O_TRUNC : 0) | kAlways;
}

absl::Status CheckType(const UniqueFd& fd, const RootedPath& path) {
  struct stat status {};
  if (fstat(fd.get(), &status) != 0) {
    return ErrnoStatus(errno, "fstat", path.Text());
  }
  if (S_ISDIR(status.st_mode)) {
    return ErrnoStatus(EISDIR, "open", path.Text());
  }
  if (path.confined() && !S_ISREG(status.st_mode) &&
      !S_ISFIFO(status.st_mode)) {
    return MakeError(
        EACCES, "NOT_A_FILE", path.Text(),
        absl::StrCat("open ", path.Text(), ": neither a file nor a FIFO"));
  }
  return absl::OkStatus();
}

// Opens what is there, once it is known to be a file: opened with O_PATH a
// device does nothing, and what is held cannot be exchanged any more.
absl::StatusOr<UniqueFd> OpenExisting(const RootedPath& path, int flags) {
  const absl::StatusOr<UniqueFd> held = OpenRooted(path, O_PATH);
  if (!held.ok()) {
    return held.status();
  }
  const absl::Status good = CheckType(*held, path);
  if (!good.ok()) {
    return good;
  }
  UniqueFd fd(open(NameOfDescriptor(*held).c_str(), flags));
  if (fd.valid()) {
    return fd;
  }
  const int number = errno;
  if (number == ENXIO) {
    return MakeError(absl::StatusCode::kFailedPrecondition, ENXIO, "NO_READER",
                     path.Text(),
                     absl::StrCat("open ", path.Text(), ": nobody reads it"));
  }
  return ErrnoStatus(number, "open", path.Text());
}

absl::StatusOr<UniqueFd> OpenOrCreate(const RootedPath& path,
                                      const FileOptions& options) {
  const int flags = FlagsOf(options);
  if (!options.exclusive) {
    absl::StatusOr<UniqueFd> existing = OpenExisting(path, flags);
    if (!options.create || ErrnoOf(existing.status()) != ENOENT) {
      return existing;
    }
  }
  // EEXIST without `exclusive` means that it was made just now.
  absl::StatusOr<UniqueFd> made =
      OpenRooted(path, flags | O_CREAT | O_EXCL, S_IRUSR | S_IWUSR);
  if (!options.exclusive && ErrnoOf(made.status()) == EEXIST) {
    return OpenExisting(path, flags);
  }
  return made;
}

}  // namespace

absl::StatusOr<Handle> OpenFile(const RootedPath& path,
                                const FileOptions& options) {
  if (const absl::Status good = Check(options); !good.ok()) {
    return good;
  }
  absl::StatusOr<UniqueFd> fd = OpenOrCreate(path, options);
  if (!fd.ok()) {
    return fd.status();
  }
  Handle handle{
      .kind = HandleKind::kFile, .fd = *std::move(fd), .path = path.Text()};
  if (const absl::Status noted = NoteFileType(handle); !noted.ok()) {
    return noted;
  }
  return handle;
}

}  // namespace farpoll::server
