// tests/server/accept/peers_test.cc: room: tests. Who is behind a connection.
#include "server/accept/peers.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/authority/server_accounts.h"
#include "tests/support/descriptor_limit.h"
#include "tests/support/fd_fixtures.h"
#include "tests/support/status_matchers.h"

namespace farpoll::server {
namespace {

constexpr std::int64_t kMany = 1000;

std::string PeerOf(const UniqueFd& connection) {
  return absl::StrCat("fd:", connection.get());
}

TEST(PeersTest, AUnixPeerIsItsUser) {
  ServerAccounts server({.max_connections = kMany});
  Peers peers(&server.accounts, IdentifyByKernel);
  FdPair pair = UnixPair(SOCK_STREAM);

  const absl::StatusOr<UniqueFd> admitted = peers.Admit(std::move(pair.first));

  ASSERT_THAT(admitted, IsOk());
  const absl::StatusOr<Caller> resolved = peers.Resolve(PeerOf(*admitted));
  ASSERT_THAT(resolved, IsOk());
  const Principal* const caller = &resolved->principal;
  EXPECT_TRUE(caller->IsUser(geteuid()));
  EXPECT_EQ(caller->gid, getegid());
  EXPECT_EQ(caller->pid, getpid());
  std::vector<gid_t> groups(1024);
  groups.resize(static_cast<std::size_t>(
      getgroups(static_cast<int>(groups.size()), groups.data())));
  EXPECT_THAT(caller->groups, testing::UnorderedElementsAreArray(groups));
}

TEST(PeersTest, ATcpPeerIsNobody) {
  ServerAccounts server({.max_connections = kMany});
  Peers peers(&server.accounts, IdentifyByKernel);
  FdPair pair = TcpPair();

  const absl::StatusOr<UniqueFd> admitted = peers.Admit(std::move(pair.second));

  ASSERT_THAT(admitted, IsOk());
  EXPECT_EQ(peers.Resolve(PeerOf(*admitted))->principal.Key(),
            Principal::AnonymousTcp().Key());
}

TEST(PeersTest, CallsAreResolvedByTheirPeer) {
  ServerAccounts server({.max_connections = kMany});
  Peers peers(&server.accounts, IdentifyByKernel);

  EXPECT_EQ(peers.Resolve("ipv4:127.0.0.1:5")->principal.Key(),
            Principal::AnonymousTcp().Key());
  EXPECT_EQ(peers.Resolve("ipv6:[::1]:5")->principal.Key(),
            Principal::AnonymousTcp().Key());
  for (const char* peer : {"fd:7", "fd:", "fd:x", "unix:", "unknown", ""}) {
    EXPECT_THAT(peers.Resolve(peer),
                StatusIs(absl::StatusCode::kUnauthenticated))
        << peer;
  }
}

TEST(PeersTest, WhoIsNotKnownIsNotAdmitted) {
  ServerAccounts server({.max_connections = kMany});
  Peers peers(&server.accounts, IdentifyByKernel);
  Pipe pipe;

  EXPECT_THAT(peers.Admit(std::move(pipe.read_end)),
              StatusIs(absl::StatusCode::kUnauthenticated));
}

TEST(PeersTest, ANumberIsNotUsedAgainAtOnce) {
  ServerAccounts server({.max_connections = kMany});
  Peers peers(&server.accounts, IdentifyByKernel);
  std::vector<int> numbers;
  for (int i = 0; i < 3; ++i) {
    FdPair pair = UnixPair(SOCK_STREAM);
    numbers.push_back(peers.Admit(std::move(pair.first))->get());
  }

  EXPECT_EQ(numbers[1], numbers[0] + 1);
  EXPECT_EQ(numbers[2], numbers[1] + 1);
}

TEST(PeersTest, NumbersStartAnewAtTheEndOfTheTable) {
  const DescriptorLimit few(64);
  ServerAccounts server({.max_connections = kMany});
  Peers peers(&server.accounts, IdentifyByKernel);
  for (int i = 0; i < 100; ++i) {
    FdPair pair = UnixPair(SOCK_STREAM);
    const absl::StatusOr<UniqueFd> admitted =
        peers.Admit(std::move(pair.first));
    ASSERT_THAT(admitted, IsOk());
    EXPECT_GE(admitted->get(), 32);
    EXPECT_LT(admitted->get(), 64);
  }
}

TEST(PeersTest, AFullTableRefuses) {
  ServerAccounts server({.max_connections = kMany});
  Peers peers(&server.accounts, IdentifyByKernel);
  FdPair pair = UnixPair(SOCK_STREAM);
  absl::Status refused;
  {
    const DescriptorLimit none(0);
    refused = peers.Admit(std::move(pair.first)).status();
  }

  EXPECT_THAT(refused, HasErrno(EMFILE));
}

TEST(PeersTest, TheLimitCountsWhatIsOpen) {
  ServerAccounts server({.max_connections = 2});
  Peers peers(&server.accounts, IdentifyByKernel);
  FdPair first = UnixPair(SOCK_STREAM);
  FdPair second = UnixPair(SOCK_STREAM);
  FdPair third = UnixPair(SOCK_STREAM);
  FdPair fourth = UnixPair(SOCK_STREAM);
  absl::StatusOr<UniqueFd> one = peers.Admit(std::move(first.first));
  absl::StatusOr<UniqueFd> two = peers.Admit(std::move(second.first));

  const absl::Status refused = peers.Admit(std::move(third.first)).status();
  one->Reset();  // as gRPC does when the client is gone

  EXPECT_THAT(refused, StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_EQ(DetailOf(refused).reason, "LIMIT_CONNECTIONS");
  EXPECT_THAT(peers.Admit(std::move(fourth.first)), IsOk());
}

TEST(PeersTest, OthersHaveTheirShareAndTheOwnUserGetsIn) {
  ServerAccounts server({.max_share_percent = 50, .max_connections = 4});
  bool own = false;
  Peers peers(&server.accounts, [&own](int) {
    return own ? Principal::ThisProcess()
               : Principal::Local(geteuid() + 1, 1, 1);
  });
  std::vector<UniqueFd> connections;
  const auto admit = [&] {
    FdPair pair = UnixPair(SOCK_STREAM);
    absl::StatusOr<UniqueFd> admitted = peers.Admit(std::move(pair.first));
    if (admitted.ok()) {
      connections.push_back(*std::move(admitted));
    }
    return admitted.status();
  };

  EXPECT_THAT(admit(), IsOk());
  EXPECT_THAT(admit(), IsOk());
  EXPECT_EQ(DetailOf(admit()).reason, "QUOTA_CONNECTIONS");
  own = true;
  EXPECT_THAT(admit(), IsOk());
}

// Connections that gRPC has closed are found in turns, a few each time.
TEST(PeersTest, ManyClosedConnectionsMakeRoom) {
  ServerAccounts server({.max_connections = 200});
  Peers peers(&server.accounts, IdentifyByKernel);
  std::vector<UniqueFd> connections;
  for (int i = 0; i < 200; ++i) {
    FdPair pair = UnixPair(SOCK_STREAM);
    connections.push_back(*peers.Admit(std::move(pair.first)));
  }
  connections.clear();

  for (int i = 0; i < 200; ++i) {
    FdPair pair = UnixPair(SOCK_STREAM);
    absl::StatusOr<UniqueFd> admitted = peers.Admit(std::move(pair.first));
    ASSERT_THAT(admitted, IsOk()) << i;
    connections.push_back(*std::move(admitted));
  }
}

// gRPC closes a connection and says nothing; whatever gets its number next is
// no connection of ours.
TEST(PeersTest, TheLimitDoesNotCountANumberThatAnotherSocketGot) {
  ServerAccounts server({.max_connections = 1});
  Peers peers(&server.accounts, IdentifyByKernel);
  FdPair first = UnixPair(SOCK_STREAM);
  FdPair second = UnixPair(SOCK_STREAM);
  FdPair other = UnixPair(SOCK_STREAM);
  absl::StatusOr<UniqueFd> one = peers.Admit(std::move(first.first));
  ASSERT_THAT(one, IsOk());
  const int number = one->get();
  one->Reset();
  const UniqueFd reused(
      MustSucceed(dup3(other.first.get(), number, O_CLOEXEC), "dup3"));

  EXPECT_THAT(peers.Admit(std::move(second.first)), IsOk());
}

}  // namespace
}  // namespace farpoll::server
