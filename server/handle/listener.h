// server/handle/listener.h: room: server/handle. Sockets that others connect
// to.
// Threads: fenced by the session's lock; nothing here blocks.
// Source: listen(2), accept(2), ip(7), unix(7).
#ifndef FARPOLL_SERVER_HANDLE_LISTENER_H_
#define FARPOLL_SERVER_HANDLE_LISTENER_H_

#include "absl/status/statusor.h"
#include "server/handle/endpoint.h"
#include "server/handle/handle.h"

namespace farpoll::server {

// Listens on `endpoint`. A TCP port is never shared with another listener, an
// IPv6 address takes IPv6 only, and a Unix path is made for this user alone and
// removed with the handle.
//   Errors: those of Bind; RESOURCE_EXHAUSTED (EMFILE, ENFILE).
absl::StatusOr<Handle> Listen(const Endpoint& endpoint, int backlog);

// The connection that has waited longest.
//   Errors: UNAVAILABLE (EAGAIN: nobody waits), FAILED_PRECONDITION (EBADF,
//     reason NOT_A_LISTENER), RESOURCE_EXHAUSTED (EMFILE, ENFILE; the
//     connection goes on waiting).
absl::StatusOr<Handle> Accept(Handle& listener);

}  // namespace farpoll::server

#endif  // FARPOLL_SERVER_HANDLE_LISTENER_H_
