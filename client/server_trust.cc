#include "client/server_trust.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/types/optional.h"
#include "base/default_address.h"
#include "base/errno_status.h"

namespace farpoll::client {
namespace {

std::string FolderOf(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? "."
         : slash == 0               ? "/"
                                    : path.substr(0, slash);
}

absl::optional<SocketPlace> PlaceOf(const std::string& path) {
  struct stat folder {};
  if (stat(FolderOf(path).c_str(), &folder) != 0) {
    return absl::nullopt;
  }
  // In a sticky folder others can put something, and replace only their own.
  return SocketPlace{.self = geteuid(),
                     .folder_owner = folder.st_uid,
                     .others_write = (folder.st_mode & S_IWOTH) != 0 &&
                                     (folder.st_mode & S_ISVTX) == 0,
                     .is_private = absl::StartsWith(path, UserSocketPath())};
}

absl::Status Check(const std::string& path, const SocketPlace& place,
                   uid_t server) {
  const char* const why = WhyNotTrusted(place, server);
  return why == nullptr
             ? absl::OkStatus()
             : MakeError(absl::StatusCode::kPermissionDenied, EACCES,
                         "SERVER_NOT_TRUSTED", path,
                         absl::StrCat("the server on ", path, " (user ", server,
                                      ") is not trusted: ", why));
}

}  // namespace

const char* WhyNotTrusted(const SocketPlace& place, uid_t server) {
  if (place.others_write) {
    return "everybody can replace the socket in its folder";
  }
  if (place.is_private && place.folder_owner != place.self &&
      place.folder_owner != 0) {
    return "the folder of your private socket belongs to another user";
  }
  if (server != place.self && server != 0 && server != place.folder_owner) {
    return "it is neither yours, nor root's, nor that of its folder's owner";
  }
  return nullptr;
}

absl::Status CheckSocket(const std::string& path) {
  const absl::optional<SocketPlace> place = PlaceOf(path);
  if (!place.has_value()) {
    return absl::OkStatus();
  }
  struct stat socket {};
  const bool there = stat(path.c_str(), &socket) == 0;
  return Check(path, *place, there ? socket.st_uid : place->self);
}

absl::Status CheckListener(int socket, const std::string& path) {
  const absl::optional<SocketPlace> place = PlaceOf(path);
  ucred server{};
  socklen_t size = sizeof(server);
  // It did listen: its place cannot be hidden, but can be gone by now.
  if (!place.has_value() ||
      getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &server, &size) != 0) {
    return MakeError(absl::StatusCode::kPermissionDenied, EACCES,
                     "SERVER_NOT_TRUSTED", path,
                     absl::StrCat("nothing is known of the server on ", path));
  }
  return Check(path, *place, server.uid);
}

}  // namespace farpoll::client
