#include "server/process/spawner.h"

#include <pthread.h>
#include <signal.h>

#include "base/errno_status.h"

namespace farpoll::server {
namespace {

// A process that ignores SIGCHLD, perhaps because whoever started it did, has
// its children reaped by the kernel, and their exit status thrown away.
void KeepExitStatus() {
  struct sigaction action {};
  if (sigaction(SIGCHLD, nullptr, &action) == 0 &&
      (action.sa_handler == SIG_IGN || (action.sa_flags & SA_NOCLDWAIT) != 0)) {
    action = {};
    action.sa_handler = SIG_DFL;
    sigaction(SIGCHLD, &action, nullptr);
  }
}

}  // namespace

Spawner::~Spawner() {
  Refuse();
  std::thread thread;
  {
    MutexLock lock(&mu_);
    stopping_ = true;
    thread = std::move(thread_);
    changed_.SignalAll();
  }
  if (thread.joinable()) {
    thread.join();
  }
}

void Spawner::Launch(LaunchPlan plan, Answer answer) {
  MutexLock lock(&mu_);
  jobs_.emplace_back(std::move(plan), std::move(answer));
  if (!thread_.joinable()) {
    KeepExitStatus();
    thread_ = std::thread([this] { Run(); });
  }
  changed_.SignalAll();
}

void Spawner::Refuse() {
  MutexLock lock(&mu_);
  refusing_ = true;
  while (busy_ || !jobs_.empty()) {
    changed_.Wait(&mu_);
  }
}

void Spawner::Run() {
  pthread_setname_np(pthread_self(), "farpoll-spawner");
  for (;;) {
    std::vector<Job> jobs;
    {
      MutexLock lock(&mu_);
      busy_ = false;
      changed_.SignalAll();
      while (jobs_.empty() && !stopping_) {
        changed_.Wait(&mu_);
      }
      if (jobs_.empty()) {
        return;
      }
      busy_ = true;
      jobs.swap(jobs_);
    }
    Work(std::move(jobs));
  }
}

void Spawner::Work(std::vector<Job> jobs) {
  for (auto& [plan, answer] : jobs) {
    const bool refusing = [this] {
      MutexLock lock(&mu_);
      return refusing_;
    }();
    absl::StatusOr<LaunchedChild> child =
        refusing ? MakeError(absl::StatusCode::kUnavailable, 0, "STOPPING",
                             "server", "the server is stopping")
                 : LaunchGuarded(plan);
    plan = LaunchPlan();  // lets go of the child's ends before anybody hears
    answer(std::move(child));
  }
}

absl::StatusOr<LaunchedChild> Spawner::LaunchGuarded(LaunchPlan& plan) {
  const absl::StatusOr<int> guardian = guardian_.Ensure();
  if (!guardian.ok()) {
    return guardian.status();
  }
  plan.guardian = *guardian;
  pid_t group = 0;
  absl::StatusOr<LaunchedChild> child = server::Launch(plan, &group);
  if (child.ok()) {
    guardian_.Joined(group);
  } else if (group != 0) {
    guardian_.Left(group);
  }
  return child;
}

}  // namespace farpoll::server
