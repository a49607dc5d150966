// server/process/guardian.h: room: server/process. A tiny process beside the
// server that outlives it by a moment: when the server is gone, however it
// went, it kills every process group that the server had started and not yet
// ended, and what else is in their sessions.
//
// It is a program of its own, which the server carries in itself: a fork would
// keep every page of the server's memory for as long as it lives.
//
// It holds nothing but one end of a socket, whose other end the server and, for
// the moment before their programs run, its children hold: the end of file is
// the server's death. Each child tells it of its group itself, so there is no
// moment at which a program runs unknown to it.
//
// What it cannot reach: a process that calls setsid(2) after it was started
// leaves its group and session for good. And killed together with the server,
// it kills nobody: then the children still get the SIGKILL that Launch() asked
// for (PR_SET_PDEATHSIG), their own children not.
//
// Threads: any.
// Source: docs/processes.md; prctl(2), unix(7).
#ifndef FARPOLL_SERVER_PROCESS_GUARDIAN_H_
#define FARPOLL_SERVER_PROCESS_GUARDIAN_H_

#include <sys/types.h>

#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "base/unique_fd.h"

namespace farpoll::server {

class Guardian {
 public:
  Guardian() = default;
  // Ends the guardian process; what it still knows of is killed.
  ~Guardian();
  Guardian(const Guardian&) = delete;
  Guardian& operator=(const Guardian&) = delete;

  // Sees to it that the guardian process runs: starts it for the first time, or
  // again when somebody killed it. Returns the socket for LaunchPlan::guardian,
  // good until the next call of this.
  //   Errors: RESOURCE_EXHAUSTED (EAGAIN: no more processes; EMFILE).
  absl::StatusOr<int> Ensure() ABSL_LOCKS_EXCLUDED(mu_);

  // `group` was launched; what a guardian that is started anew must know.
  void Joined(pid_t group) ABSL_LOCKS_EXCLUDED(mu_);
  // `group` is empty, or its leader never ran a program.
  void Left(pid_t group) ABSL_LOCKS_EXCLUDED(mu_);

 private:
  absl::Status Start() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Stop() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool Running() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  Mutex mu_;
  UniqueFd socket_ ABSL_GUARDED_BY(mu_);
  UniqueFd pidfd_ ABSL_GUARDED_BY(mu_);
  absl::flat_hash_set<pid_t> groups_ ABSL_GUARDED_BY(mu_);
};

}  // namespace farpoll::server

#endif  // FARPOLL_SERVER_PROCESS_GUARDIAN_H_
