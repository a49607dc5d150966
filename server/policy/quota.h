// server/policy/quota.h: room: server/policy. A counted allowance that many
// share, perhaps inside a wider one.
#ifndef FARPOLL_SERVER_POLICY_QUOTA_H_
#define FARPOLL_SERVER_POLICY_QUOTA_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace farpoll::server {

// Threads: any. What is taken is given back exactly once, by whoever took it.
class Quota {
 public:
  // Of the whole server.
  explicit Quota(std::int64_t limit) : limit_(limit) {}
  // Of `owner`, inside `wider`, which is borrowed: what is taken here is taken
  // there as well.
  Quota(std::int64_t limit, std::string owner, Quota* wider = nullptr)
      : owner_(std::move(owner)), wider_(wider), limit_(limit) {}

  // Takes `count` or nothing; false when that would pass the limit, here or in
  // the wider one.
  bool TryTake(std::int64_t count) { return Take(count) == nullptr; }
  void Return(std::int64_t count);

  // The same; `name` (of LimitFields) is what is counted.
  //   Errors: RESOURCE_EXHAUSTED: LimitReached for the server's, QuotaReached
  //     for an owner's.
  absl::Status TryTake(std::int64_t count, absl::string_view name);

  // Takes `count`, even past the limits: for what cannot be refused.
  void TakeAnyway(std::int64_t count);

  // For what is taken from now on: less than is in use takes nothing back.
  void SetLimit(std::int64_t limit) {
    limit_.store(limit, std::memory_order_relaxed);
  }

  // What is left to take, here and in the wider ones; never below 0.
  std::int64_t room() const;
  std::int64_t used() const { return used_.load(std::memory_order_relaxed); }
  std::int64_t limit() const { return limit_.load(std::memory_order_relaxed); }

 private:
  // Whose limit is in the way; null when `count` was taken.
  const Quota* Take(std::int64_t count);

  const std::string owner_;  // empty: the server
  Quota* const wider_ = nullptr;
  std::atomic<std::int64_t> limit_;
  std::atomic<std::int64_t> used_{0};
};

// What one owner has taken of a quota; it goes back with this object.
// Threads: as a plain value.
class QuotaShare {
 public:
  QuotaShare() = default;  // of no quota: everything fits
  explicit QuotaShare(std::shared_ptr<Quota> quota)
      : quota_(std::move(quota)) {}
  QuotaShare(QuotaShare&& other) noexcept
      : quota_(std::move(other.quota_)),
        count_(std::exchange(other.count_, 0)) {}
  QuotaShare& operator=(QuotaShare&& other) noexcept {
    if (this != &other) {
      Set(0);
      quota_ = std::move(other.quota_);
      count_ = std::exchange(other.count_, 0);
    }
    return *this;
  }
  ~QuotaShare() { Set(0); }

  // Takes `count` more.
  //   Errors: as Quota::TryTake.
  absl::Status TryGrow(std::int64_t count, absl::string_view name) {
    const absl::Status taken =
        quota_ == nullptr ? absl::OkStatus() : quota_->TryTake(count, name);
    count_ += taken.ok() ? count : 0;
    return taken;
  }
  // Makes it `count`, even past the limits.
  void Set(std::int64_t count);

  std::int64_t count() const { return count_; }
  const std::shared_ptr<Quota>& quota() const { return quota_; }

 private:
  std::shared_ptr<Quota> quota_;  // shared with the owner's others
  std::int64_t count_ = 0;
};

}  // namespace farpoll::server

#endif  // FARPOLL_SERVER_POLICY_QUOTA_H_
