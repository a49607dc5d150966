// tests/support/dial_passing.h: room: tests. A connection by which descriptors
// travel, without the client library.
#ifndef FARPOLL_TESTS_SUPPORT_DIAL_PASSING_H_
#define FARPOLL_TESTS_SUPPORT_DIAL_PASSING_H_

#include <sys/socket.h>
#include <sys/un.h>

#include <string>

#include "base/descriptor_message.h"
#include "base/unique_fd.h"
#include "tests/support/fd_fixtures.h"

namespace farpoll {

// To the server that listens on the Unix socket `path`.
inline UniqueFd DialPassing(const std::string& path) {
  UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un name{.sun_family = AF_UNIX, .sun_path = {}};
  (path + kPassingSuffix).copy(name.sun_path, sizeof(name.sun_path) - 1);
  MustSucceed(connect(socket.get(), reinterpret_cast<const sockaddr*>(&name),
                      sizeof(name)),
              "connect");
  return socket;
}

}  // namespace farpoll

#endif  // FARPOLL_TESTS_SUPPORT_DIAL_PASSING_H_
