#include "server/handle/now_io.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace farpoll::server {
namespace {

// After a call that failed with `number` because it may not wait: whether the
// plain one is to be tried.
bool TryPlain(int fd, short events, int number) {
  pollfd entry{.fd = fd, .events = events, .revents = 0};
  if (number != EOPNOTSUPP || poll(&entry, 1, 0) != 1) {
    return false;
  }
  // Readiness may be over by then, or too little for what is to be written.
  const int flags = fcntl(fd, F_GETFL);
  return (flags & O_NONBLOCK) != 0 ||
         fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0;
}

ssize_t Failed(int number) {
  errno = number == EOPNOTSUPP ? EAGAIN : number;
  return -1;
}

}  // namespace

ssize_t ReadNow(int fd, void* data, std::size_t size) {
  const iovec room{.iov_base = data, .iov_len = size};
  const ssize_t got = preadv2(fd, &room, 1, -1, RWF_NOWAIT);
  if (got >= 0) {
    return got;
  }
  const int number = errno;
  return TryPlain(fd, POLLIN, number) ? read(fd, data, size) : Failed(number);
}

ssize_t WriteNow(int fd, const void* data, std::size_t size, bool is_fifo) {
  const iovec content{.iov_base = const_cast<void*>(data), .iov_len = size};
  const ssize_t put = pwritev2(fd, &content, 1, -1, RWF_NOWAIT);
  if (put >= 0) {
    return put;
  }
  const int number = errno;
  if (!TryPlain(fd, POLLOUT, number)) {
    return Failed(number);
  }
  // A FIFO that is ready has room for so much; more could wait.
  return write(fd, data,
               is_fifo ? std::min(size, std::size_t{PIPE_BUF}) : size);
}

}  // namespace farpoll::server
