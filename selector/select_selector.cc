#include "selector/select_selector.h"

#include <utility>

#include "selector/events.h"
#include "selector/interest_set.h"
#include "selector/open_number.h"

namespace farpoll {

absl::StatusOr<std::unique_ptr<SelectSelector>> SelectSelector::Create() {
  absl::StatusOr<std::unique_ptr<InterestSet>> set =
      InterestSet::Create(InterestSet::Custody::kBorrowed);
  if (!set.ok()) {
    return set.status();
  }
  return std::unique_ptr<SelectSelector>(new SelectSelector(*std::move(set)));
}

absl::Status SelectSelector::CheckNumber(int fd) const { return CheckOpen(fd); }

absl::StatusOr<std::size_t> SelectSelector::WaitForEvents(
    absl::Span<Event> room, MonotonicTime deadline, OnSignal on_signal) {
  if (deadline == InterestSet::kLookOnce && set().LooksIdle()) {
    return 0;
  }
  set().Audit();
  const absl::StatusOr<std::size_t> seen =
      set().Wait(room, deadline, on_signal);
  if (!seen.ok()) {
    return seen;
  }
  for (const Event& event : room.first(*seen)) {
    // An O_PATH descriptor is open and invalid; select(2) reports it.
    if ((event.events & kInvalid) != 0) {
      const absl::Status open = CheckOpen(event.fd);
      if (!open.ok()) {
        return open;
      }
    }
  }
  return seen;
}

}  // namespace farpoll
