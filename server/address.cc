#include "server/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "base/errno_status.h"
#include "base/unique_fd.h"

namespace farpoll::server {
namespace {

absl::Status BadAddress(absl::string_view text, absl::string_view why) {
  return MakeError(EINVAL, "BAD_ADDRESS", text,
                   absl::StrCat("cannot listen on ", text, ": ", why));
}

absl::Status NotFree(const Address& address, int number) {
  return MakeError(
      absl::StatusCode::kUnavailable, number, "CANNOT_LISTEN", address.Text(),
      absl::StrCat("cannot listen on ", address.Text(), ": ",
                   number == EADDRINUSE ? "another server listens there"
                                        : strerror(number)));
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

// Makes way for a new socket. Files of other kinds refuse connections as a
// stale socket does; they stay.
absl::Status RemoveStaleSocket(const Address& address) {
  struct stat status {};
  if (lstat(address.unix_path.c_str(), &status) != 0) {
    return NotFree(address, errno);
  }
  if (!S_ISSOCK(status.st_mode)) {
    return NotFree(address, EEXIST);
  }
  return unlink(address.unix_path.c_str()) == 0 ? absl::OkStatus()
                                                : NotFree(address, errno);
}

absl::Status ProbeUnix(const Address& address) {
  sockaddr_un name{.sun_family = AF_UNIX, .sun_path = {}};
  memcpy(name.sun_path, address.unix_path.c_str(),
         address.unix_path.size() + 1);
  const UniqueFd probe(
      socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!probe.valid()) {
    return NotFree(address, errno);
  }
  const auto* const sockaddr_name = reinterpret_cast<const sockaddr*>(&name);
  if (connect(probe.get(), sockaddr_name, sizeof(name)) == 0 ||
      errno == EAGAIN) {
    return NotFree(address, EADDRINUSE);
  }
  if (errno == ECONNREFUSED) {
    const absl::Status removed = RemoveStaleSocket(address);
    if (!removed.ok()) {
      return removed;
    }
  }
  if (bind(probe.get(), sockaddr_name, sizeof(name)) != 0) {
    return NotFree(address, errno);
  }
  unlink(address.unix_path.c_str());
  return absl::OkStatus();
}

absl::Status ProbeTcp(const Address& address) {
  sockaddr_storage storage{};
  socklen_t size = sizeof(sockaddr_in);
  auto* const four = reinterpret_cast<sockaddr_in*>(&storage);
  auto* const six = reinterpret_cast<sockaddr_in6*>(&storage);
  const std::string host =
      address.host == "localhost" ? "127.0.0.1" : address.host;
  if (inet_pton(AF_INET, host.c_str(), &four->sin_addr) == 1) {
    four->sin_family = AF_INET;
    four->sin_port = htons(address.port);
  } else {
    inet_pton(AF_INET6, host.c_str(), &six->sin6_addr);
    six->sin6_family = AF_INET6;
    six->sin6_port = htons(address.port);
    size = sizeof(sockaddr_in6);
  }
  const UniqueFd probe(
      socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int on = 1;
  if (!probe.valid() ||
      setsockopt(probe.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
      bind(probe.get(), reinterpret_cast<const sockaddr*>(&storage), size) !=
          0 ||
      listen(probe.get(), 1) != 0) {
    return NotFree(address, errno);
  }
  return absl::OkStatus();
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

absl::Status ProbeAddress(const Address& address) {
  return address.is_unix() ? ProbeUnix(address) : ProbeTcp(address);
}

}  // namespace farpoll::server
