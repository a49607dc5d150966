// tests/bench/farpoll_peer.h: room: tests. A farpoll server in this process,
// with a pipe of this process's own to wait on.
#ifndef FARPOLL_TESTS_BENCH_FARPOLL_PEER_H_
#define FARPOLL_TESTS_BENCH_FARPOLL_PEER_H_

#include <grpcpp/grpcpp.h>

#include <cstdint>
#include <memory>
#include <string>

#include "client/client.h"
#include "farpoll/v1/selector.grpc.pb.h"
#include "server/server.h"
#include "tests/bench/measure.h"
#include "tests/support/temporary_folder.h"

namespace farpoll {

// A session with a POLL selector "s" that has the pipe's read end, "in". A
// write to the pipe is the kernel's and no RPC's.
class FarpollPeer {
 public:
  FarpollPeer();

  // Over a Unix socket, as the bare server's.
  const std::shared_ptr<grpc::Channel>& channel() const { return channel_; }
  Session& session() { return session_; }
  const std::string& session_id() const { return session_.id(); }

  void Write() const { pipe_.Write(); }
  void Drain() const { pipe_.Drain(); }

  // Registers "in" with "s".
  v1::RegisterRequest RegisterRequest() const;
  // Opens a Wait on `selector`.
  v1::WaitRequest OpenRequest(const std::string& selector = "s",
                              std::int32_t credits = 1,
                              std::int32_t max_events = 0) const;
  // Returns once no wait is in progress on `selector`.
  void AwaitIdle(const std::string& selector) const;

 private:
  const TemporaryFolder folder_;
  const std::unique_ptr<server::Server> server_;
  Client client_;
  Session session_;
  const LocalPipe pipe_;
  Handle in_;
  Selector selector_;
  std::shared_ptr<grpc::Channel> channel_;
};

}  // namespace farpoll

#endif  // FARPOLL_TESTS_BENCH_FARPOLL_PEER_H_
