// selector/fork_guard.h: room: selector. Whether this process is the one
// that made an object: a child after fork(2) has a copy of the memory, and
// shares the kernel's sets with its parent.
// Threads: from any.
#ifndef FARPOLL_SELECTOR_FORK_GUARD_H_
#define FARPOLL_SELECTOR_FORK_GUARD_H_

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

// The one T of this process, which lives as long as it does. A child after
// fork(2) begins with a fresh one: the parent's may have been locked, just
// then, by a thread that the child does not have.
template <typename T>
T& OfThisProcess() {
  struct Own {
    ForkGuard guard;
    T value;
  };
  static std::atomic<Own*> current{new Own};
  Own* own = current.load(std::memory_order_acquire);
  if (own->guard.InCreator()) {
    return own->value;
  }
  auto* const fresh = new Own;
  if (current.compare_exchange_strong(own, fresh)) {
    return fresh->value;
  }
  delete fresh;
  return own->value;
}

}  // namespace farpoll

#endif  // FARPOLL_SELECTOR_FORK_GUARD_H_
