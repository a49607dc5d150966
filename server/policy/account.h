// server/policy/account.h: room: server/policy. What one holder has of
// everything that is bounded: a principal, all users but the server's own
// together, or the whole server. Each account lies inside a wider one, so what
// is taken here is taken there as well.
// Threads: any.
#ifndef FARPOLL_SERVER_POLICY_ACCOUNT_H_
#define FARPOLL_SERVER_POLICY_ACCOUNT_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "server/policy/limits.h"
#include "server/policy/quota.h"

namespace farpoll::server {

class Account {
  // Shared with every account inside it.
  const std::shared_ptr<Account> wider_;

 public:
  // Of the whole server. `all_processes` counts every child process; borrowed.
  Account(const Limits& limits, Quota* all_processes)
      : connections(limits.max_connections),
        passing_connections(limits.max_passing_connections),
        calls(limits.max_calls),
        sessions(limits.max_sessions),
        handles(limits.max_handles),
        weak_handles(limits.max_weak_handles),
        file_calls(limits.max_file_calls),
        processes(limits.max_processes, "", all_processes),
        selectors(limits.max_selectors),
        registrations(limits.max_registrations),
        held_bytes(limits.max_held_bytes) {}

  // Of `owner`, inside `wider`, which it keeps.
  Account(const std::string& owner, const Limits& limits,
          std::shared_ptr<Account> wider)
      : wider_(std::move(wider)),
        connections(limits.max_connections, owner, &wider_->connections),
        passing_connections(limits.max_passing_connections, owner,
                            &wider_->passing_connections),
        calls(limits.max_calls, owner, &wider_->calls),
        sessions(limits.max_sessions, owner, &wider_->sessions),
        handles(limits.max_handles, owner, &wider_->handles),
        weak_handles(limits.max_weak_handles, owner, &wider_->weak_handles),
        file_calls(limits.max_file_calls, owner, &wider_->file_calls),
        processes(limits.max_processes, owner, &wider_->processes),
        selectors(limits.max_selectors, owner, &wider_->selectors),
        registrations(limits.max_registrations, owner, &wider_->registrations),
        held_bytes(limits.max_held_bytes, owner, &wider_->held_bytes) {}

  // From now on.
  void SetLimits(const Limits& limits) {
    connections.SetLimit(limits.max_connections);
    passing_connections.SetLimit(limits.max_passing_connections);
    calls.SetLimit(limits.max_calls);
    sessions.SetLimit(limits.max_sessions);
    handles.SetLimit(limits.max_handles);
    weak_handles.SetLimit(limits.max_weak_handles);
    file_calls.SetLimit(limits.max_file_calls);
    processes.SetLimit(limits.max_processes);
    selectors.SetLimit(limits.max_selectors);
    registrations.SetLimit(limits.max_registrations);
    held_bytes.SetLimit(limits.max_held_bytes);
  }

  Quota connections;
  Quota passing_connections;
  Quota calls;
  Quota sessions;
  Quota handles;
  Quota weak_handles;  // until their selectors are closed
  Quota file_calls;    // until their file system answers
  Quota processes;     // until they are gone, not only closed
  Quota selectors;     // those of Selects in progress included
  // And reports of handles that were closed, until they are taken.
  Quota registrations;
  // Taken from handles for events: in results that were not acknowledged, and
  // those that came back until they are read.
  Quota held_bytes;
};

// `limits` with `percent` of each number that an Account counts, rounded down
// but to one at least where there is any.
Limits ScaleAccount(Limits limits, std::int64_t percent);

// A quota of `account`, which lives as long as the result.
inline std::shared_ptr<Quota> QuotaOf(const std::shared_ptr<Account>& account,
                                      Quota Account::*quota) {
  return {account, &(account.get()->*quota)};
}

}  // namespace farpoll::server

#endif  // FARPOLL_SERVER_POLICY_ACCOUNT_H_
