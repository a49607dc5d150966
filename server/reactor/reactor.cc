#include "server/reactor/reactor.h"

#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>

#include <array>
#include <cerrno>
#include <future>
#include <utility>

#include "base/errno_status.h"

namespace farpoll::server {
namespace {

constexpr int kBatch = 64;

// The sleep until `deadline` as epoll_pwait2(2) wants it; null for "for ever".
const timespec* SleepUntil(MonotonicTime deadline, MonotonicTime now,
                           timespec* storage) {
  if (deadline == kNever) {
    return nullptr;
  }
  const auto left = deadline > now ? deadline - now : MonotonicTime::duration{};
  const auto nanos =
      std::chrono::duration_cast<std::chrono::nanoseconds>(left).count();
  storage->tv_sec = nanos / 1'000'000'000;
  storage->tv_nsec = nanos % 1'000'000'000;
  return storage;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Reactor>> Reactor::Start(const Clock* clock) {
  UniqueFd epoll(epoll_create1(EPOLL_CLOEXEC));
  if (!epoll.valid()) {
    return ErrnoStatus(errno, "epoll_create1");
  }
  UniqueFd wake(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake.valid()) {
    return ErrnoStatus(errno, "eventfd");
  }
  epoll_event event{.events = EPOLLIN, .data = {.u64 = 0}};
  if (epoll_ctl(epoll.get(), EPOLL_CTL_ADD, wake.get(), &event) != 0) {
    return ErrnoStatus(errno, "epoll_ctl(ADD)");
  }
  return std::unique_ptr<Reactor>(
      new Reactor(clock, std::move(epoll), std::move(wake)));
}

Reactor::Reactor(const Clock* clock, UniqueFd epoll, UniqueFd wake)
    : clock_(clock),
      epoll_(std::move(epoll)),
      wake_(std::move(wake)),
      thread_([this] {
        pthread_setname_np(pthread_self(), "farpoll-reactor");
        sigset_t all;  // signals are for the program's own threads
        sigfillset(&all);
        pthread_sigmask(SIG_BLOCK, &all, nullptr);
        Loop();
      }) {}

Reactor::~Reactor() {
  {
    MutexLock lock(&mu_);
    stopping_ = true;
  }
  Poke();
  thread_.join();
}

absl::StatusOr<Reactor::WatchId> Reactor::Watch(int fd, Callback on_ready) {
  MutexLock lock(&mu_);
  const WatchId id = ++last_id_;
  epoll_event event{.events = EPOLLONESHOT, .data = {.u64 = id}};
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) {
    return ErrnoStatus(errno, "epoll_ctl(ADD)");
  }
  watches_.emplace(
      id, Watched{fd, std::make_shared<const Callback>(std::move(on_ready))});
  return id;
}

void Reactor::Arm(WatchId id) {
  MutexLock lock(&mu_);
  const auto it = watches_.find(id);
  if (it == watches_.end()) {
    return;
  }
  it->second.armed_once = true;
  epoll_event event{.events = EPOLLIN | EPOLLONESHOT, .data = {.u64 = id}};
  // Cannot fail: the descriptor is registered and open by Watch()'s contract.
  (void)epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, it->second.fd, &event);
}

void Reactor::Unwatch(WatchId id) {
  MutexLock lock(&mu_);
  const auto it = watches_.find(id);
  if (it == watches_.end()) {
    return;
  }
  (void)epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, it->second.fd, nullptr);
  watches_.erase(it);
}

Reactor::TimerId Reactor::RunAt(MonotonicTime when, Callback callback) {
  TimerId id = 0;
  bool first = false;
  {
    MutexLock lock(&mu_);
    id = ++last_id_;
    first = timers_.empty() || when < timers_.begin()->first.first;
    timers_.emplace(std::make_pair(when, id), std::move(callback));
    timer_times_.emplace(id, when);
  }
  if (first) {  // the loop sleeps longer than it may
    Poke();
  }
  return id;
}

void Reactor::Cancel(TimerId id) {
  MutexLock lock(&mu_);
  const auto it = timer_times_.find(id);
  if (it == timer_times_.end()) {
    return;
  }
  timers_.erase(std::make_pair(it->second, id));
  timer_times_.erase(it);
}

void Reactor::Post(Callback callback) {
  {
    MutexLock lock(&mu_);
    posted_.push_back(std::move(callback));
  }
  Poke();
}

void Reactor::Fence() {
  // A turn of the loop runs posted work before the timers it took with it.
  for (int turn = 0; turn < 2; ++turn) {
    std::promise<void> passed;
    Post([&passed] { passed.set_value(); });
    passed.get_future().wait();
  }
}

void Reactor::Poke() { (void)eventfd_write(wake_.get(), 1); }

MonotonicTime Reactor::NextDeadline() {
  MutexLock lock(&mu_);
  return timers_.empty() ? kNever : timers_.begin()->first.first;
}

std::vector<Reactor::Callback> Reactor::TakeDue() {
  const MonotonicTime now = clock_->Now();
  MutexLock lock(&mu_);
  std::vector<Callback> due = std::exchange(posted_, {});
  while (!timers_.empty() && timers_.begin()->first.first <= now) {
    const auto first = timers_.begin();
    due.push_back(std::move(first->second));
    timer_times_.erase(first->first.second);
    timers_.erase(first);
  }
  return due;
}

void Reactor::Loop() {
  std::array<epoll_event, kBatch> events;
  for (;;) {
    timespec storage;
    const int count = epoll_pwait2(
        epoll_.get(), events.data(), kBatch,
        SleepUntil(NextDeadline(), clock_->Now(), &storage), nullptr);
    for (int i = 0; i < count; ++i) {
      const WatchId id = events[i].data.u64;
      if (id == 0) {
        eventfd_t ignored;
        (void)eventfd_read(wake_.get(), &ignored);
        continue;
      }
      std::shared_ptr<const Callback> on_ready;
      {
        MutexLock lock(&mu_);
        const auto it = watches_.find(id);
        if (it != watches_.end() && it->second.armed_once) {
          on_ready = it->second.on_ready;
        }
      }
      if (on_ready != nullptr) {
        (*on_ready)();
      }
    }
    for (const Callback& callback : TakeDue()) {
      callback();
    }
    MutexLock lock(&mu_);
    if (stopping_) {
      return;
    }
  }
}

}  // namespace farpoll::server
