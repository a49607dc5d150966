// tests/integration/server_fixture.h: room: tests. A server of its own for each
// test, over a Unix socket and over TCP, that must end as it began.
#ifndef FARPOLL_TESTS_INTEGRATION_SERVER_FIXTURE_H_
#define FARPOLL_TESTS_INTEGRATION_SERVER_FIXTURE_H_

#include <memory>
#include <string>

#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "server/policy/limits.h"
#include "server/server.h"
#include "tests/integration/peer.h"
#include "tests/support/temporary_folder.h"

namespace farpoll {

enum class Transport { kUnix, kTcp };

// To be instantiated by INSTANTIATE_SERVER_TESTS. `peer()` has a session with
// nothing in it. At the end the session is deleted, and the process must have
// as many descriptors and about as much memory in use as before it was made.
class ServerTest : public testing::TestWithParam<Transport> {
 protected:
  void SetUp() override { Start(server::Limits()); }
  void TearDown() override;

  // Starts the server, once; for fixtures with limits of their own.
  void Start(const server::Limits& limits);
  // Makes what a fixture uses beside the common things and is made once. `host`
  // has no session.
  virtual void WarmUpWith(Peer& /*host*/) {}
  // Ends the server before the test does, with grace enough for answers to go
  // out.
  void Stop() { server_->Shutdown(absl::Seconds(1)); }

  Peer& peer() { return *peer_; }
  const std::string& address() const { return server_->addresses().front(); }

 private:
  TemporaryFolder folder_;
  std::unique_ptr<server::Server> server_;
  std::unique_ptr<Peer> host_;  // without a session, and outlives peer_
  std::unique_ptr<Peer> peer_;
  int descriptors_ = 0;
  std::int64_t bytes_ = 0;
};

#define INSTANTIATE_SERVER_TESTS(Suite)                                      \
  INSTANTIATE_TEST_SUITE_P(                                                  \
      Over, Suite, testing::Values(Transport::kUnix, Transport::kTcp),       \
      [](const testing::TestParamInfo<Transport>& info) {                    \
        return std::string(info.param == Transport::kUnix ? "Unix" : "Tcp"); \
      })

}  // namespace farpoll

#endif  // FARPOLL_TESTS_INTEGRATION_SERVER_FIXTURE_H_
