// selector/select_selector.h: room: selector. Python's
// selectors.SelectSelector. Threads: as CoreSelector. Source: docs/semantics.md
// section 4.
#ifndef FARPOLL_SELECTOR_SELECT_SELECTOR_H_
#define FARPOLL_SELECTOR_SELECT_SELECTOR_H_

#include <cstddef>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "base/clock.h"
#include "selector/core_selector.h"
#include "selector/on_signal.h"
#include "selector/waitable.h"

namespace farpoll {

// A number closed without Unregister fails the whole wait with EBADF, as it
// fails select(2); for that, every wait begins with a check of every number.
class SelectSelector final : public CoreSelector {
 public:
  //   Errors: RESOURCE_EXHAUSTED (EMFILE, ENFILE, ENOMEM).
  static absl::StatusOr<std::unique_ptr<SelectSelector>> Create();

 private:
  using CoreSelector::CoreSelector;

  absl::Status CheckNumber(int fd) const override;
  absl::StatusOr<std::size_t> WaitForEvents(absl::Span<Event> room,
                                            MonotonicTime deadline,
                                            OnSignal on_signal) override;
};

}  // namespace farpoll

#endif  // FARPOLL_SELECTOR_SELECT_SELECTOR_H_
