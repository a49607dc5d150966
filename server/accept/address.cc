#include "server/accept/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <cerrno>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "base/errno_status.h"

namespace farpoll::server {
namespace {

absl::Status BadAddress(absl::string_view text, absl::string_view why) {
  return MakeError(EINVAL, "BAD_ADDRESS", text,
                   absl::StrCat("cannot listen on ", text, ": ", why));
}

bool IsLoopback(const std::string& host) {
  in_addr four;
  in6_addr six;
  return host == "localhost" ||
         (inet_pton(AF_INET, host.c_str(), &four) == 1 &&
          (ntohl(four.s_addr) >> 24) == 127) ||
         (inet_pton(AF_INET6, host.c_str(), &six) == 1 &&
          IN6_IS_ADDR_LOOPBACK(&six));
}

}  // namespace

std::string Address::Text() const {
  if (is_unix()) {
    return absl::StrCat("unix:", unix_path);
  }
  return host.find(':') == std::string::npos
             ? absl::StrCat(host, ":", port)
             : absl::StrCat("[", host, "]:", port);
}

absl::StatusOr<Address> ParseAddress(absl::string_view text) {
  Address address;
  absl::string_view rest = text;
  if (absl::ConsumePrefix(&rest, "unix:")) {
    address.unix_path = std::string(rest);
    if (rest.empty() || rest.size() >= sizeof(sockaddr_un{}.sun_path)) {
      return BadAddress(text, "a socket's path has from 1 to 107 bytes");
    }
    return address;
  }
  const std::size_t colon = rest.rfind(':');
  std::uint32_t port = 0;
  if (colon == absl::string_view::npos ||
      !absl::SimpleAtoi(rest.substr(colon + 1), &port) || port > 65535) {
    return BadAddress(text, "expected unix:PATH or HOST:PORT");
  }
  absl::string_view host = rest.substr(0, colon);
  if (absl::ConsumePrefix(&host, "[") && !absl::ConsumeSuffix(&host, "]")) {
    return BadAddress(text, "expected [HOST]:PORT");
  }
  address.host = std::string(host);
  address.port = static_cast<std::uint16_t>(port);
  if (!IsLoopback(address.host)) {
    return BadAddress(text,
                      "only loopback is served over TCP, since nothing would "
                      "protect another address");
  }
  return address;
}

}  // namespace farpoll::server
