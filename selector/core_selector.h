// selector/core_selector.h: room: selector. BaseSelector over an InterestSet:
// all that the selectors of this library have in common.
// Threads: every method from any thread; any number of waiters. Changes take
//   effect on waits in progress.
// Source: docs/semantics.md sections 1 and 4.
#ifndef FARPOLL_SELECTOR_CORE_SELECTOR_H_
#define FARPOLL_SELECTOR_CORE_SELECTOR_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "base/timeout.h"
#include "selector/base_selector.h"
#include "selector/interest_set.h"
#include "selector/key_table.h"
#include "selector/on_signal.h"
#include "selector/scratch.h"
#include "selector/waitable.h"

namespace farpoll {

// Regular files, directories and the like are always ready.
class CoreSelector : public BaseSelector {
 public:
  absl::StatusOr<SelectorKey> Register(const FileObject& f, std::int64_t events,
                                       std::uint64_t data = 0) override;
  absl::StatusOr<SelectorKey> Unregister(const FileObject& f) override;
  absl::StatusOr<SelectorKey> Modify(const FileObject& f, std::int64_t events,
                                     std::uint64_t data = 0) override;
  absl::StatusOr<std::size_t> SelectInto(
      absl::Span<SelectorReady> room, Timeout timeout,
      OnSignal on_signal = OnSignal::kRetry) override;
  const SelectorMap* GetMap() const override;
  void Close() override;

  // The pollable descriptor, readable while something is to be selected; owned
  // by the selector. Errors: EBADF/CLOSED.
  absl::StatusOr<int> fd() const;

 protected:
  explicit CoreSelector(std::unique_ptr<InterestSet> set);
  ~CoreSelector() override;

  InterestSet& set() { return *set_; }

  // What a kind of selector has to say about a number before it is handed to
  // the set, at registration and at each change. By default nothing: the set
  // refuses what is not open.
  virtual absl::Status CheckNumber(int fd) const;

  // How a kind of selector waits: as InterestSet::Wait, which is the default.
  virtual absl::StatusOr<std::size_t> WaitForEvents(absl::Span<Event> room,
                                                    MonotonicTime deadline,
                                                    OnSignal on_signal);

 private:
  class View;

  // The entry of `f`. Errors: as SelectorMap::Find, and EBADF/CLOSED.
  absl::StatusOr<KeyTable::Entry*> EntryOf(const FileObject& f)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Events that a wait with so much room may need space for: what is registered
  // bounds it.
  std::size_t SpaceFor(std::size_t room) const;
  // Writes those of `seen` that are still registered into `room`.
  std::size_t Translate(absl::Span<const Event> seen,
                        absl::Span<SelectorReady> room) const;

  const std::unique_ptr<InterestSet> set_;
  const std::unique_ptr<const View> view_;
  ScratchPool<Event> scratch_;

  mutable Mutex mutex_;
  KeyTable keys_ ABSL_GUARDED_BY(mutex_);
  std::uint64_t last_serial_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace farpoll

#endif  // FARPOLL_SELECTOR_CORE_SELECTOR_H_
