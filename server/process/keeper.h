// server/process/keeper.h: room: server/process. Looks after children whose
// handle is closed until they and all of their sessions are gone: asks them to
// end, makes them, reaps them. A leader is reaped last: while it is a zombie
// its number, which is also its group's and its session's, is nobody else's.
// Threads: one of its own, "farpoll-keeper", started with the first child,
//   which alone looks through /proc; the reactor's for ends and grace times.
//   Every method from any thread, EndAll not from the reactor's.
// Source: docs/processes.md.
#ifndef FARPOLL_SERVER_PROCESS_KEEPER_H_
#define FARPOLL_SERVER_PROCESS_KEEPER_H_

#include <cstdint>
#include <functional>
#include <map>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_set.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "base/unique_fd.h"
#include "server/handle/process.h"
#include "server/process/group.h"
#include "server/reactor/reactor.h"

namespace farpoll::server {

class Keeper {
 public:
  // Told of each child that is gone, reaped and its session empty; no lock is
  // held.
  using OnGone = std::function<void(pid_t group)>;

  // `clock` and `reactor` are borrowed.
  Keeper(const Clock* clock, Reactor* reactor, OnGone on_gone);
  // The reactor must have stopped. Leaves what is left to the guardian.
  ~Keeper();
  Keeper(const Keeper&) = delete;
  Keeper& operator=(const Keeper&) = delete;

  // Takes over a child and does what its `on_close` says. One that may stay
  // (kHangUp, kKeep) is only waited for; once it has ended, what is left of its
  // session is asked and made to end as by kKill.
  void Take(const Process& process, UniqueFd pidfd) ABSL_LOCKS_EXCLUDED(mu_);

  // Ends them all, as by kKill with `grace` at most, and returns when they are
  // gone, or a moment after the grace time if one does not even obey SIGKILL.
  void EndAll(absl::Duration grace) ABSL_LOCKS_EXCLUDED(mu_);

 private:
  using ChildId = std::int64_t;
  struct Child {
    Process process;
    UniqueFd pidfd;
    UniqueFd survivor;           // pidfd of another in its session
    Reactor::WatchId watch = 0;  // of the one or the other
    Reactor::TimerId timer = 0;  // SIGKILL
    bool asked = false;          // its group, to end
    bool session_asked = false;  // and what else is in its session
    bool killed = false;
    bool ended = false;  // the child itself
  };

  void AskWithin(ChildId id, Child& child, absl::Duration grace)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Kill(Child& child) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Has the reactor call OnEnded when the process behind `pidfd` has ended.
  void WatchEnd(ChildId id, Child& child, int pidfd)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Has the keeper's thread look at the session.
  void LookSoon(ChildId id) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void OnEnded(ChildId id) ABSL_LOCKS_EXCLUDED(mu_);
  void OnGraceOver(ChildId id) ABSL_LOCKS_EXCLUDED(mu_);

  // ---- The keeper's thread.
  void Run() ABSL_LOCKS_EXCLUDED(mu_);
  // Signals what is left of the sessions of children that have ended, and
  // settles each by what was found.
  void Look(const absl::flat_hash_set<ChildId>& ids) ABSL_LOCKS_EXCLUDED(mu_);
  // Those whose sessions are to get `signal` now, by their leaders.
  std::map<pid_t, ChildId> Choose(const absl::flat_hash_set<ChildId>& ids,
                                  int signal) ABSL_LOCKS_EXCLUDED(mu_);
  void Settle(ChildId id, UniqueFd survivor) ABSL_LOCKS_EXCLUDED(mu_);

  const Clock* const clock_;
  Reactor* const reactor_;
  const OnGone on_gone_;

  Mutex mu_;
  CondVar changed_;
  ChildId last_id_ ABSL_GUARDED_BY(mu_) = 0;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  bool hurried_ ABSL_GUARDED_BY(mu_) = false;  // somebody waits for the end
  bool gave_up_ ABSL_GUARDED_BY(mu_) = false;
  std::map<ChildId, Child> children_ ABSL_GUARDED_BY(mu_);
  int leaving_ ABSL_GUARDED_BY(mu_) = 0;  // gone, but on_gone_ is not done
  absl::flat_hash_set<ChildId> to_look_at_ ABSL_GUARDED_BY(mu_);
  std::thread thread_ ABSL_GUARDED_BY(mu_);
};

}  // namespace farpoll::server

#endif  // FARPOLL_SERVER_PROCESS_KEEPER_H_
