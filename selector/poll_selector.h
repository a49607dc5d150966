// selector/poll_selector.h: room: selector. Python's selectors.PollSelector.
// Threads: as CoreSelector.
// Source: docs/semantics.md section 4.
#ifndef FARPOLL_SELECTOR_POLL_SELECTOR_H_
#define FARPOLL_SELECTOR_POLL_SELECTOR_H_

#include <cstddef>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "base/clock.h"
#include "selector/audited_wait.h"
#include "selector/core_selector.h"
#include "selector/on_signal.h"
#include "selector/waitable.h"

namespace farpoll {

// A number closed without Unregister reports all that its key asks for: found
// as PollObject finds it.
class PollSelector final : public CoreSelector {
 public:
  //   Errors: RESOURCE_EXHAUSTED (EMFILE, ENFILE, ENOMEM).
  static absl::StatusOr<std::unique_ptr<PollSelector>> Create();

 private:
  explicit PollSelector(std::unique_ptr<InterestSet> set);

  absl::Status CheckNumber(int fd) const override;
  absl::StatusOr<std::size_t> WaitForEvents(absl::Span<Event> room,
                                            MonotonicTime deadline,
                                            OnSignal on_signal) override;

  AuditedWait audited_;
};

}  // namespace farpoll

#endif  // FARPOLL_SELECTOR_POLL_SELECTOR_H_
