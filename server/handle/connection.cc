#include "server/handle/connection.h"

#include <sys/socket.h>

#include <cerrno>

#include "base/errno_status.h"
#include "server/handle/no_rights.h"

namespace farpoll::server {

absl::StatusOr<Handle> Connect(const Endpoint& peer) {
  const absl::StatusOr<Anchored> place = AnchorPeer(peer);
  if (!place.ok()) {
    return place.status();
  }
  Handle handle{
      .kind = HandleKind::kConnection,
      .fd = UniqueFd(socket(peer.address.family(),
                            SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)),
      .socket_type = SOCK_STREAM};
  if (!handle.fd.valid()) {
    return ErrnoStatus(errno, "socket");
  }
  RefuseDescriptors(handle.fd.get());
  if (connect(handle.fd.get(), place->address.get(), place->address.size()) !=
          0 &&
      errno != EINPROGRESS && errno != EINTR) {
    return ErrnoStatus(errno, "connect", peer.address.Text());
  }
  return handle;
}

}  // namespace farpoll::server
