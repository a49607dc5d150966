// base/socket_address.h: room: base. Where a socket is bound or connected to,
// as people write it and as the kernel takes it.
// Threads: plain values.
// Source: ip(7), ipv6(7), unix(7).
#ifndef FARPOLL_BASE_SOCKET_ADDRESS_H_
#define FARPOLL_BASE_SOCKET_ADDRESS_H_

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace farpoll {

class SocketAddress {
 public:
  // Reads "ADDRESS:PORT", "[IPV6]:PORT", "unix:/PATH" or "unix:@NAME", the last
  // for a name of the abstract namespace. ADDRESS is numeric; names of hosts
  // are not looked up.
  //   Errors: INVALID_ARGUMENT (EINVAL, BAD_ADDRESS) naming `field`.
  static absl::StatusOr<SocketAddress> Parse(absl::string_view text,
                                             absl::string_view field);
  // What getsockname(2), accept(2) or recvfrom(2) filled in.
  SocketAddress(const sockaddr_storage& storage, socklen_t size);

  // As Parse reads it. Bytes of a Unix name that are not printable ASCII stand
  // as \xNN; empty for a Unix socket without a name.
  std::string Text() const;

  int family() const { return storage_.any.sa_family; }
  bool is_unix() const { return family() == AF_UNIX; }
  // The path of a Unix socket that has one; else empty.
  absl::string_view unix_path() const;
  // Port of an IP address; else 0.
  std::uint16_t port() const;

  const sockaddr* get() const { return &storage_.any; }
  socklen_t size() const { return size_; }
  sockaddr_storage storage() const;

 private:
  SocketAddress() = default;
  // The bytes of a Unix name, the leading NUL of an abstract one among them.
  absl::string_view unix_name() const;

  // The largest first: `= {}` clears the first member.
  union {
    sockaddr_un local;
    sockaddr any;
    sockaddr_in four;
    sockaddr_in6 six;
  } storage_ = {};
  socklen_t size_ = 0;
};

}  // namespace farpoll

#endif  // FARPOLL_BASE_SOCKET_ADDRESS_H_
