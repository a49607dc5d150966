// The sockets of a session: whom its owner may reach, and making them.
#include <algorithm>
#include <cerrno>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "base/errno_status.h"
#include "base/socket_address.h"
#include "server/handle/connection.h"
#include "server/handle/datagram_socket.h"
#include "server/handle/listener.h"
#include "server/policy/ip_range.h"
#include "server/session/session.h"

namespace farpoll::server {
namespace {

constexpr std::int64_t kCommonBacklog = 128;

// An address that need not be there; OK without a value for an empty text.
template <typename Judge>
absl::StatusOr<absl::optional<Endpoint>> Optional(absl::string_view text,
                                                  Judge judge) {
  if (text.empty()) {
    return absl::optional<Endpoint>();
  }
  absl::StatusOr<Endpoint> endpoint = judge(text);
  if (!endpoint.ok()) {
    return endpoint.status();
  }
  return absl::optional<Endpoint>(*std::move(endpoint));
}

}  // namespace

absl::StatusOr<Endpoint> Session::Authorize(absl::string_view text,
                                            absl::string_view field,
                                            Verb verb) {
  absl::StatusOr<SocketAddress> address = SocketAddress::Parse(text, field);
  if (!address.ok()) {
    return address.status();
  }
  const Authority& authority = *context_.authority;
  if (address->is_unix()) {
    absl::StatusOr<PathPlan> plan = authority.AuthorizeUnixSocket(
        owner_, verb, absl::StripPrefix(text, "unix:"));
    if (!plan.ok()) {
      return plan.status();
    }
    if (plan->root.empty()) {  // a name without a file
      return Endpoint{*address, absl::nullopt};
    }
    return Endpoint{
        *address, RootedPath{std::move(plan->root), std::move(plan->relative)}};
  }
  const absl::StatusOr<IpAddress> ip = IpAddressOf(address->storage());
  if (!ip.ok()) {
    return ip.status();
  }
  const absl::Status allowed =
      verb == Verb::kConnect
          ? authority.AuthorizeConnect(owner_, *ip, address->port())
          : authority.AuthorizeListen(owner_, *ip, address->port());
  if (!allowed.ok()) {
    return allowed;
  }
  return Endpoint{*address, absl::nullopt};
}

void Session::MakeAsideIf(bool has_path, absl::string_view name, LateMaker make,
                          AnswerTo<HandleInfo> answer) {
  if (has_path) {
    return MakeAside(name, std::move(make), std::move(answer));
  }
  absl::StatusOr<HandleInfo> made = HandleInfo{};
  {
    MutexLock lock(&mu_);
    made = MakeHandle(name, [&make] { return make(); });
  }
  answer(std::move(made));
}

void Session::Listen(absl::string_view name, absl::string_view address,
                     std::int64_t backlog, AnswerTo<HandleInfo> answer) {
  const std::int64_t most = context_.limits->max_listen_backlog;
  if (backlog < 0 || backlog > most) {
    return answer(MakeError(
        EINVAL, "BAD_BACKLOG", "backlog",
        absl::StrCat("backlog is ", backlog, "; it must be from 0 to ", most)));
  }
  const absl::StatusOr<Endpoint> place =
      Authorize(address, "address", Verb::kListen);
  if (!place.ok()) {
    return answer(place.status());
  }
  const std::int64_t waiting =
      backlog == 0 ? std::min(kCommonBacklog, most) : backlog;
  MakeAsideIf(
      HasPath(*place), name,
      [place = *place, waiting] {
        return server::Listen(place, static_cast<int>(waiting));
      },
      std::move(answer));
}

absl::StatusOr<Session::AcceptResult> Session::Accept(const Reference& listener,
                                                      absl::string_view name) {
  MutexLock lock(&mu_);
  const absl::StatusOr<Handle*> found = FindHandle(listener);
  if (!found.ok()) {
    return found.status();
  }
  Handle& handle = **found;
  absl::StatusOr<HandleInfo> accepted =
      MakeHandle(name, [&] { return server::Accept(handle); });
  if (!accepted.ok() && ErrnoOf(accepted.status()) != EAGAIN) {
    return accepted.status();
  }
  AcceptResult result{.readiness = handle.readiness};
  if (accepted.ok()) {
    result.handle = *std::move(accepted);
  }
  return result;
}

void Session::Connect(absl::string_view name, absl::string_view address,
                      AnswerTo<HandleInfo> answer) {
  const absl::StatusOr<Endpoint> peer =
      Authorize(address, "address", Verb::kConnect);
  if (!peer.ok()) {
    return answer(peer.status());
  }
  MakeAsideIf(
      HasPath(*peer), name, [peer = *peer] { return server::Connect(peer); },
      std::move(answer));
}

void Session::CreateDatagramSocket(absl::string_view name,
                                   absl::string_view local,
                                   absl::string_view peer,
                                   AnswerTo<HandleInfo> answer) {
  const auto own = Optional(local, [this](absl::string_view text) {
    return Authorize(text, "local", Verb::kListen);
  });
  if (!own.ok()) {
    return answer(own.status());
  }
  const auto other = Optional(peer, [this](absl::string_view text) {
    return Authorize(text, "peer", Verb::kConnect);
  });
  if (!other.ok()) {
    return answer(other.status());
  }
  MakeAsideIf(
      HasPath(*own) || HasPath(*other), name,
      [own = *own, other = *other] { return MakeDatagramSocket(own, other); },
      std::move(answer));
}

}  // namespace farpoll::server
