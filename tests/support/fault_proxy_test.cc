// The proxy of the tests itself: what it does between two sockets.
#include "tests/support/fault_proxy.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <string>

#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "tests/support/fd_fixtures.h"

namespace farpoll {
namespace {

sockaddr_un AddressOf(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  return address;
}

// A server that accepts, and clients that come through a proxy.
class FaultProxyTest : public testing::Test {
 protected:
  FaultProxyTest() {
    const sockaddr_un address = AddressOf(server_path());
    MustSucceed(
        bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address),
             sizeof(address)),
        "bind");
    MustSucceed(listen(listener_.get(), 8), "listen");
  }

  static UniqueFd Socket() {
    return UniqueFd(MustSucceed(
        socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0),
        "socket"));
  }
  std::string server_path() const { return folder_.path() + "/s"; }
  std::string proxy_path() const { return folder_.path() + "/p"; }

  // A connection through the proxy: first the client's end.
  FdPair Connect() {
    FdPair pair;
    pair.first = Socket();
    const sockaddr_un address = AddressOf(proxy_path());
    MustSucceed(
        connect(pair.first.get(), reinterpret_cast<const sockaddr*>(&address),
                sizeof(address)),
        "connect");
    AwaitReadable(listener_.get());
    pair.second =
        UniqueFd(MustSucceed(accept4(listener_.get(), nullptr, nullptr,
                                     SOCK_CLOEXEC | SOCK_NONBLOCK),
                             "accept4"));
    return pair;
  }
  static bool AwaitReadable(int fd) {
    pollfd entry{.fd = fd, .events = POLLIN, .revents = 0};
    return poll(&entry, 1, 10'000) == 1;
  }
  // What comes to `fd` until there are `size` bytes, or its end.
  static std::string Await(int fd, std::size_t size) {
    std::string got;
    while (got.size() < size && AwaitReadable(fd)) {
      const std::string more = Read(fd);
      if (more.empty()) {
        break;
      }
      got += more;
    }
    return got;
  }

  TemporaryFolder folder_;
  const UniqueFd listener_ = Socket();
};

TEST_F(FaultProxyTest, ForwardsBothWaysAndTheEnd) {
  FaultProxy proxy(proxy_path(), server_path(), {});
  FdPair ends = Connect();

  Write(ends.first.get(), "to the server");
  Write(ends.second.get(), "to the client");

  EXPECT_EQ(Await(ends.second.get(), 13), "to the server");
  EXPECT_EQ(Await(ends.first.get(), 13), "to the client");
  Write(ends.second.get(), "last");
  ends.second.Reset();
  EXPECT_EQ(Await(ends.first.get(), 5), "last");
  EXPECT_EQ(proxy.cuts(), 0);
  EXPECT_EQ(proxy.connections(), 1);
}

TEST_F(FaultProxyTest, CutsAtTheByteThatTheSeedSays) {
  const FaultSchedule schedule = {
      .seed = 7, .least_bytes_to_cut = 100, .most_bytes_to_cut = 5'000};
  std::size_t before_the_cut[2] = {0, 0};
  for (std::size_t& count : before_the_cut) {
    FaultProxy proxy(proxy_path(), server_path(), schedule);
    FdPair ends = Connect();

    Write(ends.first.get(), std::string(10'000, 'x'));

    count = Await(ends.second.get(), 10'000).size();
    EXPECT_EQ(proxy.cuts(), 1);
  }

  EXPECT_GE(before_the_cut[0], 100u);
  EXPECT_LE(before_the_cut[0], 5'000u);
  EXPECT_EQ(before_the_cut[0], before_the_cut[1]);
}

TEST_F(FaultProxyTest, StallsOneDirectionWithinABound) {
  FaultProxy proxy(proxy_path(), server_path(), {});
  const FdPair ends = Connect();
  proxy.Stall(FaultProxy::Way::kToServer);

  EXPECT_LT(Fill(ends.first.get()), std::size_t{1} << 20);
  Write(ends.second.get(), "the other way");
  EXPECT_EQ(Await(ends.first.get(), 13), "the other way");
  EXPECT_EQ(Read(ends.second.get()), "");

  proxy.Flow(FaultProxy::Way::kToServer);
  EXPECT_NE(Await(ends.second.get(), 1), "");
}

TEST_F(FaultProxyTest, HoldsBackAndForwardsInOrder) {
  FaultProxy proxy(
      proxy_path(), server_path(),
      {.seed = 1, .hold_percent = 100, .longest_hold = absl::Milliseconds(2)});
  const FdPair ends = Connect();

  std::string sent;
  for (char letter = 'a'; letter <= 'z'; ++letter) {
    sent += std::string(10, letter);
    Write(ends.first.get(), std::string(10, letter));
  }

  EXPECT_EQ(Await(ends.second.get(), sent.size()), sent);
}

TEST_F(FaultProxyTest, CutsAndRefusesOnCommand) {
  FaultProxy proxy(proxy_path(), server_path(), {});
  const FdPair ends = Connect();

  proxy.CutAll();

  EXPECT_EQ(Await(ends.first.get(), 1), "");
  EXPECT_EQ(Await(ends.second.get(), 1), "");
  EXPECT_EQ(proxy.cuts(), 1);
  proxy.Refuse();
  const UniqueFd refused = Socket();
  const sockaddr_un address = AddressOf(proxy_path());
  MustSucceed(
      connect(refused.get(), reinterpret_cast<const sockaddr*>(&address),
              sizeof(address)),
      "connect");
  EXPECT_EQ(Await(refused.get(), 1), "");
  EXPECT_EQ(proxy.connections(), 1);
}

}  // namespace
}  // namespace farpoll
