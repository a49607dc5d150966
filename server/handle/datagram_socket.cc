#include "server/handle/datagram_socket.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include "base/errno_status.h"
#include "server/handle/no_rights.h"

namespace farpoll::server {
namespace {

absl::Status ConnectTo(int socket, const Endpoint& peer) {
  const absl::StatusOr<Anchored> place = AnchorPeer(peer);
  if (!place.ok()) {
    return place.status();
  }
  if (connect(socket, place->address.get(), place->address.size()) != 0) {
    return ErrnoStatus(errno, "connect", peer.address.Text());
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Handle> MakeDatagramSocket(
    const absl::optional<Endpoint>& local,
    const absl::optional<Endpoint>& peer) {
  if (!local.has_value() && !peer.has_value()) {
    return MakeError(EINVAL, "BAD_ADDRESS", "local",
                     "a datagram socket wants a local address or a peer");
  }
  const int family =
      local.has_value() ? local->address.family() : peer->address.family();
  if (peer.has_value() && peer->address.family() != family) {
    return MakeError(EINVAL, "BAD_ADDRESS", "peer",
                     "local and peer are of different address families");
  }
  Handle handle{.kind = HandleKind::kDatagramSocket,
                .fd = UniqueFd(socket(
                    family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)),
                .socket_type = SOCK_DGRAM};
  if (!handle.fd.valid()) {
    return ErrnoStatus(errno, "socket");
  }
  const int fd = handle.fd.get();
  const int on = 1;
  if (family == AF_INET6 &&
      setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) != 0) {
    return ErrnoStatus(errno, "setsockopt");
  }
  RefuseDescriptors(fd);
  if (local.has_value()) {
    absl::StatusOr<std::unique_ptr<BoundPath>> bound = Bind(fd, *local);
    if (!bound.ok()) {
      return bound.status();
    }
    handle.bound_path = *std::move(bound);
  }
  if (peer.has_value()) {
    const absl::Status connected = ConnectTo(fd, *peer);
    if (!connected.ok()) {
      return connected;
    }
  }
  return handle;
}

}  // namespace farpoll::server
