#include "client/local_server.h"

#include <utility>

#include "server/server.h"

namespace farpoll::client {

absl::StatusOr<LocalServer> LocalServer::Start() {
  absl::StatusOr<std::unique_ptr<server::Server>> server =
      server::Server::Start(server::ServerOptions());
  if (!server.ok()) {
    return server.status();
  }
  return LocalServer(*std::move(server));
}

LocalServer::LocalServer(std::unique_ptr<server::Server> server)
    : server_(std::move(server)) {}
LocalServer::LocalServer(LocalServer&&) noexcept = default;
LocalServer& LocalServer::operator=(LocalServer&&) noexcept = default;
LocalServer::~LocalServer() = default;

Client LocalServer::Connect(const ClientOptions& options) {
  return Client(server_->InProcessChannel(), options);
}

}  // namespace farpoll::client
