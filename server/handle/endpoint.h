// server/handle/endpoint.h: room: server/handle. A socket's address with the
// folder that a Unix path was granted in.
// Threads: pure functions over system calls; with a path, they take as long as
//   its file system does.
// Source: unix(7), openat2(2).
#ifndef FARPOLL_SERVER_HANDLE_ENDPOINT_H_
#define FARPOLL_SERVER_HANDLE_ENDPOINT_H_

#include <memory>

#include "absl/status/statusor.h"
#include "absl/types/optional.h"
#include "base/socket_address.h"
#include "base/unique_fd.h"
#include "server/handle/bound_path.h"
#include "server/handle/rooted_path.h"

namespace farpoll::server {

struct Endpoint {
  SocketAddress address;
  // Of a Unix socket with a path that may not lead out of its root.
  absl::optional<RootedPath> path;
};

// Whether using it waits for a file system: it is a Unix socket's path.
inline bool HasPath(const absl::optional<Endpoint>& endpoint) {
  return endpoint.has_value() && !endpoint->address.unix_path().empty();
}

// What to give to connect(2), sendto(2) or bind(2): the address, or for a
// confined path a name of the descriptor `anchor`, which has to outlive the
// call.
struct Anchored {
  SocketAddress address;
  UniqueFd anchor;
};

// The way to a socket that is there.
//   Errors: those of OpenRooted.
absl::StatusOr<Anchored> AnchorPeer(const Endpoint& endpoint);

// Binds `socket` to `endpoint`; a Unix path is made with mode 0600. Returns
// what removes the path again, or null when there is none.
//   Errors: FAILED_PRECONDITION (EADDRINUSE, EADDRNOTAVAIL: not an address of
//     this machine), PERMISSION_DENIED (EACCES), NOT_FOUND (ENOENT: the folder
//     is not there), RESOURCE_EXHAUSTED (EMFILE: a Unix path costs a descriptor
//     for its folder), and those of OpenRooted.
absl::StatusOr<std::unique_ptr<BoundPath>> Bind(int socket,
                                                const Endpoint& endpoint);

}  // namespace farpoll::server

#endif  // FARPOLL_SERVER_HANDLE_ENDPOINT_H_
