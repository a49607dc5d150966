// server/connection_guard.h: room: server. Cuts off connections that take more
// than they may.
//
// The gate counts calls, but gRPC shows it no call before the first message of
// it has come, and HTTP/2's bound on streams holds only once a client has
// acknowledged it. A client that does neither, or that opens streams and resets
// them at once, costs memory and time that the gate never sees. gRPC's channelz
// counts the streams of each connection, begun and ended: so the guard looks at
// these numbers from time to time, and shuts down a connection that goes too
// far. It never speaks to a connection that keeps to the rules.
//
// Headers without an end, in CONTINUATION frames, are kept by gRPC 1.51 however
// many they are. What comes of a TCP connection is therefore held against the
// messages and streams that came of it.
// Threads: the reactor's, but for the constructor and Stop().
// Source: grpc/grpc.h, "channelz"; RFC 9113, section 10.5.
#ifndef FARPOLL_SERVER_CONNECTION_GUARD_H_
#define FARPOLL_SERVER_CONNECTION_GUARD_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "server/policy/account.h"
#include "server/policy/limits.h"
#include "server/reactor/reactor.h"

namespace farpoll::server {

// Of a connection, since it began.
struct StreamCounts {
  // Streams.
  std::int64_t begun = 0;
  std::int64_t succeeded = 0;
  std::int64_t failed = 0;
  // From the peer; whole messages, and bytes in all. The kernel counts bytes of
  // TCP connections only: 0 for others.
  std::int64_t messages = 0;
  std::int64_t bytes = 0;
  std::int64_t bytes_to_peer = 0;
  std::int64_t open() const { return begun - succeeded - failed; }
};

// What one connection may do, by what is seen of it from time to time.
class StreamBudget {
 public:
  explicit StreamBudget(const Limits& limits);

  // Takes note of `counts` at `now`; the limit that the connection goes beyond,
  // or "" for none.
  absl::string_view Check(const StreamCounts& counts, MonotonicTime now);

 private:
  std::int64_t most_open_;
  double resets_a_second_;
  double most_resets_;  // at once
  double resets_left_;
  std::int64_t most_in_transit_;
  std::int64_t in_transit_ = 0;  // bytes that no message accounts for
  StreamCounts last_;
  MonotonicTime looked_at_{};
};

class ConnectionGuard {
 public:
  // Told of a connection that was cut off, and by which limit.
  using OnCut =
      std::function<void(absl::string_view peer, absl::string_view limit)>;

  // Borrows `reactor` and `clock`.
  ConnectionGuard(const Limits& limits, Reactor* reactor, const Clock* clock,
                  OnCut on_cut);
  // Stops.
  ~ConnectionGuard() { Stop(); }

  // Looks after the connection with descriptor `number`, which gRPC calls
  // `peer` and closes when it likes, from now on.
  void Watch(std::string peer, int number, std::shared_ptr<Account> account);

  // Looks no more. Before the reactor stops.
  void Stop();

 private:
  struct Watched {
    std::string peer;
    int number = -1;
    std::uint64_t cookie = 0;  // of the socket that has `number`
    std::shared_ptr<Account> account;
    StreamBudget budget;
    std::int64_t open = 0;  // streams, when last looked at
    int patience = 0;       // looks until it is given up, while it has no id
  };
  // channelz' name of a socket.
  using SocketId = std::intptr_t;

  void Schedule() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Look();
  // Finds the ids of connections that have none yet.
  void FindIds();
  // Looks at one; false when it is gone or cut off.
  bool LookAt(SocketId id, Watched& watched);
  // Whether its principal has too many streams, and this connection is among
  // those that have most of them.
  bool IsGreedy(const Watched& watched) const;
  void Cut(const Watched& watched, absl::string_view limit);

  const Limits limits_;
  Reactor* const reactor_;
  const Clock* const clock_;
  const OnCut on_cut_;

  // The reactor thread's.
  absl::flat_hash_map<std::string, Watched> without_id_;  // by peer
  std::map<SocketId, Watched> watched_;
  SocketId next_id_ = 1;      // none below it is new
  SocketId last_looked_ = 0;  // of watched_
  std::int64_t begun_ = 0;    // connections since an id was found
  struct Total {
    std::int64_t open = 0;
    std::int64_t connections = 0;
  };
  absl::flat_hash_map<const Account*, Total> totals_;

  Mutex mu_;
  bool stopped_ ABSL_GUARDED_BY(mu_) = false;
  bool scheduled_ ABSL_GUARDED_BY(mu_) = false;
  Reactor::TimerId timer_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace farpoll::server

#endif  // FARPOLL_SERVER_CONNECTION_GUARD_H_
