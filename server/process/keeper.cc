#include "server/process/keeper.h"

#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <chrono>
#include <utility>

namespace farpoll::server {
namespace {

// What SIGKILL may take on a busy machine.
constexpr absl::Duration kKillTime = absl::Seconds(2);
// For the second look at an end that the reactor cannot watch.
constexpr absl::Duration kUnwatchedTime = absl::Milliseconds(20);
// A look goes through all of /proc, so it is shared by those that end within
// this time: the machine's, whatever clock_ says.
constexpr absl::Duration kGatherTime = absl::Milliseconds(20);

}  // namespace

Keeper::Keeper(const Clock* clock, Reactor* reactor, OnGone on_gone)
    : clock_(clock), reactor_(reactor), on_gone_(std::move(on_gone)) {}

Keeper::~Keeper() {
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

void Keeper::Take(const Process& process, UniqueFd pidfd) {
  MutexLock lock(&mu_);
  if (!thread_.joinable()) {
    thread_ = std::thread([this] { Run(); });
  }
  const ChildId id = ++last_id_;
  Child& child = children_[id];
  child.process = process;
  child.pidfd = std::move(pidfd);
  WatchEnd(id, child, child.pidfd.get());
  switch (process.on_close) {
    case OnClose::kKill:
      AskWithin(id, child, process.grace);
      break;
    case OnClose::kHangUp:
      SignalGroup(child.pidfd.get(), process.pid, SIGHUP);
      SignalGroup(child.pidfd.get(), process.pid, SIGCONT);
      break;
    case OnClose::kKeep:
      break;
  }
}

void Keeper::AskWithin(ChildId id, Child& child, absl::Duration grace) {
  const int fd = child.pidfd.get();
  const pid_t group = child.process.pid;
  if (!child.asked) {
    child.asked = true;
    if (child.process.terminal) {
      SignalGroup(fd, group, SIGHUP);  // a shell takes no SIGTERM
    }
    SignalGroup(fd, group, SIGTERM);
    SignalGroup(fd, group, SIGCONT);  // a stopped one would not hear it
  }
  reactor_->Cancel(child.timer);
  child.timer = reactor_->RunAt(DeadlineAfter(clock_->Now(), grace),
                                [this, id] { OnGraceOver(id); });
}

void Keeper::Kill(Child& child) {
  child.killed = true;
  SignalGroup(child.pidfd.get(), child.process.pid, SIGKILL);
}

void Keeper::WatchEnd(ChildId id, Child& child, int pidfd) {
  const absl::StatusOr<Reactor::WatchId> watch =
      reactor_->Watch(pidfd, [this, id] { OnEnded(id); });
  if (watch.ok()) {
    child.watch = *watch;
    reactor_->Arm(child.watch);
    return;
  }
  // Nobody will tell of its end, so there is no time to be kind.
  Kill(child);
  reactor_->RunAt(DeadlineAfter(clock_->Now(), kUnwatchedTime),
                  [this, id] { OnEnded(id); });
}

void Keeper::LookSoon(ChildId id) {
  to_look_at_.insert(id);
  changed_.SignalAll();
}

void Keeper::OnEnded(ChildId id) {
  MutexLock lock(&mu_);
  const auto it = children_.find(id);
  if (it == children_.end()) {
    return;
  }
  Child& child = it->second;
  reactor_->Unwatch(std::exchange(child.watch, 0));
  child.survivor.Reset();
  child.ended = ExitOf(child.pidfd.get()).has_value();
  if (child.ended) {
    LookSoon(id);
  } else {
    WatchEnd(id, child, child.pidfd.get());
  }
}

void Keeper::OnGraceOver(ChildId id) {
  MutexLock lock(&mu_);
  const auto it = children_.find(id);
  if (it == children_.end()) {
    return;
  }
  Kill(it->second);
  if (it->second.ended) {
    LookSoon(id);
  }
}

void Keeper::Run() {
  pthread_setname_np(pthread_self(), "farpoll-keeper");
  for (;;) {
    absl::flat_hash_set<ChildId> ids;
    {
      MutexLock lock(&mu_);
      while (to_look_at_.empty() && !stopping_) {
        changed_.Wait(&mu_);
      }
      if (stopping_) {
        return;
      }
      const MonotonicTime until =
          DeadlineAfter(std::chrono::steady_clock::now(), kGatherTime);
      while (!stopping_ && !hurried_ && changed_.WaitUntil(&mu_, until)) {
      }
      ids.swap(to_look_at_);
    }
    Look(ids);
  }
}

void Keeper::Look(const absl::flat_hash_set<ChildId>& ids) {
  for (const int signal : {SIGTERM, 0, SIGKILL}) {
    const std::map<pid_t, ChildId> chosen = Choose(ids, signal);
    std::vector<SessionLook> looks;
    for (const auto& [leader, id] : chosen) {
      looks.push_back(SessionLook{.leader = leader});
    }
    if (!looks.empty()) {
      SignalSessions(looks.data(), looks.size(), signal);
    }
    for (const SessionLook& look : looks) {
      Settle(chosen.at(look.leader), UniqueFd(look.survivor));
    }
  }
}

std::map<pid_t, Keeper::ChildId> Keeper::Choose(
    const absl::flat_hash_set<ChildId>& ids, int signal) {
  MutexLock lock(&mu_);
  std::map<pid_t, ChildId> chosen;
  for (const ChildId id : ids) {
    const auto it = children_.find(id);
    if (it == children_.end()) {
      continue;
    }
    const Child& child = it->second;
    const int due = child.killed ? SIGKILL : child.session_asked ? 0 : SIGTERM;
    if (due == signal) {
      chosen.emplace(child.process.pid, id);
    }
  }
  return chosen;
}

void Keeper::Settle(ChildId id, UniqueFd survivor) {
  pid_t group = 0;
  {
    MutexLock lock(&mu_);
    const auto it = children_.find(id);
    if (it == children_.end()) {
      return;
    }
    Child& child = it->second;
    if (survivor.valid()) {
      // Look again when that one has ended, without a word this time.
      child.session_asked = true;
      if (child.timer == 0) {
        AskWithin(id, child, child.process.grace);
      }
      reactor_->Unwatch(std::exchange(child.watch, 0));
      child.survivor = std::move(survivor);
      WatchEnd(id, child, child.survivor.get());
      return;
    }
    (void)Reap(child.pidfd.get());
    reactor_->Unwatch(child.watch);
    reactor_->Cancel(child.timer);
    group = child.process.pid;
    children_.erase(it);
    ++leaving_;
  }
  on_gone_(group);
  MutexLock lock(&mu_);
  --leaving_;
  changed_.SignalAll();
}

void Keeper::EndAll(absl::Duration grace) {
  MutexLock lock(&mu_);
  hurried_ = true;
  changed_.SignalAll();
  for (auto& [id, child] : children_) {
    AskWithin(id, child, std::min(grace, child.process.grace));
  }
  const Reactor::TimerId give_up =
      reactor_->RunAt(DeadlineAfter(clock_->Now(), grace + kKillTime), [this] {
        MutexLock inner(&mu_);
        gave_up_ = true;
        changed_.SignalAll();
      });
  while ((!children_.empty() || leaving_ != 0) && !gave_up_) {
    changed_.Wait(&mu_);
  }
  reactor_->Cancel(give_up);
}

}  // namespace farpoll::server
