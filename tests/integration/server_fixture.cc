#include "tests/integration/server_fixture.h"

#include <utility>

#include "tests/support/fd_count.h"
#include "tests/support/memory.h"
#include "tests/support/status_matchers.h"

namespace farpoll {
namespace {

// What gRPC and the allocator may keep after a test, of what it took.
constexpr std::int64_t kKeptBytes = 2 << 20;

// Uses a bit of everything, so that what is made once is made before counting.
void WarmUp(const std::string& address) {
  Peer peer(address);
  peer.MakePipe("in", "out");
  peer.MakeSelector("poll");
  peer.Register("poll", "out", kOut);
  EXPECT_EQ(peer.Poll("poll", absl::ZeroDuration()), "out:4");
  WaitStream wait(peer, "poll");
  EXPECT_EQ(wait.Next(2), "out:4");
}

}  // namespace

void ServerTest::Start(const server::Limits& limits) {
  const std::string listen = GetParam() == Transport::kUnix
                                 ? "unix:" + folder_.path() + "/s"
                                 : "127.0.0.1:0";
  absl::StatusOr<std::unique_ptr<server::Server>> server =
      server::Server::Start({.listen = {listen}, .limits = limits});
  ASSERT_THAT(server, IsOk());
  server_ = *std::move(server);
  host_ = std::make_unique<Peer>(address(), "");
  const int connected = [&] {
    host_->Must(&ServerInfo::GetServer, "");
    WarmUpWith(*host_);
    return CountOpenDescriptors();
  }();
  WarmUp(address());
  Await([&] { return CountOpenDescriptors() <= connected; },
        "the warm-up's connection is closed");
  descriptors_ = CountOpenDescriptors();
  bytes_ = AllocatedBytes();
  peer_ = std::make_unique<Peer>(address());
}

void ServerTest::TearDown() {
  if (peer_ == nullptr) {
    return;
  }
  peer_.reset();
  if (host_->Call(&ServerInfo::GetServer, "").status.ok()) {
    Await([&] { return CountOpenDescriptors() <= descriptors_; },
          "descriptors are closed");
    const auto info = [&] { return host_->Must(&ServerInfo::GetServer, ""); };
    EXPECT_EQ(info().sessions(), 0);
    // One counts until its close(2) is over, on a thread of its own.
    Await([&] { return info().handles() == 0; }, "handles are closed");
    EXPECT_LE(AllocatedBytes(), bytes_ + kKeptBytes);
  }
  server_.reset();
}

}  // namespace farpoll
