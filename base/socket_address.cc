#include "base/socket_address.h"

#include <arpa/inet.h>
#include <string.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "base/errno_status.h"

namespace farpoll {
namespace {

constexpr socklen_t kNameOffset = offsetof(sockaddr_un, sun_path);

absl::Status BadAddress(absl::string_view text, absl::string_view field,
                        absl::string_view why) {
  return MakeError(EINVAL, "BAD_ADDRESS", field,
                   absl::StrCat(field, " \"", absl::CHexEscape(text),
                                "\" cannot be read: ", why));
}

bool ReadPort(absl::string_view text, in_port_t* port) {
  std::uint32_t number = 0;
  if (text.empty() || text.size() > 5 ||
      !std::all_of(text.begin(), text.end(), absl::ascii_isdigit) ||
      !absl::SimpleAtoi(text, &number) || number > 0xffff) {
    return false;
  }
  *port = htons(static_cast<std::uint16_t>(number));
  return true;
}

}  // namespace

SocketAddress::SocketAddress(const sockaddr_storage& storage, socklen_t size)
    : size_(std::min<socklen_t>(size, sizeof(storage_))) {
  memcpy(&storage_, &storage, size_);
}

absl::StatusOr<SocketAddress> SocketAddress::Parse(absl::string_view text,
                                                   absl::string_view field) {
  SocketAddress address;
  absl::string_view name = text;
  if (absl::ConsumePrefix(&name, "unix:")) {
    const bool abstract = absl::ConsumePrefix(&name, "@");
    if (!abstract && (name.empty() || name.front() != '/')) {
      return BadAddress(text, field, "unix: wants an absolute path or @NAME");
    }
    // A path ends with a NUL, an abstract name begins with one.
    sockaddr_un& local = address.storage_.local;
    if (name.empty() || name.size() >= sizeof(local.sun_path) ||
        name.find('\0') != name.npos) {
      return BadAddress(text, field,
                        "a Unix name has 1 to 107 bytes and no NUL");
    }
    local.sun_family = AF_UNIX;
    memcpy(local.sun_path + (abstract ? 1 : 0), name.data(), name.size());
    address.size_ = kNameOffset + static_cast<socklen_t>(name.size()) + 1;
    return address;
  }
  const std::size_t colon = text.rfind(':');
  in_port_t port = 0;
  if (colon == text.npos || !ReadPort(text.substr(colon + 1), &port) ||
      text.find('\0') != text.npos) {
    return BadAddress(text, field, "ADDRESS:PORT wants a port from 0 to 65535");
  }
  absl::string_view host = text.substr(0, colon);
  if (absl::ConsumePrefix(&host, "[") && absl::ConsumeSuffix(&host, "]")) {
    address.storage_.six.sin6_family = AF_INET6;
    address.storage_.six.sin6_port = port;
    address.size_ = sizeof(sockaddr_in6);
    if (inet_pton(AF_INET6, std::string(host).c_str(),
                  &address.storage_.six.sin6_addr) == 1) {
      return address;
    }
  } else {
    address.storage_.four.sin_family = AF_INET;
    address.storage_.four.sin_port = port;
    address.size_ = sizeof(sockaddr_in);
    if (inet_pton(AF_INET, std::string(host).c_str(),
                  &address.storage_.four.sin_addr) == 1) {
      return address;
    }
  }
  return BadAddress(text, field,
                    "the host is no IPv4 address and no IPv6 address in []");
}

absl::string_view SocketAddress::unix_name() const {
  if (!is_unix() || size_ <= kNameOffset) {
    return "";
  }
  const absl::string_view name(storage_.local.sun_path, size_ - kNameOffset);
  // The kernel may count the NUL that ends a path, or not.
  return name.front() == '\0' ? name : name.substr(0, name.find('\0'));
}

absl::string_view SocketAddress::unix_path() const {
  const absl::string_view name = unix_name();
  return !name.empty() && name.front() == '\0' ? "" : name;
}

std::uint16_t SocketAddress::port() const {
  switch (family()) {
    case AF_INET:
      return ntohs(storage_.four.sin_port);
    case AF_INET6:
      return ntohs(storage_.six.sin6_port);
    default:
      return 0;
  }
}

sockaddr_storage SocketAddress::storage() const {
  sockaddr_storage storage = {};
  memcpy(&storage, &storage_, size_);
  return storage;
}

std::string SocketAddress::Text() const {
  char host[INET6_ADDRSTRLEN] = "";
  if (family() == AF_INET) {
    inet_ntop(AF_INET, &storage_.four.sin_addr, host, sizeof(host));
    return absl::StrCat(host, ":", port());
  }
  if (family() == AF_INET6) {
    inet_ntop(AF_INET6, &storage_.six.sin6_addr, host, sizeof(host));
    return absl::StrCat("[", host, "]:", port());
  }
  absl::string_view name = unix_name();
  if (name.empty()) {
    return "";
  }
  const bool abstract = absl::ConsumePrefix(&name, absl::string_view("\0", 1));
  const bool printable =
      std::all_of(name.begin(), name.end(), absl::ascii_isprint);
  return absl::StrCat("unix:", abstract ? "@" : "",
                      printable ? std::string(name) : absl::CHexEscape(name));
}

}  // namespace farpoll
