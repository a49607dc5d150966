// server/authority/accounts.h: room: server/authority. The accounts of all
// principals, by the policy in force.
//
// No principal can lock the others out. The server's own user may have all that
// the server has. Everybody else gets a share of it (max_share_percent), and
// all of them together leave a reserve to the server's own user
// (reserve_percent). The policy's quotas lower a principal's share further.
// Threads: any.
#ifndef FARPOLL_SERVER_AUTHORITY_ACCOUNTS_H_
#define FARPOLL_SERVER_AUTHORITY_ACCOUNTS_H_

#include <cstddef>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "base/mutex.h"
#include "server/authority/authority.h"
#include "server/policy/account.h"
#include "server/policy/limits.h"
#include "server/policy/policy.h"
#include "server/policy/principal.h"
#include "server/policy/quota.h"

namespace farpoll::server {

class Accounts {
 public:
  // Borrows `authority` and `all_processes`, which counts every child process.
  Accounts(const Limits& limits, const Authority* authority,
           Quota* all_processes);

  // The account of `principal`, which lives as long as somebody holds it: one
  // account a principal, whoever asks.
  std::shared_ptr<Account> Of(const Principal& principal);

  // The policy was replaced: open accounts are held to its quotas from now on.
  void Refresh();

  // What the whole server has.
  const Account& all() const { return *all_; }

 private:
  // Lives as long as what is counted in it.
  struct Open {
    Principal owner;
    std::weak_ptr<Account> account;
  };

  static bool IsOwnUser(const Policy& policy, const Principal& principal);
  // What `principal` may have.
  Limits ShareOf(const Policy& policy, const Principal& principal) const;

  const Limits limits_;
  const Authority& authority_;
  const std::shared_ptr<Account> all_;
  // Of everybody but the server's own user, inside `all_`.
  const std::shared_ptr<Account> others_;

  Mutex mu_;
  // By the owner's key.
  absl::flat_hash_map<std::string, Open> open_ ABSL_GUARDED_BY(mu_);
  // So many accounts make it worth to forget those that are gone.
  std::size_t sweep_at_ ABSL_GUARDED_BY(mu_) = 16;
};

}  // namespace farpoll::server

#endif  // FARPOLL_SERVER_AUTHORITY_ACCOUNTS_H_
