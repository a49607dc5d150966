// server/policy/quota.h: room: server/policy. A counted allowance shared by
// sessions.
#ifndef FARPOLL_SERVER_POLICY_QUOTA_H_
#define FARPOLL_SERVER_POLICY_QUOTA_H_

#include <atomic>
#include <cstdint>

namespace farpoll::server {

// Threads: any. What is taken is given back exactly once, by whoever took it.
class Quota {
 public:
  explicit Quota(std::int64_t limit) : limit_(limit) {}

  // Takes `count` or nothing; false when that would pass the limit.
  bool TryTake(std::int64_t count) {
    std::int64_t used = used_.load(std::memory_order_relaxed);
    do {
      if (count > limit_ - used) {
        return false;
      }
    } while (!used_.compare_exchange_weak(used, used + count,
                                          std::memory_order_relaxed));
    return true;
  }

  void Return(std::int64_t count) {
    used_.fetch_sub(count, std::memory_order_relaxed);
  }

  std::int64_t used() const { return used_.load(std::memory_order_relaxed); }
  std::int64_t limit() const { return limit_; }

 private:
  const std::int64_t limit_;
  std::atomic<std::int64_t> used_{0};
};

}  // namespace farpoll::server

#endif  // FARPOLL_SERVER_POLICY_QUOTA_H_
