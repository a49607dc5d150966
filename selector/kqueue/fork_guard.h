// selector/kqueue/fork_guard.h: room: selector. Whether this process is the one
// that made an object: a child after fork(2) has a copy of the memory, and
// shares the kernel's sets with its parent.
// Threads: from any.
#ifndef FARPOLL_SELECTOR_KQUEUE_FORK_GUARD_H_
#define FARPOLL_SELECTOR_KQUEUE_FORK_GUARD_H_

#include <atomic>
#include <cstdint>

namespace farpoll {

class ForkGuard {
 public:
  ForkGuard();

  // True in the process that constructed it. Costs one load, where getpid(2)
  // costs a system call.
  bool InCreator() const {
    return born_ == generation_.load(std::memory_order_relaxed);
  }

 private:
  // Forks between the first process and this one.
  static std::atomic<std::uint32_t> generation_;

  std::uint32_t born_;
};

}  // namespace farpoll

#endif  // FARPOLL_SELECTOR_KQUEUE_FORK_GUARD_H_
