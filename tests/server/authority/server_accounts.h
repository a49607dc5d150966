// tests/server/authority/server_accounts.h: room: tests. The accounts of a
// private server of this process's user.
#ifndef FARPOLL_TESTS_SERVER_AUTHORITY_SERVER_ACCOUNTS_H_
#define FARPOLL_TESTS_SERVER_AUTHORITY_SERVER_ACCOUNTS_H_

#include <unistd.h>

#include <memory>

#include "server/authority/accounts.h"
#include "server/authority/authority.h"
#include "server/policy/limits.h"
#include "server/policy/policy.h"
#include "server/policy/quota.h"

namespace farpoll::server {

// Each part is usable by itself.
struct ServerAccounts {
  explicit ServerAccounts(const Limits& limits)
      : processes(limits.max_processes),
        accounts(limits, &authority, &processes) {}

  Authority authority{
      std::make_shared<Policy>(Policy::Default(Mode::kPrivate, geteuid())), {}};
  Quota processes;
  Accounts accounts;
};

}  // namespace farpoll::server

#endif  // FARPOLL_TESTS_SERVER_AUTHORITY_SERVER_ACCOUNTS_H_
