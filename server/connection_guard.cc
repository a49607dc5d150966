#include "server/connection_guard.h"

#include <fcntl.h>
#include <grpc/grpc.h>
#include <grpc/support/alloc.h>
#include <sys/socket.h>

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "base/socket_cookie.h"
#include "base/unique_fd.h"
#include "nlohmann/json.hpp"

namespace farpoll::server {
namespace {

// How often connections are looked at, and how many of them at once.
constexpr absl::Duration kInterval = absl::Milliseconds(250);
constexpr std::size_t kLooks = 256;
// A new connection has no id before its handshake is over. So many looks it is
// waited for, and so far ahead of the last id it is looked for: other things
// have ids too, and things that are gone had some.
constexpr int kPatience = 240;
constexpr std::intptr_t kAhead = 1024;
constexpr std::intptr_t kAheadForEach = 4;
// A stream that is over for its client may still be counted for a moment.
constexpr std::int64_t kSlack = 64;

struct Socket {
  std::string peer;
  StreamCounts counts;
};

std::int64_t NumberIn(const nlohmann::json& data, const char* name) {
  const auto it = data.find(name);
  std::int64_t number = 0;
  if (it != data.end() && it->is_string()) {
    (void)absl::SimpleAtoi(it->get_ref<const std::string&>(), &number);
  }
  return number;
}

// What channelz knows of a socket; nothing of one that is gone, or of an id
// that is not a socket's.
absl::optional<Socket> Find(std::intptr_t id) {
  const std::unique_ptr<char, void (*)(void*)> text(
      grpc_channelz_get_socket(id), gpr_free);
  if (text == nullptr) {
    return absl::nullopt;
  }
  const nlohmann::json json =
      nlohmann::json::parse(text.get(), nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || !json.contains("socket")) {
    return absl::nullopt;
  }
  const nlohmann::json& socket = json["socket"];
  Socket found;
  if (socket.contains("ref") && socket["ref"].contains("name")) {
    const std::string name = socket["ref"]["name"].get<std::string>();
    found.peer = std::string(absl::StripPrefix(name, "chttp2 "));
  }
  if (socket.contains("data")) {
    const nlohmann::json& data = socket["data"];
    found.counts = {.begun = NumberIn(data, "streamsStarted"),
                    .succeeded = NumberIn(data, "streamsSucceeded"),
                    .failed = NumberIn(data, "streamsFailed")};
  }
  return found;
}

}  // namespace

StreamBudget::StreamBudget(const Limits& limits)
    : most_open_(limits.max_connection_streams +
                 limits.max_connection_streams / 4 + kSlack),
      resets_a_second_(static_cast<double>(limits.max_connection_resets)),
      most_resets_(resets_a_second_ +
                   static_cast<double>(limits.max_connection_streams)),
      resets_left_(most_resets_) {}

absl::string_view StreamBudget::Check(const StreamCounts& counts,
                                      MonotonicTime now) {
  if (counts.open() > most_open_) {
    return "max_connection_streams";
  }
  // Every stream that may be open may be broken off at once, and then so many a
  // second.
  if (looked_at_ != MonotonicTime{}) {
    const double seconds =
        absl::ToDoubleSeconds(absl::FromChrono(now - looked_at_));
    resets_left_ =
        std::min(most_resets_, resets_left_ + seconds * resets_a_second_);
  }
  looked_at_ = now;
  resets_left_ -= static_cast<double>(counts.failed - failed_);
  failed_ = counts.failed;
  return resets_left_ < 0 ? "max_connection_resets" : "";
}

ConnectionGuard::ConnectionGuard(const Limits& limits, Reactor* reactor,
                                 const Clock* clock, OnCut on_cut)
    : limits_(limits),
      reactor_(reactor),
      clock_(clock),
      on_cut_(std::move(on_cut)) {}

void ConnectionGuard::Watch(std::string peer, int number,
                            std::shared_ptr<Account> account) {
  ++begun_;
  Watched watched{.peer = peer,
                  .number = number,
                  .cookie = SocketCookie(number),
                  .account = std::move(account),
                  .budget = StreamBudget(limits_),
                  .patience = kPatience};
  without_id_.insert_or_assign(std::move(peer), std::move(watched));
  MutexLock lock(&mu_);
  Schedule();
}

void ConnectionGuard::Schedule() {
  if (!stopped_ && !scheduled_) {
    scheduled_ = true;
    timer_ = reactor_->RunAt(DeadlineAfter(clock_->Now(), kInterval),
                             [this] { Look(); });
  }
}

void ConnectionGuard::Stop() {
  {
    MutexLock lock(&mu_);
    if (std::exchange(stopped_, true)) {
      return;
    }
    reactor_->Cancel(timer_);
  }
  reactor_->Fence();
}

void ConnectionGuard::Look() {
  {
    MutexLock lock(&mu_);
    scheduled_ = false;
    if (stopped_) {
      return;
    }
  }
  FindIds();
  auto it = watched_.upper_bound(last_looked_);
  for (std::size_t i = std::min(kLooks, watched_.size()); i != 0; --i) {
    if (it == watched_.end()) {
      it = watched_.begin();
    }
    last_looked_ = it->first;
    it = LookAt(it->first, it->second) ? std::next(it) : watched_.erase(it);
    if (watched_.empty()) {
      break;
    }
  }
  if (!watched_.empty() || !without_id_.empty()) {
    MutexLock lock(&mu_);
    Schedule();
  }
}

void ConnectionGuard::FindIds() {
  if (without_id_.empty()) {
    return;
  }
  for (SocketId id = next_id_; id < next_id_ + kAhead + kAheadForEach * begun_;
       ++id) {
    const absl::optional<Socket> socket = Find(id);
    if (!socket.has_value()) {
      continue;
    }
    next_id_ = id + 1;
    begun_ = 0;
    const auto it = without_id_.find(socket->peer);
    if (it != without_id_.end()) {
      ++totals_[it->second.account.get()].connections;
      watched_.emplace(id, std::move(it->second));
      without_id_.erase(it);
    }
  }
  // What is not found in time has come and gone.
  absl::erase_if(without_id_,
                 [](auto& entry) { return --entry.second.patience < 0; });
}

bool ConnectionGuard::LookAt(SocketId id, Watched& watched) {
  const absl::optional<Socket> socket = Find(id);
  Total& total = totals_[watched.account.get()];
  total.open -= watched.open;
  if (socket.has_value()) {
    watched.open = socket->counts.open();
    total.open += watched.open;
    absl::string_view limit =
        watched.budget.Check(socket->counts, clock_->Now());
    if (limit.empty() && IsGreedy(watched)) {
      limit = "max_calls";
    }
    if (limit.empty()) {
      return true;
    }
    Cut(watched, limit);
    total.open -= watched.open;
  }
  if (--total.connections == 0) {
    totals_.erase(watched.account.get());
  }
  return false;
}

bool ConnectionGuard::IsGreedy(const Watched& watched) const {
  const Total& total = totals_.find(watched.account.get())->second;
  const std::int64_t most = watched.account->calls.limit();
  return total.open > most + most / 4 + kSlack &&
         watched.open * total.connections >= total.open;
}

void ConnectionGuard::Cut(const Watched& watched, absl::string_view limit) {
  // gRPC may close the number at any time, and another connection may get it.
  const UniqueFd copy(fcntl(watched.number, F_DUPFD_CLOEXEC, 0));
  if (copy.valid() && SocketCookie(copy.get()) == watched.cookie) {
    shutdown(copy.get(), SHUT_RDWR);
  }
  on_cut_(watched.peer, limit);
}

}  // namespace farpoll::server
