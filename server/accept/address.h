// server/accept/address.h: room: server/accept. Where a server listens, as
// people write it.
// Threads: pure.
#ifndef FARPOLL_SERVER_ACCEPT_ADDRESS_H_
#define FARPOLL_SERVER_ACCEPT_ADDRESS_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace farpoll::server {

struct Address {
  // Path of a Unix socket; empty for TCP.
  std::string unix_path;
  // Loopback host and port; port 0 is any free one. "localhost" is 127.0.0.1.
  std::string host;
  std::uint16_t port = 0;

  bool is_unix() const { return !unix_path.empty(); }
  // As gRPC and farpoll's clients write it.
  std::string Text() const;
};

// Reads "unix:PATH", "HOST:PORT" or "[::1]:PORT".
//   Errors: INVALID_ARGUMENT for anything else, a path too long for a socket
//     (107 bytes), or a host that is not loopback: there is no TLS to protect
//     it.
absl::StatusOr<Address> ParseAddress(absl::string_view text);

}  // namespace farpoll::server

#endif  // FARPOLL_SERVER_ACCEPT_ADDRESS_H_
