// server/handle/datagram_socket.h: room: server/handle. UDP and Unix datagram
// sockets.
// Threads: fenced by the session's lock; nothing here blocks.
// Source: udp(7), unix(7).
#ifndef FARPOLL_SERVER_HANDLE_DATAGRAM_SOCKET_H_
#define FARPOLL_SERVER_HANDLE_DATAGRAM_SOCKET_H_

#include "absl/status/statusor.h"
#include "absl/types/optional.h"
#include "server/handle/endpoint.h"
#include "server/handle/handle.h"

namespace farpoll::server {

// Makes a socket bound to `local`, connected to `peer`, or both. One that is
// only bound sends to where each Write says; one that is connected hears its
// peer alone.
//   Errors: INVALID_ARGUMENT (EINVAL, BAD_ADDRESS: neither address, or two of
//     different families), those of Bind and AnchorPeer, UNAVAILABLE
//     (ECONNREFUSED: nobody is bound to that Unix address), RESOURCE_EXHAUSTED.
absl::StatusOr<Handle> MakeDatagramSocket(const absl::optional<Endpoint>& local,
                                          const absl::optional<Endpoint>& peer);

}  // namespace farpoll::server

#endif  // FARPOLL_SERVER_HANDLE_DATAGRAM_SOCKET_H_
