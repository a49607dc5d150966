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
#include "base/socket_cookie.h"

namespace farpoll::server {
namespace {

// Higher numbers would only make the kernel's table larger.
constexpr int kHighestNumber = 65536;
// How many connections are looked at when one comes, and when there seems to be
// no room for it.
constexpr std::size_t kUsualSweep = 2;
constexpr std::size_t kFullSweep = 64;

absl::Status Unknown(absl::string_view peer, absl::string_view why) {
  return MakeError(absl::StatusCode::kUnauthenticated, EACCES, "PEER_UNKNOWN",
                   peer, why);
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

Peers::Peers(Accounts* accounts, Identify identify)
    : accounts_(*accounts),
      identify_(std::move(identify)),
      this_process_{Principal::ThisProcess(),
                    accounts->Of(Principal::ThisProcess())},
      anonymous_tcp_{Principal::AnonymousTcp(),
                     accounts->Of(Principal::AnonymousTcp())} {}

absl::StatusOr<UniqueFd> Peers::Admit(UniqueFd connection) {
  absl::StatusOr<Principal> principal = identify_(connection.get());
  if (!principal.ok()) {
    return principal.status();
  }
  std::shared_ptr<Account> account = accounts_.Of(*principal);
  MutexLock lock(&mu_);
  Sweep(kUsualSweep);
  absl::Status room = account->connections.TryTake(1, "max_connections");
  if (!room.ok()) {
    Sweep(kFullSweep);
    room = account->connections.TryTake(1, "max_connections");
  }
  if (!room.ok()) {
    return room;
  }
  absl::StatusOr<UniqueFd> moved = MoveUp(std::move(connection));
  if (!moved.ok()) {
    account->connections.Return(1);
    return moved;
  }
  Add(moved->get(), Caller{*std::move(principal), std::move(account)});
  return moved;
}

void Peers::Add(int number, Caller caller) {
  Remove(number);  // gRPC has closed a connection of this number
  entries_.emplace(
      number, Entry{std::move(caller), SocketCookie(number), numbers_.size()});
  numbers_.push_back(number);
}

void Peers::Remove(int number) {
  const auto it = entries_.find(number);
  if (it == entries_.end()) {
    return;
  }
  it->second.caller.account->connections.Return(1);
  const std::size_t place = it->second.place;
  entries_.erase(it);
  if (place + 1 != numbers_.size()) {
    numbers_[place] = numbers_.back();
    entries_.find(numbers_[place])->second.place = place;
  }
  numbers_.pop_back();
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

void Peers::Sweep(std::size_t count) {
  for (count = std::min(count, numbers_.size()); count != 0; --count) {
    hand_ = hand_ < numbers_.size() ? hand_ : 0;
    const int number = numbers_[hand_];
    if (SocketCookie(number) == entries_.find(number)->second.cookie) {
      ++hand_;
    } else {
      Remove(number);  // another one is at this place now
    }
  }
}

std::shared_ptr<Account> Peers::AccountOf(int number) {
  MutexLock lock(&mu_);
  return entries_.at(number).caller.account;
}

absl::StatusOr<Caller> Peers::Resolve(absl::string_view peer) {
  if (absl::StartsWith(peer, "ipv4:") || absl::StartsWith(peer, "ipv6:")) {
    return anonymous_tcp_;
  }
  int number = 0;
  if (absl::ConsumePrefix(&peer, "fd:") && absl::SimpleAtoi(peer, &number)) {
    MutexLock lock(&mu_);
    if (const auto it = entries_.find(number); it != entries_.end()) {
      return it->second.caller;
    }
  }
  return Unknown(peer, "nobody was admitted under this number");
}

}  // namespace farpoll::server
