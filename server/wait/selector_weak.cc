// Registrations in weak custody: those that the kernel remembers and nobody
// here holds.
#include <utility>

#include "absl/types/span.h"
#include "base/errno_status.h"
#include "server/wait/selector.h"

namespace farpoll::server {

absl::Status Selector::OpenWeak() {
  if (weak_ != nullptr) {
    return absl::OkStatus();
  }
  absl::StatusOr<std::unique_ptr<WeakSet>> made = WeakSet::Create();
  if (!made.ok()) {
    return made.status();
  }
  const absl::Status entered =
      interest_->Add((*made)->fd(), kIn, Trigger::kLevel, kWeakEntry).status();
  if (entered.ok()) {
    weak_ = *std::move(made);
  }
  return entered;
}

absl::StatusOr<std::int64_t> Selector::RegisterWeakly(
    std::int64_t handle_id, UniqueFd fd, ReadinessMark* mark,
    const Interest& interest) {
  const absl::StatusOr<Events> events = CheckEvents(kind_, interest.events);
  if (!events.ok()) {
    return events.status();
  }
  if (const absl::Status open = OpenWeak(); !open.ok()) {
    return open;
  }
  // An order is used once only, so that what comes later for an entry whose
  // registration is over meets nobody.
  const std::int64_t order = ++last_order_;
  const absl::Status added =
      weak_->Add(std::move(fd), *events, static_cast<std::uint64_t>(order));
  if (!added.ok()) {
    return added;
  }
  auto slot = std::make_unique<Slot>();
  slot->registration = Registration{.handle_id = handle_id,
                                    .asked = *events,
                                    .trigger = Trigger::kEdge,
                                    .cookie = interest.cookie,
                                    .generation = ++last_generation_,
                                    .order = order};
  slot->target.mark = mark;
  slot->weak = true;
  Insert(std::move(slot));
  ++weak_size_;
  return last_generation_;
}

void Selector::CollectWeak(std::size_t max_events, Result* result) {
  // Beside room_, which is being read.
  if (weak_room_.size() < max_events) {
    weak_room_.resize(max_events);
  }
  const std::size_t count =
      weak_->Collect(absl::MakeSpan(weak_room_.data(), max_events));
  for (std::size_t i = 0; i < count; ++i) {
    const auto found =
        handle_by_order_.find(static_cast<std::int64_t>(weak_room_[i].data));
    if (found == handle_by_order_.end()) {
      continue;  // its registration is over
    }
    const Slot& slot = *by_handle_.at(found->second);
    const Events reported =
        ReportedEvents(kind_, weak_room_[i].events, slot.registration.asked);
    if (reported != 0) {
      result->events.push_back(Report(slot, reported, result->sequence));
    }
  }
}

void Selector::KeepAgain(const ReadyEvent& event) {
  again_.try_emplace(event.order, event).first->second.events |= event.events;
}

void Selector::TakeAgain(std::size_t max_events,
                         std::vector<ReadyEvent>* events) {
  while (!again_.empty() && events->size() < max_events) {
    events->push_back(again_.begin()->second);
    again_.erase(again_.begin());
  }
}

}  // namespace farpoll::server
