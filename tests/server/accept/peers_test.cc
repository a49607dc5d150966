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
  Peers peers(kMany, IdentifyByKernel);
  FdPair pair = UnixPair(SOCK_STREAM);

  const absl::StatusOr<UniqueFd> admitted = peers.Admit(std::move(pair.first));

  ASSERT_THAT(admitted, IsOk());
  const absl::StatusOr<Principal> caller = peers.Resolve(PeerOf(*admitted));
  ASSERT_THAT(caller, IsOk());
  EXPECT_TRUE(caller->IsUser(geteuid()));
  EXPECT_EQ(caller->gid, getegid());
  EXPECT_EQ(caller->pid, getpid());
  std::vector<gid_t> groups(1024);
  groups.resize(static_cast<std::size_t>(
      getgroups(static_cast<int>(groups.size()), groups.data())));
  EXPECT_THAT(caller->groups, testing::UnorderedElementsAreArray(groups));
}

TEST(PeersTest, ATcpPeerIsNobody) {
  Peers peers(kMany, IdentifyByKernel);
  FdPair pair = TcpPair();

  const absl::StatusOr<UniqueFd> admitted = peers.Admit(std::move(pair.second));

  ASSERT_THAT(admitted, IsOk());
  EXPECT_EQ(peers.Resolve(PeerOf(*admitted))->Key(),
            Principal::AnonymousTcp().Key());
}

TEST(PeersTest, CallsAreResolvedByTheirPeer) {
  Peers peers(kMany, IdentifyByKernel);

  EXPECT_EQ(peers.Resolve("ipv4:127.0.0.1:5")->Key(),
            Principal::AnonymousTcp().Key());
  EXPECT_EQ(peers.Resolve("ipv6:[::1]:5")->Key(),
            Principal::AnonymousTcp().Key());
  EXPECT_EQ(peers.Resolve("unknown")->Key(), Principal::ThisProcess().Key());
  for (const char* peer : {"fd:7", "fd:", "fd:x", "unix:", ""}) {
    EXPECT_THAT(peers.Resolve(peer),
                StatusIs(absl::StatusCode::kUnauthenticated))
        << peer;
  }
}

TEST(PeersTest, WhoIsNotKnownIsNotAdmitted) {
  Peers peers(kMany, IdentifyByKernel);
  Pipe pipe;

  EXPECT_THAT(peers.Admit(std::move(pipe.read_end)),
              StatusIs(absl::StatusCode::kUnauthenticated));
}

TEST(PeersTest, ANumberIsNotUsedAgainAtOnce) {
  Peers peers(kMany, IdentifyByKernel);
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
  Peers peers(kMany, IdentifyByKernel);
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
  Peers peers(kMany, IdentifyByKernel);
  FdPair pair = UnixPair(SOCK_STREAM);
  absl::Status refused;
  {
    const DescriptorLimit none(0);
    refused = peers.Admit(std::move(pair.first)).status();
  }

  EXPECT_THAT(refused, HasErrno(EMFILE));
}

TEST(PeersTest, TheLimitCountsWhatIsOpen) {
  Peers peers(2, IdentifyByKernel);
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

}  // namespace
}  // namespace farpoll::server
