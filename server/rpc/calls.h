// server/rpc/calls.h: room: server/rpc. Counts the calls in progress, of each
// connection and of each principal.
//
// HTTP/2's own bound (SETTINGS_MAX_CONCURRENT_STREAMS) holds only for clients
// that acknowledge it, and for each connection by itself.
// Threads: any.
#ifndef FARPOLL_SERVER_RPC_CALLS_H_
#define FARPOLL_SERVER_RPC_CALLS_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/mutex.h"
#include "server/policy/account.h"

namespace farpoll::server {

class Calls {
 public:
  // A call that is counted, until this goes.
  class Ticket {
   public:
    Ticket(Ticket&& other) noexcept
        : calls_(std::exchange(other.calls_, nullptr)),
          peer_(std::move(other.peer_)),
          account_(std::move(other.account_)) {}
    Ticket& operator=(Ticket&&) = delete;
    ~Ticket();

   private:
    friend class Calls;
    Ticket(Calls* calls, std::string peer, std::shared_ptr<Account> account)
        : calls_(calls), peer_(std::move(peer)), account_(std::move(account)) {}

    Calls* calls_;
    std::string peer_;
    std::shared_ptr<Account> account_;
  };

  // `max_connection_streams` bounds what one connection may have in progress.
  explicit Calls(std::int64_t max_connection_streams)
      : max_connection_streams_(max_connection_streams) {}

  // Counts a call of the connection `peer` (gRPC's name of it) in `account`.
  // The ticket must not outlive this object.
  //   Errors: RESOURCE_EXHAUSTED (LIMIT_CONNECTION_STREAMS, LIMIT_CALLS,
  //     QUOTA_CALLS).
  absl::StatusOr<Ticket> Begin(absl::string_view peer,
                               std::shared_ptr<Account> account);

 private:
  void End(const std::string& peer);

  const std::int64_t max_connection_streams_;
  Mutex mu_;
  // Of connections that have any.
  absl::flat_hash_map<std::string, std::int64_t> by_connection_
      ABSL_GUARDED_BY(mu_);
};

}  // namespace farpoll::server

#endif  // FARPOLL_SERVER_RPC_CALLS_H_
