// tests/bench/one_core.h: room: tests. Latencies that mean something on a
// small, shared machine: everybody on one core, and that core awake.
// Source: docs/performance.md.
#ifndef FARPOLL_TESTS_BENCH_ONE_CORE_H_
#define FARPOLL_TESTS_BENCH_ONE_CORE_H_

#include <pthread.h>
#include <sched.h>

#include <atomic>
#include <thread>

namespace farpoll {

// Keeps one core out of its idle state without taking time from anybody, and
// the calling thread and those it starts on that core, while it lives.
//
// "Anybody" is this session (setsid(2)): where the kernel shares time among
// sessions first (kernel.sched_autogroup_enabled), a process of another one
// gets half a core beside the thread that keeps it awake, however low that is.
class OneCore {
 public:
  enum class Idle { kNever, kMay };

  explicit OneCore(Idle idle = Idle::kNever) {
    sched_getaffinity(0, sizeof(before_), &before_);
    cpu_set_t one;
    CPU_ZERO(&one);
    for (int core = CPU_SETSIZE - 1; core >= 0; --core) {
      if (CPU_ISSET(core, &before_)) {
        CPU_SET(core, &one);
        break;
      }
    }
    sched_setaffinity(0, sizeof(one), &one);
    if (idle == Idle::kMay) {
      return;
    }
    spinner_ = std::thread([this] {
      const sched_param lowest = {.sched_priority = 0};
      pthread_setschedparam(pthread_self(), SCHED_IDLE, &lowest);
      while (!done_.load(std::memory_order_relaxed)) {
      }
    });
  }
  OneCore(const OneCore&) = delete;
  OneCore& operator=(const OneCore&) = delete;
  ~OneCore() {
    done_ = true;
    if (spinner_.joinable()) {
      spinner_.join();
    }
    sched_setaffinity(0, sizeof(before_), &before_);
  }

 private:
  cpu_set_t before_;
  std::atomic<bool> done_{false};
  std::thread spinner_;
};

}  // namespace farpoll

#endif  // FARPOLL_TESTS_BENCH_ONE_CORE_H_
