#include "selector/audited_wait.h"

namespace farpoll {

absl::StatusOr<std::size_t> AuditedWait::Wait(absl::Span<Event> room,
                                              MonotonicTime deadline,
                                              OnSignal on_signal) {
  const absl::StatusOr<std::size_t> ready = set_.Collect(room);
  if (!ready.ok()) {
    return ready;
  }
  if (*ready == 0) {
    if (deadline == InterestSet::kLookOnce && set_.LooksIdle()) {
      return 0;
    }
    set_.Audit();
    return set_.Wait(room, deadline, on_signal);
  }
  const std::uint32_t turn =
      busy_waits_.fetch_add(1, std::memory_order_relaxed);
  if (turn % kBusyWaitsPerCheck == kBusyWaitsPerCheck - 1) {
    set_.AuditNext();
  }
  return ready;
}

}  // namespace farpoll
