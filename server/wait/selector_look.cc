// What is ready, seen without taking part in the wait in progress.
#include <poll.h>

#include <cerrno>
#include <vector>

#include "base/errno_status.h"
#include "server/wait/selector.h"

namespace farpoll::server {

absl::Status Selector::Look(std::size_t max_events, Result* result) const {
  std::vector<const Slot*> slots;
  std::vector<pollfd> looks;
  slots.reserve(by_handle_.size());
  looks.reserve(by_handle_.size());
  for (const auto& [order, handle_id] : handle_by_order_) {
    const Slot& slot = *by_handle_.at(handle_id);
    if (slot.registration.trigger == Trigger::kLevel) {  // a weak one is not
      slots.push_back(&slot);
      looks.push_back({.fd = slot.target.fd,
                       .events = static_cast<short>(slot.registration.asked),
                       .revents = 0});
    }
  }
  if (poll(looks.data(), looks.size(), 0) < 0) {
    return ErrnoStatus(errno, "poll");
  }
  for (std::size_t i = 0;
       i < slots.size() && result->events.size() < max_events; ++i) {
    const Registration& registration = slots[i]->registration;
    const Events reported = ReportedEvents(
        kind_,
        static_cast<Events>(looks[i].revents | ReturnedEvents(*slots[i])),
        registration.asked);
    if (reported != 0) {
      const ReadinessMark* const mark = slots[i]->target.mark;
      result->events.push_back(
          ReadyEvent{.handle_id = registration.handle_id,
                     .events = reported,
                     .cookie = registration.cookie,
                     .generation = registration.generation,
                     .order = registration.order,
                     .readiness = mark == nullptr ? 0 : mark->generation});
    }
  }
  return absl::OkStatus();
}

}  // namespace farpoll::server
