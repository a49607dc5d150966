#include "selector/poll_selector.h"

#include <utility>

#include "selector/interest_set.h"
#include "selector/open_number.h"

namespace farpoll {

absl::StatusOr<std::unique_ptr<PollSelector>> PollSelector::Create() {
  absl::StatusOr<std::unique_ptr<InterestSet>> set =
      InterestSet::Create(InterestSet::Custody::kBorrowed);
  if (!set.ok()) {
    return set.status();
  }
  return std::unique_ptr<PollSelector>(new PollSelector(*std::move(set)));
}

PollSelector::PollSelector(std::unique_ptr<InterestSet> interest)
    : CoreSelector(std::move(interest)), audited_(&set()) {}

absl::Status PollSelector::CheckNumber(int fd) const { return CheckOpen(fd); }

absl::StatusOr<std::size_t> PollSelector::WaitForEvents(absl::Span<Event> room,
                                                        MonotonicTime deadline,
                                                        OnSignal on_signal) {
  return audited_.Wait(room, deadline, on_signal);
}

}  // namespace farpoll
