// selector/kqueue_selector.h: room: selector. Python's
// selectors.KqueueSelector, over this library's kqueue.
// Threads: every method from any thread; any number of waiters. Changes take
//   effect on waits in progress.
// Source: Python selectors; docs/semantics.md section 4, docs/kqueue.md.
#ifndef FARPOLL_SELECTOR_KQUEUE_SELECTOR_H_
#define FARPOLL_SELECTOR_KQUEUE_SELECTOR_H_

#include <cstddef>
#include <cstdint>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "base/mutex.h"
#include "base/timeout.h"
#include "selector/base_selector.h"
#include "selector/key_table.h"
#include "selector/kqueue/kevent.h"
#include "selector/kqueue/kqueue.h"
#include "selector/on_signal.h"
#include "selector/scratch.h"

namespace farpoll {

// A knote for each of READ and WRITE, so what is ready is what kqueue says:
// unlike the other selectors, a socket that was never connected is not, and
// registering WRITE of a pipe whose reader is gone fails with EPIPE. Regular
// files are always ready. A number closed without Unregister falls silent.
class KqueueSelector final : public BaseSelector {
 public:
  //   Errors: RESOURCE_EXHAUSTED (EMFILE, ENFILE, ENOMEM).
  static absl::StatusOr<std::unique_ptr<KqueueSelector>> Create();
  ~KqueueSelector() override;

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
  absl::StatusOr<int> fd() const { return queue_->fd(); }

 private:
  class View;

  explicit KqueueSelector(std::unique_ptr<Kqueue> queue);

  // The entry of `f`. Errors: as SelectorMap::Find, and EBADF/CLOSED.
  absl::StatusOr<KeyTable::Entry*> EntryOf(const FileObject& f)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Takes the knotes of `fd` from `before` to `after`; none are left on error.
  absl::Status Watch(int fd, SelectorEvents before, SelectorEvents after,
                     std::uint64_t serial);
  // Folds the events of one number into one ready entry; how many.
  std::size_t Translate(absl::Span<Kevent> seen,
                        absl::Span<SelectorReady> room) const;

  const std::unique_ptr<Kqueue> queue_;
  const std::unique_ptr<const View> view_;
  ScratchPool<Kevent> scratch_;

  mutable Mutex mutex_;
  KeyTable keys_ ABSL_GUARDED_BY(mutex_);
  std::uint64_t last_serial_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace farpoll

#endif  // FARPOLL_SELECTOR_KQUEUE_SELECTOR_H_
