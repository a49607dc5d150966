// client/local_server.h: room: client, and the only file of it that knows the
// server. A whole server inside this process, for `--local`, demo and tests.
// Threads: make and destroy from one thread; it runs a reactor thread and
//   gRPC's own.
#ifndef FARPOLL_CLIENT_LOCAL_SERVER_H_
#define FARPOLL_CLIENT_LOCAL_SERVER_H_

#include <memory>

#include "absl/status/statusor.h"
#include "client/client.h"

namespace farpoll::server {
class Server;
}  // namespace farpoll::server

namespace farpoll::client {

// Listens nowhere: only this process reaches it. When it goes, everything that
// was made in it goes too; it must outlive its clients.
class LocalServer {
 public:
  // Errors: RESOURCE_EXHAUSTED when the process has no descriptors left.
  static absl::StatusOr<LocalServer> Start();
  LocalServer(LocalServer&&) noexcept;
  LocalServer& operator=(LocalServer&&) noexcept;
  ~LocalServer();

  Client Connect(const ClientOptions& options = {});

 private:
  explicit LocalServer(std::unique_ptr<server::Server> server);
  std::unique_ptr<server::Server> server_;
};

}  // namespace farpoll::client

namespace farpoll {
using client::LocalServer;
}  // namespace farpoll

#endif  // FARPOLL_CLIENT_LOCAL_SERVER_H_
