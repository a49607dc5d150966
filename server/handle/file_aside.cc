#include "server/handle/file_aside.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <memory>
#include <utility>

#include "base/errno_status.h"

namespace farpoll::server {
namespace {

// Of file systems that the kernel answers for by itself, from memory or a local
// disk; linux/magic.h lacks some.
constexpr unsigned long kOwnFileSystems[] = {
    EXT4_SUPER_MAGIC,    XFS_SUPER_MAGIC,      BTRFS_SUPER_MAGIC,
    TMPFS_MAGIC,         RAMFS_MAGIC,          HUGETLBFS_MAGIC,
    PROC_SUPER_MAGIC,    SYSFS_MAGIC,          OVERLAYFS_SUPER_MAGIC,
    SQUASHFS_MAGIC,      CGROUP_SUPER_MAGIC,   CGROUP2_SUPER_MAGIC,
    DEBUGFS_MAGIC,       TRACEFS_MAGIC,        SECURITYFS_MAGIC,
    F2FS_SUPER_MAGIC,    MSDOS_SUPER_MAGIC,    ISOFS_SUPER_MAGIC,
    EFIVARFS_MAGIC,      EROFS_SUPER_MAGIC_V1, BPF_FS_MAGIC,
    DEVPTS_SUPER_MAGIC,  PIPEFS_MAGIC,         SOCKFS_MAGIC,
    ANON_INODE_FS_MAGIC, 0x2fc12fc1 /* ZFS */,
};

bool MayHang(const struct statfs& status) {
  return std::find(std::begin(kOwnFileSystems), std::end(kOwnFileSystems),
                   static_cast<unsigned long>(status.f_type)) ==
         std::end(kOwnFileSystems);
}

// Closes nothing: the descriptor is borrowed.
class NoCloser final : public FdCloser {
 public:
  void Close(UniqueFd fd) override { (void)fd.Release(); }
};

FilePlace FilePlaceOf(int fd) {
  struct stat status {};
  return fstat(fd, &status) != 0
             ? FilePlace{}
             : FilePlace{S_ISREG(status.st_mode) ? status.st_size : 0,
                         std::max<off_t>(0, lseek(fd, 0, SEEK_CUR))};
}

// Of what fstat(2) says that it has this mode.
bool NeedsStandIn(int fd, mode_t mode) {
  if (!S_ISREG(mode) && !S_ISDIR(mode)) {
    return false;
  }
  struct statfs file_system {};
  return fstatfs(fd, &file_system) != 0 || MayHang(file_system);
}

}  // namespace

bool NeedsStandIn(int fd) {
  struct stat status {};
  return fstat(fd, &status) == 0 && NeedsStandIn(fd, status.st_mode);
}

absl::Status NoteFileType(Handle& handle) {
  struct stat status {};
  if (fstat(handle.fd.get(), &status) != 0) {
    return ErrnoStatus(errno, "fstat", handle.Text());
  }
  handle.file_type = status.st_mode & S_IFMT;
  if (!NeedsStandIn(handle.fd.get(), status.st_mode)) {
    return absl::OkStatus();
  }
  UniqueFd stand_in(memfd_create("farpoll-stand-in", MFD_CLOEXEC));
  if (!stand_in.valid()) {
    return ErrnoStatus(errno, "memfd_create", handle.Text());
  }
  const FilePlace place = FilePlaceOf(handle.fd.get());
  handle.far_file = std::make_shared<const UniqueFd>(handle.fd.Take());
  handle.fd = std::move(stand_in);
  MoveStandIn(handle, place);
  return absl::OkStatus();
}

absl::StatusOr<Handle> HandleAside(const Handle& handle) {
  static NoCloser no_closer;
  Handle aside{.id = handle.id, .name = handle.name, .kind = handle.kind};
  aside.file_type = handle.file_type;
  aside.far_file = handle.far_file;
  aside.socket_type = handle.socket_type;
  aside.socket_error = handle.socket_error;
  aside.error_is_due = handle.error_is_due;
  if (handle.far_file != nullptr) {
    // Not a copy: closing one may hang like anything else.
    aside.fd = HandleFd(UniqueFd(handle.far_file->get()));
    aside.fd.CloseBy(&no_closer);
    return aside;
  }
  aside.fd = UniqueFd(fcntl(handle.fd.get(), F_DUPFD_CLOEXEC, 0));
  if (!aside.fd.valid()) {
    return ErrnoStatus(errno, "fcntl(F_DUPFD_CLOEXEC)");
  }
  return aside;
}

FilePlace FilePlaceOf(const Handle& aside) {
  return aside.far_file != nullptr ? FilePlaceOf(aside.fd.get()) : FilePlace{};
}

void MoveStandIn(Handle& handle, const FilePlace& place) {
  if (handle.far_file != nullptr && place.size >= 0) {
    (void)!ftruncate(handle.fd.get(), place.size);
    (void)lseek(handle.fd.get(), place.position, SEEK_SET);
  }
}

}  // namespace farpoll::server
