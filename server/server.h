// server/server.h: room: server. The whole server as one object: builds the
// rooms bottom up and takes them down again top down. farpolld, the client's
// embedded mode and the tests run the same one.
// Threads: Start, Shutdown and the destructor from one thread; the rest from
//   any. Inside: one reactor thread, gRPC's pool.
// The process ignores SIGPIPE from Start() on, unless it handles it: writing to
// a pipe whose reader is gone is an error of that call, not the end of
// everything.
#ifndef FARPOLL_SERVER_SERVER_H_
#define FARPOLL_SERVER_SERVER_H_

#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "server/accept/peers.h"
#include "server/authority/authority.h"
#include "server/inherited.h"
#include "server/log/log.h"
#include "server/policy/limits.h"
#include "server/policy/policy.h"

namespace farpoll::server {

struct ServerOptions {
  // Where to listen: "unix:/path/to/socket" or "HOST:PORT" (port 0 = any free
  // one). Empty: nowhere, for use through InProcessChannel alone.
  std::vector<std::string> listen;
  Limits limits;
  // Who may do what; null = a private server's, for the user it runs as.
  std::shared_ptr<const Policy> policy;
  // Who is behind a connection; for tests that play several users.
  Identify identify = IdentifyByKernel;
  // Time source of leases and timeouts; null = the real clock. Borrowed.
  const Clock* clock = nullptr;
  // Hears what happens; null = nobody. Borrowed.
  Log* log = nullptr;
  // Hears what the policy decided; may be empty. Must not block.
  AuditSink audit;
  // Whether a second Unix socket, PATH.fd, stands beside each one, by which
  // descriptors travel (docs/passing.md).
  bool passing = true;
  // What the service manager left open.
  Inherited inherited;
};

class Server {
 public:
  // Builds and starts a server; it answers when this returns.
  //   Errors: INVALID_ARGUMENT for an address that cannot be read;
  //     UNAVAILABLE when one cannot be listened on (taken, not permitted), with
  //     the address in the message; RESOURCE_EXHAUSTED.
  // max_handles is lowered to what RLIMIT_NOFILE leaves.
  static absl::StatusOr<std::unique_ptr<Server>> Start(ServerOptions options);
  // Shuts down without grace.
  ~Server();

  // The addresses in use, with real port numbers, as clients name them.
  const std::vector<std::string>& addresses() const;

  // What is decided from now on is decided by `policy`. Threads: any.
  void SetPolicy(std::shared_ptr<const Policy> policy);

  // A channel to this server that needs no address; for use in this process.
  std::shared_ptr<grpc::Channel> InProcessChannel();

  // Stops: health goes NOT_SERVING, new calls and open waits end with
  // UNAVAILABLE, unary calls in progress get `grace` to finish, every session
  // is ended, and its child processes with it. Calling it again does nothing.
  void Shutdown(absl::Duration grace);

 private:
  class Rooms;
  explicit Server(std::unique_ptr<Rooms> rooms);
  std::unique_ptr<Rooms> rooms_;
};

}  // namespace farpoll::server

#endif  // FARPOLL_SERVER_SERVER_H_
