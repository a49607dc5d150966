#include "server/handle/listener.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/errno_status.h"
#include "server/handle/no_rights.h"

namespace farpoll::server {

absl::StatusOr<Handle> Listen(const Endpoint& endpoint, int backlog) {
  const int family = endpoint.address.family();
  Handle handle{.kind = HandleKind::kListener,
                .fd = UniqueFd(socket(
                    family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)),
                .socket_type = SOCK_STREAM};
  if (!handle.fd.valid()) {
    return ErrnoStatus(errno, "socket");
  }
  const int fd = handle.fd.get();
  const int on = 1;
  // SO_REUSEADDR only forgives connections that are over; two listeners on one
  // port would need SO_REUSEPORT.
  if ((family != AF_UNIX &&
       setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0) ||
      (family == AF_INET6 &&
       setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) != 0)) {
    return ErrnoStatus(errno, "setsockopt");
  }
  RefuseDescriptors(fd);  // its connections take after it
  absl::StatusOr<std::unique_ptr<BoundPath>> bound = Bind(fd, endpoint);
  if (!bound.ok()) {
    return bound.status();
  }
  handle.bound_path = *std::move(bound);
  if (listen(fd, backlog) != 0) {
    return ErrnoStatus(errno, "listen", endpoint.address.Text());
  }
  return handle;
}

absl::StatusOr<Handle> Accept(Handle& listener) {
  if (listener.kind != HandleKind::kListener) {
    return MakeError(EBADF, "NOT_A_LISTENER", listener.Text(),
                     absl::StrCat(listener.Text(), " is no listener"));
  }
  int fd = -1;
  // accept(2): what went wrong with a connection meanwhile is not the
  // listener's error; the next one may be good.
  do {
    fd = accept4(listener.fd.get(), nullptr, nullptr,
                 SOCK_CLOEXEC | SOCK_NONBLOCK);
  } while (fd < 0 && (errno == EINTR || errno == ECONNABORTED));
  if (fd < 0) {
    return ErrnoStatus(errno, "accept", listener.Text());
  }
  return Handle{.kind = HandleKind::kConnection,
                .fd = UniqueFd(fd),
                .socket_type = SOCK_STREAM};
}

}  // namespace farpoll::server
