#include "server/handle/socket_state.h"

#include <poll.h>
#include <sys/socket.h>

#include "absl/strings/str_cat.h"
#include "base/socket_address.h"

namespace farpoll::server {
namespace {

using NameCall = int (*)(int, sockaddr*, socklen_t*);

// Whether the call knew a name; the name is empty for an unnamed Unix socket.
bool NameOf(NameCall call, int fd, std::string* text) {
  sockaddr_storage storage = {};
  socklen_t size = sizeof(storage);
  if (call(fd, reinterpret_cast<sockaddr*>(&storage), &size) != 0) {
    return false;
  }
  *text = SocketAddress(storage, size).Text();
  return true;
}

}  // namespace

void TakeSocketError(Handle& handle) {
  int error = 0;
  socklen_t size = sizeof(error);
  if (getsockopt(handle.fd.get(), SOL_SOCKET, SO_ERROR, &error, &size) == 0 &&
      error != 0) {
    handle.socket_error = error;
    handle.error_is_due = true;
  }
}

SocketState DescribeSocket(const Handle& handle) {
  const int fd = handle.fd.get();
  SocketState state{.error = handle.socket_error};
  NameOf(&getsockname, fd, &state.local);
  if (handle.bound_path != nullptr) {
    state.local = absl::StrCat("unix:", handle.bound_path->path());
  }
  if (handle.kind == HandleKind::kListener) {
    state.phase = SocketState::Phase::kListening;
  } else if (NameOf(&getpeername, fd, &state.peer)) {
    state.phase = SocketState::Phase::kConnected;
  } else if (handle.kind == HandleKind::kConnection) {
    // A socket that is neither connected nor connecting hangs up.
    pollfd entry{.fd = fd, .events = POLLOUT, .revents = 0};
    (void)poll(&entry, 1, 0);
    state.phase = (entry.revents & POLLHUP) != 0
                      ? SocketState::Phase::kFailed
                      : SocketState::Phase::kConnecting;
  }
  return state;
}

}  // namespace farpoll::server
