#include "server/blocking/blocking_pool.h"

#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <chrono>
#include <deque>
#include <map>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "base/clock.h"
#include "base/mutex.h"

namespace farpoll::server {
namespace {

// For what is left to do when the pool goes: the machine's time.
constexpr std::chrono::seconds kPatience{2};

struct Job {
  BlockingPool::Work work;
  BlockingPool::Then then;  // empty: nobody asks, or has been told
  bool dropped = false;     // is not done any more
};

}  // namespace

// The lane's. Fenced by State::mu.
struct BlockingPool::Queue {
  std::shared_ptr<std::int64_t> running;  // threads of its owner, shared
  std::deque<std::shared_ptr<Job>> jobs;  // the first one may be running
  bool listed = false;                    // among `ready`, or at work
};

struct BlockingPool::State : std::enable_shared_from_this<State> {
  State(std::int64_t threads, std::int64_t owner_threads)
      : max_threads(threads), max_owner_threads(owner_threads) {}

  void Add(const std::shared_ptr<Queue>& queue, Job job)
      ABSL_LOCKS_EXCLUDED(mu);
  // A queue that may run now, taken off `ready`; null when there is none.
  std::shared_ptr<Queue> Next() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu);
  void StartThread() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu);
  void Loop() ABSL_LOCKS_EXCLUDED(mu);
  void DoFirst(Queue& queue) ABSL_LOCKS_EXCLUDED(mu);
  void Stop() ABSL_LOCKS_EXCLUDED(mu);
  // Calls `then`, which was taken under the lock and counted in `telling`.
  void Tell(Then then, bool done) ABSL_LOCKS_EXCLUDED(mu);

  const std::int64_t max_threads;
  const std::int64_t max_owner_threads;
  Mutex mu;
  CondVar changed;
  bool stopped ABSL_GUARDED_BY(mu) = false;
  bool ending ABSL_GUARDED_BY(mu) = false;
  std::int64_t threads ABSL_GUARDED_BY(mu) = 0;
  std::int64_t idle ABSL_GUARDED_BY(mu) = 0;
  std::int64_t telling ABSL_GUARDED_BY(mu) = 0;
  std::deque<std::shared_ptr<Queue>> ready ABSL_GUARDED_BY(mu);
  std::map<const Queue*, std::shared_ptr<Queue>> busy ABSL_GUARDED_BY(mu);
  std::map<std::string, std::weak_ptr<std::int64_t>> owners ABSL_GUARDED_BY(mu);
};

void BlockingPool::State::Add(const std::shared_ptr<Queue>& queue, Job job) {
  Then refused;
  {
    MutexLock lock(&mu);
    if (stopped && job.then) {
      refused = std::move(job.then);
      job.then = nullptr;
      job.dropped = true;  // but what it owns goes on a thread of ours
    }
    queue->jobs.push_back(std::make_shared<Job>(std::move(job)));
    if (!std::exchange(queue->listed, true)) {
      ready.push_back(queue);
    }
    if (idle < static_cast<std::int64_t>(ready.size())) {
      StartThread();
    }
    changed.SignalAll();
  }
  if (refused) {
    refused(false);
  }
}

void BlockingPool::State::StartThread() {
  if (threads >= max_threads) {
    return;
  }
  auto* const self = new std::shared_ptr<State>(shared_from_this());
  pthread_t thread;
  const auto run = [](void* argument) -> void* {
    const std::unique_ptr<std::shared_ptr<State>> state(
        static_cast<std::shared_ptr<State>*>(argument));
    pthread_setname_np(pthread_self(), "farpoll-block");
    sigset_t all;  // signals are for the program's own threads
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, nullptr);
    (*state)->Loop();
    return nullptr;
  };
  if (pthread_create(&thread, nullptr, run, self) != 0) {
    delete self;  // tried again with the next work
    return;
  }
  pthread_detach(thread);
  ++threads;
}

std::shared_ptr<BlockingPool::Queue> BlockingPool::State::Next() {
  const auto it = std::find_if(ready.begin(), ready.end(),
                               [this](const std::shared_ptr<Queue>& queue) {
                                 return *queue->running < max_owner_threads;
                               });
  if (it == ready.end()) {
    return nullptr;
  }
  std::shared_ptr<Queue> queue = *it;
  ready.erase(it);
  return queue;
}

void BlockingPool::State::Loop() {
  for (;;) {
    std::shared_ptr<Queue> queue;
    {
      MutexLock lock(&mu);
      while ((queue = Next()) == nullptr) {
        if (ending || idle > 0) {
          --threads;
          changed.SignalAll();
          return;
        }
        ++idle;
        changed.Wait(&mu);
        --idle;
      }
      ++*queue->running;
      busy.emplace(queue.get(), queue);
    }
    DoFirst(*queue);
    MutexLock lock(&mu);
    --*queue->running;
    busy.erase(queue.get());
    queue->listed = !queue->jobs.empty();
    if (queue->listed) {
      ready.push_back(queue);
    }
    changed.SignalAll();
  }
}

void BlockingPool::State::DoFirst(Queue& queue) {
  std::shared_ptr<Job> job;
  bool dropped = false;
  {
    MutexLock lock(&mu);
    job = queue.jobs.front();
    dropped = job->dropped;
  }
  if (!dropped) {
    job->work();
  }
  job->work = nullptr;  // what it owned goes here
  Then then;
  {
    MutexLock lock(&mu);
    queue.jobs.pop_front();
    if (job->then) {
      then = std::move(job->then);
      ++telling;
    }
  }
  if (then) {
    Tell(std::move(then), true);
  }
}

void BlockingPool::State::Tell(Then then, bool done) {
  then(done);
  then = nullptr;
  MutexLock lock(&mu);
  --telling;
  changed.SignalAll();
}

void BlockingPool::State::Stop() {
  std::vector<Then> due;
  {
    MutexLock lock(&mu);
    stopped = true;
    const auto take = [&due](Queue& queue, bool at_work) {
      for (const std::shared_ptr<Job>& job : queue.jobs) {
        if (job->then) {
          due.push_back(std::move(job->then));
          job->then = nullptr;
          job->dropped = !(at_work && job == queue.jobs.front());
        }
      }
    };
    for (const std::shared_ptr<Queue>& queue : ready) {
      take(*queue, false);
    }
    for (const auto& [key, queue] : busy) {
      take(*queue, true);
    }
    telling += static_cast<std::int64_t>(due.size());
  }
  for (Then& then : due) {
    Tell(std::move(then), false);
  }
  MutexLock lock(&mu);
  while (telling > 0) {
    changed.Wait(&mu);
  }
}

BlockingPool::Lane::Lane(std::shared_ptr<State> state,
                         std::shared_ptr<Queue> queue)
    : state_(std::move(state)), queue_(std::move(queue)) {}

void BlockingPool::Lane::Run(Work work, Then then) {
  state_->Add(queue_, Job{std::move(work), std::move(then)});
}

void BlockingPool::Lane::Do(Work work) {
  state_->Add(queue_, Job{std::move(work), nullptr});
}

BlockingPool::BlockingPool(std::int64_t max_threads,
                           std::int64_t max_owner_threads)
    : state_(std::make_shared<State>(max_threads, max_owner_threads)) {}

BlockingPool::~BlockingPool() {
  Stop();
  const MonotonicTime until = std::chrono::steady_clock::now() + kPatience;
  MutexLock lock(&state_->mu);
  while (!state_->ready.empty() || !state_->busy.empty()) {
    if (!state_->changed.WaitUntil(&state_->mu, until)) {
      break;
    }
  }
  state_->ending = true;
  state_->changed.SignalAll();
  while (state_->threads > static_cast<std::int64_t>(state_->busy.size())) {
    state_->changed.Wait(&state_->mu);
  }
}

std::unique_ptr<BlockingPool::Lane> BlockingPool::NewLane(
    const std::string& owner) {
  auto queue = std::make_shared<Queue>();
  MutexLock lock(&state_->mu);
  std::erase_if(state_->owners,
                [](const auto& entry) { return entry.second.expired(); });
  std::weak_ptr<std::int64_t>& known = state_->owners[owner];
  queue->running = known.lock();
  if (queue->running == nullptr) {
    queue->running = std::make_shared<std::int64_t>(0);
    known = queue->running;
  }
  return std::unique_ptr<Lane>(new Lane(state_, std::move(queue)));
}

void BlockingPool::Stop() { state_->Stop(); }

}  // namespace farpoll::server
