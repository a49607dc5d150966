// tests/server/authority/accounts_test.cc: room: tests. Nobody can take so much
// that nothing is left for others.
#include "server/authority/accounts.h"

#include <unistd.h>

#include <memory>

#include "absl/status/status.h"
#include "gtest/gtest.h"
#include "tests/server/authority/server_accounts.h"
#include "tests/support/status_matchers.h"

namespace farpoll::server {
namespace {

Principal User(uid_t uid) { return Principal::Local(uid, uid, 1); }
Principal OwnUser() { return Principal::ThisProcess(); }
Principal Ada() { return User(geteuid() + 1); }
Principal Bob() { return User(geteuid() + 2); }
Principal Cid() { return User(geteuid() + 3); }

constexpr Limits kHundred{
    .max_share_percent = 50, .reserve_percent = 10, .max_connections = 100};

// How many connections `who` can take, one by one.
int Take(Account& who) {
  int taken = 0;
  while (who.connections.TryTake(1)) {
    ++taken;
  }
  return taken;
}

TEST(AccountsTest, OnePrincipalGetsItsShareAndNoMore) {
  ServerAccounts server(kHundred);
  const auto ada = server.accounts.Of(Ada());

  EXPECT_EQ(Take(*ada), 50);
  EXPECT_EQ(DetailOf(ada->connections.TryTake(1, "max_connections")).reason,
            "QUOTA_CONNECTIONS");
  EXPECT_EQ(Take(*server.accounts.Of(Bob())), 40);
}

TEST(AccountsTest, AReserveIsLeftForTheServersOwnUser) {
  ServerAccounts server(kHundred);
  const auto ada = server.accounts.Of(Ada());
  const auto bob = server.accounts.Of(Bob());
  Take(*ada);
  Take(*bob);
  const auto cid = server.accounts.Of(Cid());

  const absl::Status refused = cid->connections.TryTake(1, "max_connections");

  EXPECT_EQ(DetailOf(refused).reason, "QUOTA_CONNECTIONS");
  EXPECT_EQ(DetailOf(refused).subject, "other users");
  EXPECT_EQ(Take(*server.accounts.Of(OwnUser())), 10);
}

TEST(AccountsTest, TheServersOwnUserMayHaveEverything) {
  ServerAccounts server(kHundred);
  const auto own = server.accounts.Of(OwnUser());

  EXPECT_EQ(Take(*own), 100);
  EXPECT_EQ(DetailOf(own->connections.TryTake(1, "max_connections")).reason,
            "LIMIT_CONNECTIONS");
  EXPECT_EQ(Take(*server.accounts.Of(Ada())), 0);
}

TEST(AccountsTest, APrincipalHasOneAccountWhoeverAsks) {
  ServerAccounts server(kHundred);
  const auto first = server.accounts.Of(Ada());

  EXPECT_EQ(server.accounts.Of(Ada()), first);
  EXPECT_NE(server.accounts.Of(Bob()), first);
}

TEST(AccountsTest, AnAccountOutlivesTheTable) {
  std::shared_ptr<Account> ada;
  {
    ServerAccounts server(kHundred);
    ada = server.accounts.Of(Ada());
    ASSERT_TRUE(ada->connections.TryTake(1));
  }

  ada->connections.Return(1);

  EXPECT_EQ(ada->connections.used(), 0);
}

TEST(AccountsTest, AllThatIsCountedHasAShare) {
  const Limits half = ScaleAccount(Limits(), 50);
  const Limits whole;

  EXPECT_EQ(half.max_connections, whole.max_connections / 2);
  EXPECT_EQ(half.max_passing_connections, whole.max_passing_connections / 2);
  EXPECT_EQ(half.max_calls, whole.max_calls / 2);
  EXPECT_EQ(half.max_sessions, whole.max_sessions / 2);
  EXPECT_EQ(half.max_handles, whole.max_handles / 2);
  EXPECT_EQ(half.max_weak_handles, whole.max_weak_handles / 2);
  EXPECT_EQ(half.max_processes, whole.max_processes / 2);
  EXPECT_EQ(half.max_file_calls, whole.max_file_calls / 2);
  EXPECT_EQ(ScaleAccount({.max_connections = 1}, 50).max_connections, 1);
  EXPECT_EQ(ScaleAccount({.max_handles = 0}, 50).max_handles, 0);
}

}  // namespace
}  // namespace farpoll::server
