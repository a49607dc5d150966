#include "client/passing.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "base/descriptor_message.h"
#include "base/errno_status.h"
#include "client/server_trust.h"
#include "client/status.h"

namespace farpoll::client {
namespace {

absl::Status Unreachable(const std::string& path, int number) {
  return MakeError(absl::StatusCode::kUnavailable, number, "", path,
                   absl::StrCat("cannot pass descriptors by ", path, ": ",
                                ErrnoName(number)));
}

// A socket connected to `path` on which no call takes longer than `limit`.
absl::StatusOr<UniqueFd> Connect(const std::string& path,
                                 absl::Duration limit) {
  sockaddr_un name{.sun_family = AF_UNIX, .sun_path = {}};
  if (path.size() >= sizeof(name.sun_path)) {
    return Unreachable(path, ENAMETOOLONG);
  }
  path.copy(name.sun_path, sizeof(name.sun_path) - 1);
  UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const timeval most = absl::ToTimeval(std::min(limit, absl::Hours(24)));
  if (!socket.valid() ||
      setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &most, sizeof(most)) !=
          0 ||
      setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &most, sizeof(most)) !=
          0 ||
      connect(socket.get(), reinterpret_cast<const sockaddr*>(&name),
              sizeof(name)) != 0) {
    return Unreachable(path, errno);
  }
  return socket;
}

// Waits for the whole answer.
absl::StatusOr<PassingAnswer> ReadAnswer(int socket, const std::string& path) {
  DescriptorInbox inbox;
  for (;;) {
    const absl::StatusOr<bool> more = Receive(socket, &inbox);
    if (!more.ok()) {
      return ErrnoOf(more.status()) == EAGAIN
                 ? absl::DeadlineExceededError(
                       "the server did not answer in time")
                 : more.status();
    }
    absl::StatusOr<absl::optional<std::string>> message = TakeMessage(&inbox);
    if (!message.ok()) {
      return message.status();
    }
    if (!message->has_value()) {
      if (!*more) {
        return Unreachable(path, ECONNRESET);
      }
      continue;
    }
    PassingAnswer answer;
    if (!answer.response.ParseFromString(**message)) {
      return absl::InternalError("the server's answer makes no sense");
    }
    if (answer.response.has_error()) {
      return FromItem(answer.response.error());
    }
    if (!inbox.descriptors.empty()) {
      answer.descriptor = std::move(inbox.descriptors.front());
    }
    return answer;
  }
}

}  // namespace

absl::StatusOr<PassingAnswer> CallPassing(const std::string& address,
                                          absl::Duration limit,
                                          const v1::PassingRequest& request,
                                          absl::Span<const int> descriptors) {
  absl::string_view path = address;
  if (!absl::ConsumePrefix(&path, "unix:")) {
    return MakeError(absl::StatusCode::kFailedPrecondition, EAFNOSUPPORT,
                     "NOT_LOCAL", address,
                     "descriptors travel over a server's Unix socket only");
  }
  const std::string place = absl::StrCat(path, kPassingSuffix);
  const absl::StatusOr<UniqueFd> socket = Connect(place, limit);
  if (!socket.ok()) {
    return socket.status();
  }
  if (const absl::Status trusted = CheckListener(socket->get(), place);
      !trusted.ok()) {
    return trusted;
  }
  const absl::Status sent =
      SendMessage(socket->get(), request.SerializeAsString(), descriptors);
  // A server that refuses may close before it has read everything: its answer
  // says more than that.
  if (!sent.ok() && ErrnoOf(sent) != EPIPE) {
    return sent;
  }
  return ReadAnswer(socket->get(), place);
}

}  // namespace farpoll::client
