#include "selector/kqueue/filters/socket_error.h"

#include <sys/socket.h>

#include "selector/kqueue/kevent.h"

namespace farpoll {

std::uint32_t SocketErrorOf(Knote& knote, Events seen, FilterHost& host) {
  if ((seen & kError) != 0 && host.TakesSocketErrors()) {
    int error = 0;
    socklen_t size = sizeof(error);
    if (getsockopt(knote.fd(), SOL_SOCKET, SO_ERROR, &error, &size) == 0 &&
        error != 0) {
      knote.socket_error = error;
      const std::int16_t other =
          knote.event.filter == evfilt::kRead ? evfilt::kWrite : evfilt::kRead;
      if (Knote* const sibling = host.Sibling(knote, other)) {
        sibling->socket_error = error;
      }
    }
  }
  return static_cast<std::uint32_t>(knote.socket_error);
}

}  // namespace farpoll
