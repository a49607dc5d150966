// server/handle/connection.h: room: server/handle. Sockets connected to others.
// Threads: fenced by the session's lock; nothing here blocks.
// Source: connect(2), tcp(7), unix(7).
#ifndef FARPOLL_SERVER_HANDLE_CONNECTION_H_
#define FARPOLL_SERVER_HANDLE_CONNECTION_H_

#include "absl/status/statusor.h"
#include "server/handle/endpoint.h"
#include "server/handle/handle.h"

namespace farpoll::server {

// Begins to connect to `peer`. TCP goes on by itself: the handle becomes
// writable when it is established, and reports an error and a hang-up when it
// failed (socket_state.h says why).
//   Errors: those known at once: UNAVAILABLE (ECONNREFUSED, ENETUNREACH;
//   EAGAIN:
//     a Unix listener's queue is full), NOT_FOUND (ENOENT), those of
//     AnchorPeer, RESOURCE_EXHAUSTED (EMFILE, ENFILE).
absl::StatusOr<Handle> Connect(const Endpoint& peer);

}  // namespace farpoll::server

#endif  // FARPOLL_SERVER_HANDLE_CONNECTION_H_
