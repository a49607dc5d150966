// server/passing/passing_door.h: room: server/passing. The second Unix socket
// beside each of the server's: descriptors handed over to sessions, and handed
// out by them, to programs on this machine.
//
// Who asks is known by the socket's credentials; they see their own sessions
// alone, so nothing crosses users. The connections are bounded in number and
// time, and watched by the reactor: no thread waits for a client.
//
// A descriptor that somebody hands over may block whoever closes it, or the
// socket that it is still on its way through: see BlockingPool. So whatever may
// close one is done there: receiving, making a handle of it, letting go of it
// and of its connection.
// Threads: Bind, Open and Close from one; requests run on those of the pool,
//   in turn for each connection; the rest on the reactor's.
// Source: proto/farpoll/v1/passing.proto, docs/passing.md.
#ifndef FARPOLL_SERVER_PASSING_PASSING_DOOR_H_
#define FARPOLL_SERVER_PASSING_PASSING_DOOR_H_

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/clock.h"
#include "base/descriptor_message.h"
#include "base/unique_fd.h"
#include "farpoll/v1/passing.pb.h"
#include "server/accept/acceptor.h"
#include "server/accept/listener.h"
#include "server/accept/peers.h"
#include "server/authority/accounts.h"
#include "server/authority/authority.h"
#include "server/blocking/blocking_pool.h"
#include "server/handle/handle.h"
#include "server/policy/account.h"
#include "server/policy/principal.h"
#include "server/policy/verb.h"
#include "server/reactor/reactor.h"
#include "server/session/session_table.h"

namespace farpoll::server {

class PassingDoor {
 public:
  // Borrows the pointers. The pool is stopped before this goes.
  PassingDoor(Reactor* reactor, const Clock* clock, SessionTable* sessions,
              const Authority* authority, Accounts* accounts,
              BlockingPool* blocking, Identify identify);
  // Closes.
  ~PassingDoor() { Close(); }

  // Listens beside each Unix socket of `listen` (addresses as ParseAddress
  // reads them), with `socket_mode`.
  //   Errors: INVALID_ARGUMENT for a path that gets too long; UNAVAILABLE.
  absl::Status Bind(const std::vector<std::string>& listen, mode_t socket_mode);
  // Lets clients in.
  //   Errors: RESOURCE_EXHAUSTED.
  absl::Status Open();
  // Lets nobody in any more and ends the connections. Before the reactor stops.
  void Close();

  // Listened on, as ParseAddress reads them.
  std::vector<std::string> addresses() const;

 private:
  using ConnectionId = std::uint64_t;
  // Its last owner lets it go in `lane`.
  struct Connection {
    ConnectionId id = 0;
    UniqueFd socket;
    Principal peer;
    std::shared_ptr<Account> account;  // shared with the peer's others
    DescriptorInbox inbox;             // of whoever serves it
    Reactor::WatchId watch = 0;
    Reactor::TimerId timer = 0;
    std::shared_ptr<BlockingPool::Lane> lane;
  };
  // A request on its way through the pool.
  struct Exchange;

  void Enter(UniqueFd socket);
  // Counts and watches it; false if there is no room.
  bool Admit(Connection& connection, Principal peer);
  void OnReadable(ConnectionId id);
  // ---- In a connection's lane; nothing here blocks.
  // What to do about what came in.
  void OnReceived(const std::shared_ptr<Exchange>& exchange);
  // Sends the answer, and lets go of what is left.
  void Conclude(const std::shared_ptr<Exchange>& exchange);
  // ---- The reactor's.
  // Waits for more, or drops the connection.
  void Resume(ConnectionId id, bool more);
  void Drop(ConnectionId id);

  // Whether the peer may pass or fetch anything at all.
  absl::Status MayUse(const Principal& peer) const;

  // The session that a request names, if its caller has all `verbs`; `object`
  // is for the record.
  absl::StatusOr<std::shared_ptr<Session>> Find(const Connection& connection,
                                                const std::vector<Verb>& verbs,
                                                absl::string_view object,
                                                const std::string& session);
  absl::Status Pass(Exchange& exchange);
  absl::StatusOr<UniqueFd> Fetch(Exchange& exchange);

  Reactor* const reactor_;
  const Clock* const clock_;
  SessionTable& sessions_;
  const Authority& authority_;
  Accounts& accounts_;
  BlockingPool& blocking_;
  const Identify identify_;
  std::vector<Listener> listeners_;
  std::vector<std::unique_ptr<Acceptor>> acceptors_;
  // The reactor thread's.
  ConnectionId last_id_ = 0;
  // Shared with requests in progress.
  std::map<ConnectionId, std::shared_ptr<Connection>> connections_;
};

}  // namespace farpoll::server

#endif  // FARPOLL_SERVER_PASSING_PASSING_DOOR_H_
