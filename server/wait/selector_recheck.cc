// Level-triggered registrations whose last report was acknowledged, and that
// nobody has looked at since. Their readiness often still holds, and then one
// poll(2) finds many at once, where bringing each back into the kernel's set
// first would cost a system call apiece.
#include <poll.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "server/wait/selector.h"

namespace farpoll::server {

void Selector::RecheckLater(Slot& slot) {
  if (slot.recheck == 0) {
    recheck_.push_back(&slot);
    slot.recheck = rechecked_ + static_cast<std::int64_t>(recheck_.size());
  }
}

void Selector::ForgetRecheck(Slot& slot) {
  if (const std::int64_t place = std::exchange(slot.recheck, 0); place != 0) {
    recheck_[static_cast<std::size_t>(place - rechecked_ - 1)] = nullptr;
  }
}

Selector::Slot* Selector::NextRecheck() {
  Slot* const slot = recheck_.front();
  recheck_.pop_front();
  ++rechecked_;
  if (slot != nullptr) {
    slot->recheck = 0;
  }
  return slot;
}

std::size_t Selector::RecheckShare(std::size_t room) {
  recheck_first_ = !recheck_first_;
  return std::min(recheck_.size(), (room + (recheck_first_ ? 1 : 0)) / 2);
}

void Selector::Recheck(std::size_t max_events, Result* result) {
  std::vector<Slot*> slots;
  std::vector<pollfd> looks;
  while (!recheck_.empty() && result->events.size() < max_events) {
    slots.clear();
    looks.clear();
    const std::size_t room = max_events - result->events.size();
    while (!recheck_.empty() && slots.size() < room) {
      if (Slot* const slot = NextRecheck(); slot != nullptr) {
        slots.push_back(slot);
        looks.push_back({.fd = slot->target.fd,
                         .events = static_cast<short>(slot->registration.asked),
                         .revents = 0});
      }
    }
    // When it fails nothing is seen, and all go back into the kernel's set.
    (void)poll(looks.data(), looks.size(), 0);
    for (std::size_t i = 0; i < slots.size(); ++i) {
      Slot& slot = *slots[i];
      const auto seen =
          static_cast<Events>(looks[i].revents | ReturnedEvents(slot));
      const Events reported =
          ReportedEvents(kind_, seen, slot.registration.asked);
      if (reported == 0) {
        (void)Rearm(slot);
      } else {
        ReportSlot(slot, seen, reported, result);
      }
    }
  }
}

}  // namespace farpoll::server
