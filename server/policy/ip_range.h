// server/policy/ip_range.h: room: server/policy. Internet addresses and blocks
// of them, and which blocks a wider range never speaks for.
// Threads: plain values.
// Source: RFC 4291, RFC 4632, RFC 6890 and the IANA special-purpose registries.
#ifndef FARPOLL_SERVER_POLICY_IP_RANGE_H_
#define FARPOLL_SERVER_POLICY_IP_RANGE_H_

#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace farpoll::server {

struct IpAddress {
  bool is_v6 = false;
  // Network order; the first four of an IPv4 address, the others 0.
  std::array<std::uint8_t, 16> bytes{};

  int bits() const { return is_v6 ? 128 : 32; }
  // "127.0.0.1", "::1".
  std::string Text() const;

  friend bool operator==(const IpAddress&, const IpAddress&) = default;
};

// Reads an address as inet_pton(3) does: no names, no zones, no ports.
//   Errors: INVALID_ARGUMENT (EINVAL, BAD_ADDRESS).
absl::StatusOr<IpAddress> ParseIpAddress(absl::string_view text);

// The address of a sockaddr_in or sockaddr_in6.
//   Errors: INVALID_ARGUMENT (EAFNOSUPPORT) for another family.
absl::StatusOr<IpAddress> IpAddressOf(const sockaddr_storage& name);

// Addresses that agree in their first `prefix` bits.
struct IpRange {
  IpAddress first;  // all bits behind the prefix are 0
  int prefix = 0;

  bool Contains(const IpAddress& address) const;
  bool Contains(const IpRange& other) const;
  std::string Text() const;
};

// Reads "10.0.0.0/8", "fd00::/8" or one address.
//   Errors: INVALID_ARGUMENT (EINVAL, BAD_RANGE): no address, a prefix too long
//     or none after '/', bits set behind the prefix.
absl::StatusOr<IpRange> ParseIpRange(absl::string_view text);

// Whether a rule for `range` speaks for `address`: it contains it and, for each
// special block that the address lies in (loopback, link-local, cloud metadata,
// private, multicast, unspecified, IPv4 inside IPv6, ...), it lies within that
// block, so that who wrote it meant it. For IPv4 inside IPv6 the blocks of the
// address inside count as well.
bool RangeAllows(const IpRange& range, const IpAddress& address);

// The narrowest special block that `address` lies in, as "link-local"; empty
// for an ordinary address.
absl::string_view SpecialBlockOf(const IpAddress& address);

}  // namespace farpoll::server

#endif  // FARPOLL_SERVER_POLICY_IP_RANGE_H_
