// server/process/spawner.h: room: server/process. Launches children, one after
// another, from one thread that lasts as long as the server: the kernel kills
// them when that thread ends (PR_SET_PDEATHSIG speaks of threads), and no
// handler of a request sleeps while a program is loaded.
// Threads: one of its own, "farpoll-spawner", started by the first Launch,
// which
//   runs the answers too; every method from any thread.
#ifndef FARPOLL_SERVER_PROCESS_SPAWNER_H_
#define FARPOLL_SERVER_PROCESS_SPAWNER_H_

#include <functional>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "server/process/guardian.h"
#include "server/process/launch.h"

namespace farpoll::server {

class Spawner {
 public:
  // Called once, with no lock held. The child is the callee's to reap, and to
  // report to guardian() when its group is gone.
  using Answer = std::function<void(absl::StatusOr<LaunchedChild>)>;

  Spawner() = default;
  // Refuse(), and the end of the thread: the kernel kills what it had launched.
  ~Spawner();
  Spawner(const Spawner&) = delete;
  Spawner& operator=(const Spawner&) = delete;

  // Launches `plan`, soon; `guardian` in it is filled in.
  void Launch(LaunchPlan plan, Answer answer) ABSL_LOCKS_EXCLUDED(mu_);

  // From now on every answer is UNAVAILABLE. Returns when none is on its way;
  // not to be called from an answer.
  void Refuse() ABSL_LOCKS_EXCLUDED(mu_);

  // Outlives the children's groups; see guardian.h.
  Guardian& guardian() { return guardian_; }

 private:
  using Job = std::pair<LaunchPlan, Answer>;

  void Run() ABSL_LOCKS_EXCLUDED(mu_);
  void Work(std::vector<Job> jobs) ABSL_LOCKS_EXCLUDED(mu_);
  absl::StatusOr<LaunchedChild> LaunchGuarded(LaunchPlan& plan);

  Guardian guardian_;
  Mutex mu_;
  CondVar changed_;
  std::vector<Job> jobs_ ABSL_GUARDED_BY(mu_);
  bool busy_ ABSL_GUARDED_BY(mu_) = false;
  bool refusing_ ABSL_GUARDED_BY(mu_) = false;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  std::thread thread_ ABSL_GUARDED_BY(mu_);
};

}  // namespace farpoll::server

#endif  // FARPOLL_SERVER_PROCESS_SPAWNER_H_
