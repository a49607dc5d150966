// tests/integration/cuts.h: room: tests. What the tests of connections that are
// cut share: counters written here and waited on in a server, a proxy between.
#ifndef FARPOLL_TESTS_INTEGRATION_CUTS_H_
#define FARPOLL_TESTS_INTEGRATION_CUTS_H_

#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "base/unique_fd.h"
#include "client/client.h"
#include "gtest/gtest.h"
#include "tests/integration/server_fixture.h"
#include "tests/support/fault_proxy.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temporary_folder.h"

namespace farpoll {

// Counters, eventfd(2), that are written here and waited on in the server. Each
// write is an edge.
class Counters {
 public:
  explicit Counters(int count) : written_(count) {
    for (int i = 0; i < count; ++i) {
      fds_.emplace_back(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    }
  }

  int size() const { return static_cast<int>(fds_.size()); }
  int fd(int i) const { return fds_[i].get(); }
  std::int64_t written(int i) const { return written_[i]; }

  void Write(int i) {
    ++written_[i];  // first: an event may be seen before write(2) returns
    const std::uint64_t one = 1;
    ASSERT_EQ(write(fd(i), &one, sizeof(one)), sizeof(one));
  }
  // What was written since the last Take().
  std::int64_t Take(int i) {
    std::uint64_t count = 0;
    return read(fd(i), &count, sizeof(count)) == sizeof(count)
               ? static_cast<std::int64_t>(count)
               : 0;
  }

 private:
  std::vector<UniqueFd> fds_;
  std::vector<std::atomic<std::int64_t>> written_;
};

// Attempts that follow one another as fast as they can.
inline RetryOptions Hasty() {
  RetryOptions retry;
  retry.first_pause = absl::Milliseconds(2);
  retry.longest_pause = absl::Milliseconds(20);
  return retry;
}

// A server, a proxy before it, and a session made without the proxy. Over a
// Unix socket alone: INSTANTIATE_PROXY_TESTS.
class ProxyTest : public ServerTest {
 protected:
  void SetUp() override {
    Start(ServerLimits());
    session_.emplace(*Client::Connect(address())->CreateSession());
  }
  void TearDown() override {
    handles_.clear();
    session_.reset();
    proxy_.reset();
    ServerTest::TearDown();
  }

  virtual server::Limits ServerLimits() { return {}; }

  void StartProxy(const FaultSchedule& schedule) {
    proxy_.emplace(folder_.path() + "/p", address().substr(5), schedule);
  }
  // One that cuts connections by itself. FAULT_SEED in the environment repeats
  // the faults of the run whose seed_ that was.
  void StartCutting(std::size_t most_bytes_to_cut) {
    std::uint64_t seed = 0;
    const char* const given = std::getenv("FAULT_SEED");
    if (given == nullptr || !absl::SimpleAtoi(given, &seed)) {
      seed = std::random_device()();
    }
    seed_ = absl::StrCat("FAULT_SEED=", seed);
    StartProxy({.seed = seed,
                .least_bytes_to_cut = 300,
                .most_bytes_to_cut = most_bytes_to_cut,
                .hold_percent = 1,
                .longest_hold = absl::Milliseconds(5)});
  }
  Selector MakeSelector(v1::SelectorKind kind = v1::SELECTOR_KIND_POLL) {
    return *session_->CreateSelector(kind, "far");
  }
  // The same, reached through the proxy.
  Selector Far(const ClientOptions& options = {}) {
    return Client::Connect(proxy_->address(), options)
        ->AttachSession(session_->id())
        .AttachSelector("far");
  }
  // Hands the counters over to the server.
  void Pass(const Counters& counters) {
    for (int i = 0; i < counters.size(); ++i) {
      handles_.push_back(*session_->Pass(counters.fd(i)));
    }
  }
  // The cookie of each is its counter's number.
  void RegisterAll(Selector& selector, Trigger trigger) {
    for (std::size_t i = 0; i < handles_.size(); ++i) {
      ASSERT_THAT(selector.Register(handles_[i], kIn, trigger, i), IsOk());
    }
  }

  TemporaryFolder folder_;
  absl::optional<FaultProxy> proxy_;
  absl::optional<Session> session_;
  std::vector<Handle> handles_;
  std::string seed_;
};

#define INSTANTIATE_PROXY_TESTS(Suite)                                     \
  INSTANTIATE_TEST_SUITE_P(Over, Suite, testing::Values(Transport::kUnix), \
                           [](const auto&) { return std::string("Unix"); })

}  // namespace farpoll

#endif  // FARPOLL_TESTS_INTEGRATION_CUTS_H_
