#include "server/accept/peers.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "base/errno_status.h"
#include "server/policy/limits.h"

namespace farpoll::server {
namespace {

// Higher numbers would only make the kernel's table larger.
constexpr int kHighestNumber = 65536;
// What gRPC says of calls over an in-process channel, and of those alone.
constexpr absl::string_view kInProcess = "unknown";

absl::Status Unknown(absl::string_view peer, absl::string_view why) {
  return MakeError(absl::StatusCode::kUnauthenticated, EACCES, "PEER_UNKNOWN",
                   peer, why);
}

// The kernel's name of an open socket; 0 for what is none.
std::uint64_t CookieOf(int fd) {
  std::uint64_t cookie = 0;
  socklen_t size = sizeof(cookie);
  return getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &size) == 0 ? cookie
                                                                    : 0;
}

std::vector<gid_t> GroupsOf(int socket) {
  std::vector<gid_t> groups(64);
  for (;;) {
    auto size = static_cast<socklen_t>(groups.size() * sizeof(gid_t));
    const int got =
        getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, groups.data(), &size);
    if (got != 0 && errno != ERANGE) {
      return {};
    }
    groups.resize(size / sizeof(gid_t));
    if (got == 0) {
      return groups;
    }
  }
}

// One past the highest number that a connection may have.
int NumbersEnd() {
  rlimit descriptors{};
  getrlimit(RLIMIT_NOFILE, &descriptors);
  return static_cast<int>(
      std::min<rlim_t>(descriptors.rlim_cur, kHighestNumber));
}

}  // namespace

absl::StatusOr<Principal> IdentifyByKernel(int socket) {
  int domain = 0;
  socklen_t size = sizeof(domain);
  if (getsockopt(socket, SOL_SOCKET, SO_DOMAIN, &domain, &size) != 0) {
    return Unknown("connection", "the connection is gone");
  }
  if (domain != AF_UNIX) {
    return Principal::AnonymousTcp();
  }
  ucred credentials{};
  size = sizeof(credentials);
  if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) {
    return Unknown("connection", "the kernel does not know the peer");
  }
  return Principal::Local(credentials.uid, credentials.gid, credentials.pid,
                          GroupsOf(socket));
}

Peers::Peers(std::int64_t max_connections, Identify identify)
    : max_connections_(max_connections), identify_(std::move(identify)) {}

absl::StatusOr<UniqueFd> Peers::Admit(UniqueFd connection) {
  absl::StatusOr<Principal> principal = identify_(connection.get());
  if (!principal.ok()) {
    return principal.status();
  }
  MutexLock lock(&mu_);
  const auto admitted = [this]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    return static_cast<std::int64_t>(entries_.size());
  };
  if (admitted() >= max_connections_) {
    Sweep();
  }
  if (admitted() >= max_connections_) {
    return LimitReached("max_connections", max_connections_, "server");
  }
  absl::StatusOr<UniqueFd> moved = MoveUp(std::move(connection));
  if (moved.ok()) {
    entries_.insert_or_assign(
        moved->get(), Entry{*std::move(principal), CookieOf(moved->get())});
  }
  return moved;
}

absl::StatusOr<UniqueFd> Peers::MoveUp(UniqueFd connection) {
  const int end = NumbersEnd();
  const int begin = end / 2;
  for (const int from : {std::max(next_, begin), begin}) {
    UniqueFd moved(fcntl(connection.get(), F_DUPFD_CLOEXEC, from));
    if (moved.valid() && moved.get() < end) {
      next_ = moved.get() + 1 < end ? moved.get() + 1 : begin;
      return moved;
    }
  }
  return ErrnoStatus(EMFILE, "fcntl(F_DUPFD_CLOEXEC)");
}

void Peers::Sweep() {
  for (auto it = entries_.begin(); it != entries_.end();) {
    const auto entry = it++;
    if (CookieOf(entry->first) != entry->second.cookie) {
      entries_.erase(entry);
    }
  }
}

absl::StatusOr<Principal> Peers::Resolve(absl::string_view peer) {
  if (absl::StartsWith(peer, "ipv4:") || absl::StartsWith(peer, "ipv6:")) {
    return Principal::AnonymousTcp();
  }
  if (peer == kInProcess) {
    return Principal::ThisProcess();
  }
  int number = 0;
  if (absl::ConsumePrefix(&peer, "fd:") && absl::SimpleAtoi(peer, &number)) {
    MutexLock lock(&mu_);
    if (const auto it = entries_.find(number); it != entries_.end()) {
      return it->second.principal;
    }
  }
  return Unknown(peer, "nobody was admitted under this number");
}

}  // namespace farpoll::server
