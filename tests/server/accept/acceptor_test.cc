// tests/server/accept/acceptor_test.cc: room: tests. Accepting, also with a
// descriptor table that is full.
#include "server/accept/acceptor.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <memory>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "base/mutex.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/descriptor_limit.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fd_fixtures.h"
#include "tests/support/status_matchers.h"

namespace farpoll::server {
namespace {

constexpr int kPatienceMs = 30'000;

class AcceptorTest : public testing::Test {
 protected:
  void SetUp() override {
    auto acceptor = Acceptor::Start(
        reactor_.get(), &clock_, listener_.get(),
        [this](UniqueFd connection) {
          MutexLock lock(&mutex_);
          accepted_.push_back(std::move(connection));
          news_.SignalAll();
        },
        [this](int number) {
          MutexLock lock(&mutex_);
          full_.push_back(number);
          news_.SignalAll();
        });
    ASSERT_THAT(acceptor, IsOk());
    acceptor_ = *std::move(acceptor);
  }

  void AwaitAccepted(std::size_t count) {
    MutexLock lock(&mutex_);
    while (accepted_.size() < count) {
      news_.Wait(&mutex_);
    }
  }
  int AwaitFull() {
    MutexLock lock(&mutex_);
    while (full_.empty()) {
      news_.Wait(&mutex_);
    }
    return std::exchange(full_, {}).front();
  }

  // A socket that can be connected when there are no descriptors any more.
  static UniqueFd Unconnected() {
    return UniqueFd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  }
  void Connect(const UniqueFd& client) {
    sockaddr_storage name{};
    socklen_t size = sizeof(name);
    auto* const address = reinterpret_cast<sockaddr*>(&name);
    MustSucceed(getsockname(listener_.get(), address, &size), "getsockname");
    MustSucceed(connect(client.get(), address, size), "connect");
  }
  // Whether the server closed the connection of `client`.
  static bool IsClosed(const UniqueFd& client) {
    pollfd entry{.fd = client.get(), .events = POLLIN, .revents = 0};
    MustSucceed(poll(&entry, 1, kPatienceMs), "poll");
    char byte = 0;
    return recv(client.get(), &byte, 1, MSG_DONTWAIT) <= 0;
  }
  // The lowest number that is free: with it as limit, the table is full.
  static rlim_t Used() {
    const UniqueFd free(fcntl(0, F_DUPFD_CLOEXEC, 0));
    return static_cast<rlim_t>(free.get());
  }

  FakeClock clock_;
  UniqueFd listener_ = TcpListener();
  std::unique_ptr<Reactor> reactor_ = *Reactor::Start(&clock_);
  Mutex mutex_;
  CondVar news_;
  std::vector<UniqueFd> accepted_ ABSL_GUARDED_BY(mutex_);
  std::vector<int> full_ ABSL_GUARDED_BY(mutex_);
  std::unique_ptr<Acceptor> acceptor_;
};

TEST_F(AcceptorTest, ConnectionsComeReadyToUse) {
  const UniqueFd client = ConnectTo(listener_.get());
  AwaitAccepted(1);

  MutexLock lock(&mutex_);
  EXPECT_NE(fcntl(accepted_[0].get(), F_GETFL) & O_NONBLOCK, 0);
  EXPECT_NE(fcntl(accepted_[0].get(), F_GETFD) & FD_CLOEXEC, 0);
}

TEST_F(AcceptorTest, AStormIsAccepted) {
  std::vector<UniqueFd> clients;
  for (int i = 0; i < 100; ++i) {
    clients.push_back(ConnectTo(listener_.get()));
  }

  AwaitAccepted(clients.size());
}

TEST_F(AcceptorTest, AFullTableClosesTheConnectionAndGoesOn) {
  // UBSan needs a descriptor when it first looks at a type: hence one before.
  const UniqueFd before = ConnectTo(listener_.get());
  AwaitAccepted(1);
  for (int round = 1; round <= 3; ++round) {
    const UniqueFd refused = Unconnected();
    {
      const DescriptorLimit full(Used());
      Connect(refused);
      EXPECT_EQ(AwaitFull(), EMFILE);
      EXPECT_TRUE(IsClosed(refused));
    }

    const UniqueFd welcome = ConnectTo(listener_.get());
    AwaitAccepted(static_cast<std::size_t>(1 + round));
  }
}

TEST_F(AcceptorTest, WithoutASpareItPausesUntilThereIsOne) {
  const UniqueFd before = ConnectTo(listener_.get());
  AwaitAccepted(1);
  const UniqueFd waiting = Unconnected();
  {
    const DescriptorLimit none(0);  // not even the spare's number may be used
    Connect(waiting);
    EXPECT_EQ(AwaitFull(), EMFILE);
  }

  while (true) {  // the pause's timer is set after the news of it
    clock_.Advance(absl::Seconds(1));
    reactor_->Poke();
    reactor_->Fence();
    MutexLock lock(&mutex_);
    if (accepted_.size() == 2) {
      break;
    }
  }
}

// Otherwise the next full table would find nothing to refuse with.
TEST_F(AcceptorTest, AfterAPauseTheSpareHasTheFirstFreeNumber) {
  const UniqueFd before = ConnectTo(listener_.get());
  AwaitAccepted(1);
  const UniqueFd waiting = Unconnected();
  {
    const DescriptorLimit none(0);
    Connect(waiting);
    EXPECT_EQ(AwaitFull(), EMFILE);
  }
  // The spare's number is lost to somebody else; one other is free.
  const UniqueFd thief(fcntl(0, F_DUPFD_CLOEXEC, 0));
  const DescriptorLimit one(Used() + 1);

  for (bool done = false; !done;) {
    clock_.Advance(absl::Seconds(1));
    reactor_->Poke();
    reactor_->Fence();
    MutexLock lock(&mutex_);
    done = !full_.empty() || accepted_.size() > 1;
  }

  {
    MutexLock lock(&mutex_);
    ASSERT_EQ(accepted_.size(), 1u);
    EXPECT_EQ(full_.front(), EMFILE);
  }
  EXPECT_TRUE(IsClosed(waiting));
}

TEST_F(AcceptorTest, NothingIsAcceptedAfterStop) {
  acceptor_->Stop();
  acceptor_->Stop();

  const UniqueFd client = ConnectTo(listener_.get());
  reactor_->Fence();

  MutexLock lock(&mutex_);
  EXPECT_TRUE(accepted_.empty());
}

}  // namespace
}  // namespace farpoll::server
