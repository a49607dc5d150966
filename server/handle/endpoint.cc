#include "server/handle/endpoint.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <cerrno>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/errno_status.h"

namespace farpoll::server {
namespace {

bool IsConfined(const Endpoint& endpoint) {
  return endpoint.path.has_value() && endpoint.path->confined();
}

// The folder of a confined path, and a name within it that no link can divert.
absl::StatusOr<Anchored> AnchorFolder(const Endpoint& endpoint) {
  const std::string& relative = endpoint.path->relative;
  const std::size_t slash = relative.rfind('/');
  absl::StatusOr<UniqueFd> folder = OpenRooted(
      {.root = endpoint.path->root,
       .relative = slash == relative.npos ? "." : relative.substr(0, slash)},
      O_PATH | O_DIRECTORY);
  if (!folder.ok()) {
    return folder.status();
  }
  const std::string name =
      slash == relative.npos ? relative : relative.substr(slash + 1);
  const absl::StatusOr<SocketAddress> address = SocketAddress::Parse(
      absl::StrCat("unix:", NameOfDescriptor(*folder), "/", name), "address");
  if (!address.ok()) {
    return address.status();
  }
  return Anchored{*address, *std::move(folder)};
}

}  // namespace

absl::StatusOr<Anchored> AnchorPeer(const Endpoint& endpoint) {
  if (!IsConfined(endpoint)) {
    return Anchored{endpoint.address, UniqueFd()};
  }
  absl::StatusOr<UniqueFd> file = OpenRooted(*endpoint.path, O_PATH);
  if (!file.ok()) {
    return file.status();
  }
  const absl::StatusOr<SocketAddress> address = SocketAddress::Parse(
      absl::StrCat("unix:", NameOfDescriptor(*file)), "address");
  if (!address.ok()) {
    return address.status();
  }
  return Anchored{*address, *std::move(file)};
}

absl::StatusOr<std::unique_ptr<BoundPath>> Bind(int socket,
                                                const Endpoint& endpoint) {
  Anchored place{endpoint.address, UniqueFd()};
  if (IsConfined(endpoint)) {
    absl::StatusOr<Anchored> anchored = AnchorFolder(endpoint);
    if (!anchored.ok()) {
      return anchored.status();
    }
    place = *std::move(anchored);
  }
  // The file takes its mode from the socket's: nobody gets in between.
  if (endpoint.address.is_unix()) {
    (void)fchmod(socket, S_IRUSR | S_IWUSR);
  }
  if (bind(socket, place.address.get(), place.address.size()) != 0) {
    return ErrnoStatus(errno, "bind", endpoint.address.Text());
  }
  const absl::string_view path = endpoint.address.unix_path();
  return path.empty() ? nullptr
                      : std::make_unique<BoundPath>(std::string(path));
}

}  // namespace farpoll::server
