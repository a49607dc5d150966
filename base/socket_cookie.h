// base/socket_cookie.h: room: base. Recognises a socket, whatever its number.
#ifndef FARPOLL_BASE_SOCKET_COOKIE_H_
#define FARPOLL_BASE_SOCKET_COOKIE_H_

#include <sys/socket.h>

#include <cstdint>

namespace farpoll {

// The kernel's name of the socket that has the number `fd`, which is never used
// again; 0 for what is no socket.
// Source: socket(7), SO_COOKIE.
inline std::uint64_t SocketCookie(int fd) {
  std::uint64_t cookie = 0;
  socklen_t size = sizeof(cookie);
  return getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &size) == 0 ? cookie
                                                                    : 0;
}

}  // namespace farpoll

#endif  // FARPOLL_BASE_SOCKET_COOKIE_H_
