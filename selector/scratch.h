// selector/scratch.h: room: selector. Room for the results of one wait, without
// an allocation once warm.
// Threads: a ScratchPool from any thread; a Scratch by the one that made it.
#ifndef FARPOLL_SELECTOR_SCRATCH_H_
#define FARPOLL_SELECTOR_SCRATCH_H_

#include <cstddef>
#include <new>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/types/span.h"
#include "base/mutex.h"

namespace farpoll {

// Keeps buffers between waits; as many as there were waits at once.
template <typename T>
class ScratchPool {
 public:
  std::vector<T> Take() {
    MutexLock lock(&mutex_);
    if (spare_.empty()) {
      return {};
    }
    std::vector<T> buffer = std::move(spare_.back());
    spare_.pop_back();
    return buffer;
  }

  // Drops the buffer when there is no memory to remember it.
  void GiveBack(std::vector<T> buffer) noexcept {
    MutexLock lock(&mutex_);
    try {
      spare_.push_back(std::move(buffer));
    } catch (const std::bad_alloc&) {
    }
  }

 private:
  Mutex mutex_;
  std::vector<std::vector<T>> spare_ ABSL_GUARDED_BY(mutex_);
};

// Room for `size` values: on the stack up to kInline, else from the pool.
template <typename T, std::size_t kInline>
class Scratch {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  Scratch(ScratchPool<T>* pool, std::size_t size) : pool_(pool) {
    if (size <= kInline) {
      room_ = absl::MakeSpan(reinterpret_cast<T*>(small_), size);
      return;
    }
    big_ = pool_->Take();
    if (big_.size() < size) {
      big_.resize(size);
    }
    room_ = absl::MakeSpan(big_.data(), size);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch() { Release(); }

  // Gives up the room early, after which the pool is not needed any more.
  void Release() {
    if (!big_.empty()) {
      pool_->GiveBack(std::move(big_));
      big_.clear();
    }
  }

  absl::Span<T> room() { return room_; }

 private:
  ScratchPool<T>* const pool_;
  // Not initialised: filling it would cost more than a small wait.
  alignas(T) std::byte small_[kInline * sizeof(T)];
  std::vector<T> big_;
  absl::Span<T> room_;
};

}  // namespace farpoll

#endif  // FARPOLL_SELECTOR_SCRATCH_H_
