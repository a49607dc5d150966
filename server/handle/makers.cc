#include "server/handle/makers.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "base/errno_status.h"

namespace farpoll::server {

absl::StatusOr<DescriptorPair> MakePipe(std::int64_t capacity_bytes) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) {
    return ErrnoStatus(errno, "pipe2");
  }
  DescriptorPair pipe{UniqueFd(ends[0]), UniqueFd(ends[1])};
  if (capacity_bytes > 0 && fcntl(pipe.first.get(), F_SETPIPE_SZ,
                                  static_cast<int>(capacity_bytes)) < 0) {
    return ErrnoStatus(errno, "fcntl(F_SETPIPE_SZ)");
  }
  return pipe;
}

absl::StatusOr<DescriptorPair> MakeSocketPair(int type) {
  int ends[2];
  if (socketpair(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0) {
    return ErrnoStatus(errno, "socketpair");
  }
  return DescriptorPair{UniqueFd(ends[0]), UniqueFd(ends[1])};
}

}  // namespace farpoll::server
