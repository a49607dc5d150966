// server/policy/account.h: room: server/policy. What all sessions of one
// principal have together.
// Threads: any.
#ifndef FARPOLL_SERVER_POLICY_ACCOUNT_H_
#define FARPOLL_SERVER_POLICY_ACCOUNT_H_

#include <string>

#include "server/policy/limits.h"
#include "server/policy/quota.h"

namespace farpoll::server {

struct Account {
  // `limits` are the principal's (Policy::LimitsOf); those of the whole server
  // are borrowed.
  Account(const std::string& owner, const Limits& limits, Quota* all_handles,
          Quota* all_weak_handles, Quota* all_processes)
      : sessions(limits.max_sessions, owner),
        handles(limits.max_handles, owner, all_handles),
        weak_handles(limits.max_weak_handles, owner, all_weak_handles),
        processes(limits.max_processes, owner, all_processes) {}

  // From now on.
  void SetLimits(const Limits& limits) {
    sessions.SetLimit(limits.max_sessions);
    handles.SetLimit(limits.max_handles);
    weak_handles.SetLimit(limits.max_weak_handles);
    processes.SetLimit(limits.max_processes);
  }

  Quota sessions;
  Quota handles;
  Quota weak_handles;  // until their selectors are closed
  Quota processes;     // until they are gone, not only closed
};

}  // namespace farpoll::server

#endif  // FARPOLL_SERVER_POLICY_ACCOUNT_H_
