// selector/audited_wait.h: room: selector. A wait that finds numbers which were
// closed behind the object's back, as poll(2) does.
// Threads: one wait at a time for exact turns; more at once are harmless.
// Source: docs/semantics.md section 2.
#ifndef FARPOLL_SELECTOR_AUDITED_WAIT_H_
#define FARPOLL_SELECTOR_AUDITED_WAIT_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "base/clock.h"
#include "selector/interest_set.h"
#include "selector/on_signal.h"
#include "selector/waitable.h"

namespace farpoll {

class AuditedWait {
 public:
  // One wait in so many that find something ready checks one number as well, so
  // that a busy set does not hide a closed one for ever.
  static constexpr std::uint32_t kBusyWaitsPerCheck = 16;

  // `set` (Custody::kBorrowed) must outlive this.
  explicit AuditedWait(InterestSet* set) : set_(*set) {}

  // As InterestSet::Wait; every number is checked before it blocks. With
  // something ready it is a single system call. A look once that finds
  // nothing asks poll(2) of all numbers at once, and checks each only if that
  // finds something.
  absl::StatusOr<std::size_t> Wait(absl::Span<Event> room,
                                   MonotonicTime deadline,
                                   OnSignal on_signal = OnSignal::kRetry);

 private:
  InterestSet& set_;
  std::atomic<std::uint32_t> busy_waits_{0};
};

}  // namespace farpoll

#endif  // FARPOLL_SELECTOR_AUDITED_WAIT_H_
