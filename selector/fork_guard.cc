#include "selector/fork_guard.h"

#include <pthread.h>

namespace farpoll {

std::atomic<std::uint32_t> ForkGuard::generation_{0};

ForkGuard::ForkGuard() {
  // A thread-safe once; it cannot fail but for memory, at program start.
  [[maybe_unused]] static const int installed =
      pthread_atfork(nullptr, nullptr, [] { generation_.fetch_add(1); });
  born_ = generation_.load(std::memory_order_relaxed);
}

}  // namespace farpoll
