// server/handle/socket_state.h: room: server/handle. What can be known of a
// socket without taking anything from it, and its error.
// Threads: fenced by the session's lock.
// Source: socket(7), SO_ERROR; getsockname(2), getpeername(2).
#ifndef FARPOLL_SERVER_HANDLE_SOCKET_STATE_H_
#define FARPOLL_SERVER_HANDLE_SOCKET_STATE_H_

#include <string>

#include "server/handle/handle.h"

namespace farpoll::server {

struct SocketState {
  enum class Phase {
    kUnconnected,
    kConnecting,
    kConnected,
    kFailed,
    kListening
  };
  Phase phase = Phase::kUnconnected;
  std::string local;  // as SocketAddress::Text; empty when it has none
  std::string peer;
  int error = 0;  // the last one that the kernel told; stays
};

// Asks a socket for its error (SO_ERROR), which the kernel tells once: to be
// called before DescribeSocket when somebody wants to know. The Read or Write
// that comes next still fails with it.
void TakeSocketError(Handle& handle);

// The state of a handle that is a socket.
SocketState DescribeSocket(const Handle& handle);

}  // namespace farpoll::server

#endif  // FARPOLL_SERVER_HANDLE_SOCKET_STATE_H_
