#include "server/authority/accounts.h"

#include <algorithm>

namespace farpoll::server {
namespace {

// Whose the account of everybody but the server's own user is, in errors.
constexpr char kOthers[] = "other users";

}  // namespace

Accounts::Accounts(const Limits& limits, const Authority* authority,
                   Quota* all_processes)
    : limits_(limits),
      authority_(*authority),
      all_(std::make_shared<Account>(limits, all_processes)),
      others_(std::make_shared<Account>(
          kOthers, ScaleAccount(limits, 100 - limits.reserve_percent), all_)) {}

bool Accounts::IsOwnUser(const Policy& policy, const Principal& principal) {
  return principal.IsUser(policy.spec().own_uid);
}

Limits Accounts::ShareOf(const Policy& policy,
                         const Principal& principal) const {
  return policy.LimitsOf(
      principal, IsOwnUser(policy, principal)
                     ? limits_
                     : ScaleAccount(limits_, limits_.max_share_percent));
}

std::shared_ptr<Account> Accounts::Of(const Principal& principal) {
  const std::shared_ptr<const Policy> policy = authority_.policy();
  MutexLock lock(&mu_);
  if (open_.size() >= sweep_at_) {
    absl::erase_if(open_, [](const auto& entry) {
      return entry.second.account.expired();
    });
    sweep_at_ = std::max<std::size_t>(16, 2 * open_.size());
  }
  Open& open = open_[principal.Key()];
  std::shared_ptr<Account> account = open.account.lock();
  if (account == nullptr) {
    account = std::make_shared<Account>(
        principal.Key(), ShareOf(*policy, principal),
        IsOwnUser(*policy, principal) ? all_ : others_);
    open = Open{principal, account};
  }
  return account;
}

void Accounts::Refresh() {
  const std::shared_ptr<const Policy> policy = authority_.policy();
  MutexLock lock(&mu_);
  for (const auto& [key, open] : open_) {
    if (const std::shared_ptr<Account> account = open.account.lock()) {
      account->SetLimits(ShareOf(*policy, open.owner));
    }
  }
}

}  // namespace farpoll::server
