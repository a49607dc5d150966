#include "server/connection_guard.h"

#include <fcntl.h>
#include <grpc/grpc.h>
#include <grpc/support/alloc.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstddef>
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

// What a message, the headers of a stream, and a second of signs of life may
// have, in bytes.
constexpr std::int64_t kMessageBytes = (4 << 20) + (64 << 10);
constexpr std::int64_t kHeaderBytes = 64 << 10;
constexpr double kUpkeepBytes = 4096;
// A peer's WINDOW_UPDATEs are a small part of what it is sent.
constexpr std::int64_t kAnswerParts = 8;
// One connection may have this part of all that may be on its way.
constexpr std::int64_t kTransitParts = 4;

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
                    .failed = NumberIn(data, "streamsFailed"),
                    .messages = NumberIn(data, "messagesReceived")};
  }
  return found;
}

// Adds what the kernel counts of the TCP connection `number`, which is the one
// with `cookie` or closed already.
void AddBytes(int number, std::uint64_t cookie, StreamCounts* counts) {
  tcp_info info{};
  socklen_t size = sizeof(info);
  if (getsockopt(number, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 &&
      size >= offsetof(tcp_info, tcpi_segs_out) &&
      SocketCookie(number) == cookie) {
    counts->bytes = static_cast<std::int64_t>(info.tcpi_bytes_received);
    counts->bytes_to_peer = static_cast<std::int64_t>(info.tcpi_bytes_acked);
  }
}

}  // namespace

StreamBudget::StreamBudget(const Limits& limits)
    : most_open_(limits.max_connection_streams +
                 limits.max_connection_streams / 4 + kSlack),
      resets_a_second_(static_cast<double>(limits.max_connection_resets)),
      most_resets_(resets_a_second_ +
                   static_cast<double>(limits.max_connection_streams)),
      resets_left_(most_resets_),
      most_in_transit_(limits.max_transit_bytes / kTransitParts) {}

absl::string_view StreamBudget::Check(const StreamCounts& counts,
                                      MonotonicTime now) {
  const double seconds =
      looked_at_ == MonotonicTime{}
          ? 0
          : absl::ToDoubleSeconds(absl::FromChrono(now - looked_at_));
  looked_at_ = now;
  // Every stream that may be open may be broken off at once, and then so many a
  // second.
  resets_left_ =
      std::min(most_resets_, resets_left_ + seconds * resets_a_second_) -
      static_cast<double>(counts.failed - last_.failed);
  const std::int64_t accounted_for =
      (counts.messages - last_.messages) * kMessageBytes +
      (counts.begun - last_.begun) * kHeaderBytes +
      (counts.bytes_to_peer - last_.bytes_to_peer) / kAnswerParts +
      static_cast<std::int64_t>(seconds * kUpkeepBytes);
  in_transit_ = std::max<std::int64_t>(
      0, in_transit_ + counts.bytes - last_.bytes - accounted_for);
  last_ = counts;
  if (counts.open() > most_open_) {
    return "max_connection_streams";
  }
  if (resets_left_ < 0) {
    return "max_connection_resets";
  }
  return in_transit_ > most_in_transit_ ? "max_transit_bytes" : "";
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
  absl::optional<Socket> socket = Find(id);
  Total& total = totals_[watched.account.get()];
  total.open -= watched.open;
  if (socket.has_value()) {
    AddBytes(watched.number, watched.cookie, &socket->counts);
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
