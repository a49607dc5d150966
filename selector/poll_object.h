// selector/poll_object.h: room: selector. Python's select.poll() over an epoll
// set: the same answers as poll(2), at a cost that does not grow with the
// number of descriptors registered.
// Threads: Register, Modify and Unregister from any thread, during a wait too:
//   they take effect at the next wait. One wait at a time.
// Source: Python select.poll; poll(2); docs/semantics.md section 2.
#ifndef FARPOLL_SELECTOR_POLL_OBJECT_H_
#define FARPOLL_SELECTOR_POLL_OBJECT_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "base/timeout.h"
#include "selector/audited_wait.h"
#include "selector/interest_set.h"
#include "selector/on_signal.h"
#include "selector/poll_rules.h"
#include "selector/waitable.h"

namespace farpoll {

// Descriptors are borrowed and need not be open: one that is not reports
// kInvalid. One that is closed while registered does so at the latest when a
// wait finds nothing else; while others are ready all the time, the numbers are
// checked in turn, one every 16 waits.
class PollObject final : public Waitable {
 public:
  //   Errors: RESOURCE_EXHAUSTED (EMFILE, ENFILE, ENOMEM).
  static absl::StatusOr<std::unique_ptr<PollObject>> Create();
  ~PollObject() override;
  PollObject(const PollObject&) = delete;
  PollObject& operator=(const PollObject&) = delete;

  // Starts reporting `mask` for `fd`, or replaces what was asked before; then
  // its place in the results stays. Mask 0 still reports kError, kHangup and
  // kInvalid. Both arguments are wide so that a bad one can be refused.
  //   Errors: INVALID_ARGUMENT, EINVAL for a negative fd or mask, EOVERFLOW for
  //     an fd beyond int and a mask beyond 16 bits; RESOURCE_EXHAUSTED (ENOSPC,
  //     ENOMEM), during a wait reported by the next wait; EBADF/CLOSED.
  absl::Status Register(std::int64_t fd,
                        std::int64_t mask = kPollDefaultEvents);

  // Replaces what is asked. Does not look whether `fd` is open.
  //   Errors: as Register; NOT_FOUND (ENOENT) when `fd` is not registered.
  absl::Status Modify(std::int64_t fd, std::int64_t mask);

  // Stops reporting `fd`, which may be closed already.
  //   Errors: as Modify.
  absl::Status Unregister(std::int64_t fd);

  // Waits until something is ready, and returns all that is, in the order of
  // first registration. Event::data is that order. Empty: the time is up.
  // An unset or negative timeout blocks. Allocates nothing once warm.
  //   Ownership: the result stays valid until the next wait or Close.
  //   Errors: FAILED_PRECONDITION (EBUSY) while another thread waits, and
  //     (EBADF/CLOSED); INVALID_ARGUMENT, EINVAL for NaN, EOVERFLOW beyond
  //     2^31-1 ms; EINTR as `on_signal` says; what Register left to report.
  absl::StatusOr<absl::Span<const Event>> Poll(
      Timeout timeout = Timeout::Forever(),
      OnSignal on_signal = OnSignal::kRetry);

  // Waitable. Collect is a wait too: EBUSY beside another. fd() does not become
  // readable when a number is closed; Poll and Collect find that.
  absl::StatusOr<int> fd() const override;
  absl::StatusOr<std::size_t> Collect(absl::Span<Event> room) override;
  void Close() override;

 private:
  // A registration; its order is the cookie of its events.
  struct Entry {
    RegistrationToken token = 0;  // 0: not in the set yet
    std::uint64_t order : 48 = 0;
    std::uint64_t asked : 16 = 0;
  };
  class Turn;

  explicit PollObject(std::unique_ptr<InterestSet> set);

  bool closed() const { return set_->closed(); }
  // Brings the set up to date with `fd`'s entry: at once, or after the wait.
  absl::Status Apply(int fd) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status ApplyNow(int fd) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Makes the changes that came during a wait; what fails stays to be made.
  absl::Status ApplyDeferred() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<std::size_t> WaitInTurn(absl::Span<Event> room,
                                         MonotonicTime deadline,
                                         OnSignal on_signal);

  const std::unique_ptr<InterestSet> set_;
  AuditedWait audited_;

  mutable Mutex mutex_;
  absl::flat_hash_map<int, Entry> entries_ ABSL_GUARDED_BY(mutex_);
  std::uint64_t next_order_ ABSL_GUARDED_BY(mutex_) = 0;
  bool waiting_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<RegistrationToken> removals_ ABSL_GUARDED_BY(mutex_);
  std::vector<int> changes_ ABSL_GUARDED_BY(mutex_);

  std::vector<Event> results_;  // belongs to whoever has the turn to wait
};

}  // namespace farpoll

#endif  // FARPOLL_SELECTOR_POLL_OBJECT_H_
