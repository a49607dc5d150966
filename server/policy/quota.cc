#include "server/policy/quota.h"

#include <algorithm>

#include "server/policy/limits.h"

namespace farpoll::server {

const Quota* Quota::Take(std::int64_t count) {
  // The wider one first: where both are full, that is what matters.
  if (const Quota* const full =
          wider_ == nullptr ? nullptr : wider_->Take(count)) {
    return full;
  }
  std::int64_t used = used_.load(std::memory_order_relaxed);
  do {
    if (count > limit() - used) {
      if (wider_ != nullptr) {
        wider_->Return(count);
      }
      return this;
    }
  } while (!used_.compare_exchange_weak(used, used + count,
                                        std::memory_order_relaxed));
  return nullptr;
}

void Quota::Return(std::int64_t count) {
  used_.fetch_sub(count, std::memory_order_relaxed);
  if (wider_ != nullptr) {
    wider_->Return(count);
  }
}

void Quota::TakeAnyway(std::int64_t count) {
  used_.fetch_add(count, std::memory_order_relaxed);
  if (wider_ != nullptr) {
    wider_->TakeAnyway(count);
  }
}

std::int64_t Quota::room() const {
  const std::int64_t here = std::max<std::int64_t>(limit() - used(), 0);
  return wider_ == nullptr ? here : std::min(here, wider_->room());
}

absl::Status Quota::TryTake(std::int64_t count, absl::string_view name) {
  const Quota* const full = Take(count);
  if (full == nullptr) {
    return absl::OkStatus();
  }
  return full->owner_.empty() ? LimitReached(name, full->limit(), "server")
                              : QuotaReached(name, full->limit(), full->owner_);
}

void QuotaShare::Set(std::int64_t count) {
  const std::int64_t more = count - std::exchange(count_, count);
  if (quota_ != nullptr && more > 0) {
    quota_->TakeAnyway(more);
  } else if (quota_ != nullptr && more < 0) {
    quota_->Return(-more);
  }
}

}  // namespace farpoll::server
