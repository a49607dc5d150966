// server/accept/peers.h: room: server/accept. Who is behind each connection.
//
// gRPC names the peer of a connection that it was handed as "fd:N", N being the
// descriptor's number, and says nothing more of a Unix socket. So the peer's
// credentials are noted under that number before gRPC gets it. Numbers come
// back: each connection is therefore moved to a number of its own from the
// upper half of the table, taken in turn, so that one is not used again before
// thousands of others were, and a call is resolved when it starts.
// Threads: any.
// Source: unix(7), SO_PEERCRED and SO_PEERGROUPS; fcntl(2), F_DUPFD_CLOEXEC.
#ifndef FARPOLL_SERVER_ACCEPT_PEERS_H_
#define FARPOLL_SERVER_ACCEPT_PEERS_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "base/mutex.h"
#include "base/unique_fd.h"
#include "server/authority/accounts.h"
#include "server/policy/account.h"
#include "server/policy/principal.h"

namespace farpoll::server {

// Says who is at the other end of `socket`.
//   Errors: UNAUTHENTICATED.
using Identify = std::function<absl::StatusOr<Principal>(int socket)>;

// As the kernel knows it: the user that connected to a Unix socket, or whoever
// reached a TCP port.
absl::StatusOr<Principal> IdentifyByKernel(int socket);

// Who is behind a call, and the account that it is counted in.
struct Caller {
  Principal principal;
  std::shared_ptr<Account> account;
};

class Peers {
 public:
  // Borrows `accounts`, in which connections are counted.
  Peers(Accounts* accounts, Identify identify);

  // Notes who is behind `connection` and returns it under the number that its
  // calls will show. The time that it takes does not depend on how many
  // connections there are, whether it admits or refuses.
  //   Errors: UNAUTHENTICATED; RESOURCE_EXHAUSTED (LIMIT_CONNECTIONS,
  //     QUOTA_CONNECTIONS; EMFILE when the table's upper half is full).
  absl::StatusOr<UniqueFd> Admit(UniqueFd connection);

  // The account of a connection that was just admitted under `number`.
  std::shared_ptr<Account> AccountOf(int number);
  // Who is behind a call from within the process.
  const Caller& this_process() const { return this_process_; }

  // Who is behind a call from outside of the process, by its peer as gRPC says
  // it: "fd:N" for what was admitted, an Internet address for TCP.
  //   Errors: UNAUTHENTICATED for anything else.
  absl::StatusOr<Caller> Resolve(absl::string_view peer);

 private:
  struct Entry {
    Caller caller;
    std::uint64_t cookie = 0;  // the kernel's name of the socket, never reused
    std::size_t place = 0;     // of its number in `numbers_`
  };

  absl::StatusOr<UniqueFd> MoveUp(UniqueFd connection)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Add(int number, Caller caller) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Remove(int number) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Looks at up to `count` connections, in turns, and drops those that gRPC has
  // closed meanwhile.
  void Sweep(std::size_t count) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  Accounts& accounts_;
  const Identify identify_;
  // Of calls that come by no connection of their own.
  const Caller this_process_;
  const Caller anonymous_tcp_;

  Mutex mu_;
  int next_ ABSL_GUARDED_BY(mu_) = 0;
  absl::flat_hash_map<int, Entry> entries_ ABSL_GUARDED_BY(mu_);
  // The keys of `entries_`, for Sweep() to go around.
  std::vector<int> numbers_ ABSL_GUARDED_BY(mu_);
  std::size_t hand_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace farpoll::server

#endif  // FARPOLL_SERVER_ACCEPT_PEERS_H_
