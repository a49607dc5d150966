// server/doors.h: room: server. The addresses of a server: listens on them,
// accepts, and hands each connection to gRPC under a number that says who is
// behind it (accept/peers.h).
//
// How a connection lives (signs of life, age) is set here too: gRPC takes these
// settings of the server for every connection, also one that it is handed.
//
// gRPC 1.51 has listeners of its own, but they stop for good on one EMFILE and
// do not say who connected.
// Threads: Bind to Close from one; connections come in on the reactor's.
#ifndef FARPOLL_SERVER_DOORS_H_
#define FARPOLL_SERVER_DOORS_H_

#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "base/clock.h"
#include "base/unique_fd.h"
#include "server/accept/acceptor.h"
#include "server/accept/listener.h"
#include "server/accept/peers.h"
#include "server/connection_guard.h"
#include "server/log/log.h"
#include "server/log/pace.h"
#include "server/policy/limits.h"
#include "server/reactor/reactor.h"

namespace farpoll::server {

class Doors {
 public:
  // Borrows everything else; `log` may be null.
  Doors(const Limits& limits, Reactor* reactor, const Clock* clock,
        Peers* peers, Log* log);
  // Closes.
  ~Doors() { Close(); }

  // Listens on every address of `listen`; clients may connect from now on, but
  // nobody is let in before Open().
  // Unix sockets get the mode `socket_mode`.
  //   Errors: INVALID_ARGUMENT for an address that cannot be read; UNAVAILABLE.
  absl::Status Bind(const std::vector<std::string>& listen, mode_t socket_mode);
  // Before the server is built.
  void Configure(grpc::ServerBuilder& builder);
  // Lets connections in, to `server`.
  //   Errors: RESOURCE_EXHAUSTED.
  absl::Status Open(grpc::Server* server);
  // Lets nobody in any more and removes the sockets. To be called before the
  // server shuts down, which sees to the connections that are in.
  void Close();

  // In use, with real port numbers, as clients name them.
  std::vector<std::string> addresses() const;

 private:
  void Enter(const Address& address, UniqueFd connection);
  void Refused(const std::string& address, const std::string& why);
  void WasCut(absl::string_view peer, absl::string_view limit);

  const Limits limits_;
  Reactor* const reactor_;
  const Clock* const clock_;
  Peers* const peers_;
  Log* const log_;
  grpc::Server* server_ = nullptr;
  std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> tcp_;
  std::vector<Listener> listeners_;
  std::vector<std::unique_ptr<Acceptor>> acceptors_;
  // The reactor thread's.
  Pace refusals_;
  Pace cuts_;
  ConnectionGuard guard_;
};

}  // namespace farpoll::server

#endif  // FARPOLL_SERVER_DOORS_H_
