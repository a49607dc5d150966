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

// The folder of a Unix path, held, and the file's name in it.
absl::StatusOr<std::unique_ptr<BoundPath>> HoldFolder(
    const Endpoint& endpoint) {
  const absl::string_view text = endpoint.address.unix_path();
  const RootedPath path = endpoint.path.value_or(
      RootedPath{.root = "/", .relative = std::string(text.substr(1))});
  const std::size_t slash = path.relative.rfind('/');
  const bool at_root = slash == path.relative.npos;
  absl::StatusOr<UniqueFd> folder =
      OpenRooted({.root = path.root,
                  .relative = at_root ? "." : path.relative.substr(0, slash)},
                 O_PATH | O_DIRECTORY);
  if (!folder.ok()) {
    return folder.status();
  }
  return std::make_unique<BoundPath>(
      std::string(text), *std::move(folder),
      at_root ? path.relative : path.relative.substr(slash + 1));
}

// The address for bind(2). A confined path goes by its folder's descriptor. A
// path that may lead anywhere is bound as it is: it is the name that others
// see, and reply to.
absl::StatusOr<SocketAddress> AddressToBind(const Endpoint& endpoint,
                                            const BoundPath* bound) {
  if (bound == nullptr || !IsConfined(endpoint)) {
    return endpoint.address;
  }
  return SocketAddress::Parse(absl::StrCat("unix:", bound->AnchoredPath()),
                              "address");
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
  std::unique_ptr<BoundPath> bound;
  if (!endpoint.address.unix_path().empty()) {
    absl::StatusOr<std::unique_ptr<BoundPath>> held = HoldFolder(endpoint);
    if (!held.ok()) {
      return held.status();
    }
    bound = *std::move(held);
  }
  const absl::StatusOr<SocketAddress> address =
      AddressToBind(endpoint, bound.get());
  if (!address.ok()) {
    return address.status();
  }
  // The file takes its mode from the socket's: nobody gets in between.
  if (address->is_unix()) {
    (void)fchmod(socket, S_IRUSR | S_IWUSR);
  }
  if (bind(socket, address->get(), address->size()) != 0) {
    return ErrnoStatus(errno, "bind", endpoint.address.Text());
  }
  if (bound != nullptr) {
    bound->NoteFile();
  }
  return bound;
}

}  // namespace farpoll::server
