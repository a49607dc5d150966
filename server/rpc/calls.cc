#include "server/rpc/calls.h"

#include "absl/status/status.h"
#include "server/policy/limits.h"

namespace farpoll::server {

absl::StatusOr<Calls::Ticket> Calls::Begin(absl::string_view peer,
                                           std::shared_ptr<Account> account) {
  {
    MutexLock lock(&mu_);
    std::int64_t& count = by_connection_[peer];
    if (count >= max_connection_streams_) {
      return LimitReached("max_connection_streams", max_connection_streams_,
                          peer);
    }
    ++count;
  }
  const absl::Status taken = account->calls.TryTake(1, "max_calls");
  if (!taken.ok()) {
    End(std::string(peer));
    return taken;
  }
  return Ticket(this, std::string(peer), std::move(account));
}

void Calls::End(const std::string& peer) {
  MutexLock lock(&mu_);
  const auto it = by_connection_.find(peer);
  if (--it->second == 0) {
    by_connection_.erase(it);
  }
}

Calls::Ticket::~Ticket() {
  if (calls_ != nullptr) {
    account_->calls.Return(1);
    calls_->End(peer_);
  }
}

}  // namespace farpoll::server
