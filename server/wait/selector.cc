#include "server/wait/selector.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "base/errno_status.h"
#include "server/policy/limits.h"

namespace farpoll::server {
namespace {

absl::Status NotRegistered(std::int64_t handle_id) {
  return MakeError(ENOENT, "NOT_REGISTERED", absl::StrCat("handle ", handle_id),
                   "the handle is not registered with this selector");
}

}  // namespace

absl::StatusOr<std::unique_ptr<Selector>> Selector::Create(
    SelectorKind kind, std::int64_t max_registrations, std::int64_t id) {
  absl::StatusOr<std::unique_ptr<InterestSet>> interest =
      InterestSet::Create(InterestSet::Custody::kOwned);
  if (!interest.ok()) {
    return interest.status();
  }
  const absl::StatusOr<int> fd = (*interest)->fd();
  if (!fd.ok()) {
    return fd.status();
  }
  return std::unique_ptr<Selector>(
      new Selector(kind, max_registrations, id, *std::move(interest), *fd));
}

Selector::Selector(SelectorKind kind, std::int64_t max_registrations,
                   std::int64_t id, std::unique_ptr<InterestSet> interest,
                   int fd)
    : kind_(kind),
      max_registrations_(max_registrations),
      id_(id),
      interest_(std::move(interest)),
      fd_(fd) {}

Trigger Selector::KernelTrigger(const Registration& registration) const {
  // One that takes its bytes along reports no readiness twice, and so falls
  // silent only when it took none (see Silences).
  return quiet_ && registration.trigger == Trigger::kLevel &&
                 registration.read_bytes == 0
             ? Trigger::kOneShot
             : registration.trigger;
}

absl::Status Selector::TakePlaceFor(std::int64_t handle_id) {
  // NVAL reports that nobody has taken count too, so that they are bounded.
  if (static_cast<std::int64_t>(size() + closed_.size()) - weak_size_ >=
      max_registrations_) {
    return LimitReached("max_selector_registrations", max_registrations_,
                        absl::StrCat("handle ", handle_id));
  }
  return TakePlace();
}

absl::Status Selector::AddSlot(const Registration& registration,
                               Target target) {
  auto slot = std::make_unique<Slot>();
  slot->registration = registration;
  slot->target = target;
  const absl::StatusOr<RegistrationToken> token = interest_->Add(
      target.fd, registration.asked, KernelTrigger(registration),
      static_cast<std::uint64_t>(reinterpret_cast<std::uintptr_t>(slot.get())));
  if (!token.ok()) {
    CountKept();
    return token.status();
  }
  slot->token = *token;
  Insert(std::move(slot));
  CountKept();
  return absl::OkStatus();
}

void Selector::CountKept() {
  SettleKept(size() + closed_.size() - static_cast<std::size_t>(weak_size_));
}

void Selector::Insert(std::unique_ptr<Slot> slot) {
  const std::int64_t handle_id = slot->registration.handle_id;
  handle_by_order_.emplace(slot->registration.order, handle_id);
  CountChange();
  const Slot& added =
      *by_handle_.emplace(handle_id, std::move(slot)).first->second;
  ClaimBytes(added);
  ArmReturned(added);
}

absl::StatusOr<std::int64_t> Selector::Register(std::int64_t handle_id,
                                                Target target,
                                                const Interest& interest) {
  if (by_handle_.contains(handle_id)) {
    if (RegisterReplaces(kind_)) {
      return Modify(handle_id, interest);
    }
    return MakeError(EEXIST, "ALREADY_REGISTERED",
                     absl::StrCat("handle ", handle_id),
                     "the handle is registered with this selector already");
  }
  const absl::StatusOr<Events> events = CheckEvents(kind_, interest.events);
  if (!events.ok()) {
    return events.status();
  }
  if (const absl::Status good = CheckBytes(target, *events, interest);
      !good.ok()) {
    return good;
  }
  const absl::Status place = TakePlaceFor(handle_id);
  if (!place.ok()) {
    return place;
  }
  const absl::Status added =
      AddSlot(Registration{.handle_id = handle_id,
                           .asked = *events,
                           .trigger = interest.trigger,
                           .cookie = interest.cookie,
                           .generation = last_generation_ + 1,
                           .order = last_order_ + 1,
                           .read_bytes = interest.read_bytes},
              target);
  if (!added.ok()) {
    return added;
  }
  ++last_order_;
  return ++last_generation_;
}

absl::StatusOr<std::int64_t> Selector::Modify(std::int64_t handle_id,
                                              const Interest& interest) {
  const auto it = by_handle_.find(handle_id);
  if (it == by_handle_.end()) {
    return NotRegistered(handle_id);
  }
  const absl::StatusOr<Events> events = CheckEvents(kind_, interest.events);
  if (!events.ok()) {
    return events.status();
  }
  Slot& slot = *it->second;
  if (slot.weak) {
    return MakeError(EBADF, "WEAK_HANDLE", absl::StrCat("handle ", handle_id),
                     "a registration in weak custody cannot be changed");
  }
  if (const absl::Status good = CheckBytes(slot.target, *events, interest);
      !good.ok()) {
    return good;
  }
  CountChange();
  slot.registration.asked = *events;
  slot.registration.trigger = interest.trigger;
  slot.registration.cookie = interest.cookie;
  slot.registration.read_bytes = interest.read_bytes;
  slot.registration.generation = ++last_generation_;
  ClaimBytes(slot);
  const absl::Status armed = Rearm(slot);
  if (!armed.ok()) {  // as modify() does when the kernel refuses
    Erase(handle_id);
    return armed;
  }
  return last_generation_;
}

absl::StatusOr<std::int64_t> Selector::Unregister(std::int64_t handle_id) {
  const auto it = by_handle_.find(handle_id);
  if (it == by_handle_.end()) {
    return NotRegistered(handle_id);
  }
  const std::int64_t generation = it->second->registration.generation;
  Erase(handle_id);
  return generation;
}

void Selector::HandleClosed(std::int64_t handle_id) {
  const auto it = by_handle_.find(handle_id);
  if (it == by_handle_.end()) {
    return;
  }
  const Registration& registration = it->second->registration;
  closed_.push_back(ReadyEvent{.handle_id = handle_id,
                               .events = kInvalid,
                               .cookie = registration.cookie,
                               .generation = registration.generation,
                               .order = registration.order});
  Erase(handle_id);
}

void Selector::Erase(std::int64_t handle_id) {
  CountChange();
  const auto it = by_handle_.find(handle_id);
  ForgetRecheck(*it->second);
  if (it->second->token != 0) {
    // Cannot fail: the token is ours and the set is open.
    (void)interest_->Remove(it->second->token);
  }
  if (it->second->weak) {
    --weak_size_;
    again_.erase(it->second->registration.order);
  }
  it->second->registration.read_bytes = 0;
  ClaimBytes(*it->second);
  DisarmReturned(handle_id);
  handle_by_order_.erase(it->second->registration.order);
  by_handle_.erase(it);
  CountKept();
}

void Selector::VisitRegistrations(Visit visit) const {
  for (const auto& [handle_id, slot] : by_handle_) {
    visit(handle_id, slot->registration.asked);
  }
}

const Registration* Selector::Find(std::int64_t handle_id) const {
  const auto it = by_handle_.find(handle_id);
  return it == by_handle_.end() ? nullptr : &it->second->registration;
}

std::vector<Registration> Selector::List(std::int64_t after,
                                         std::size_t count) const {
  std::vector<Registration> list;
  for (auto it = handle_by_order_.upper_bound(after);
       it != handle_by_order_.end() && list.size() < count; ++it) {
    list.push_back(*Find(it->second));
  }
  return list;
}

void Selector::TakeClosed(std::size_t max_events,
                          std::vector<ReadyEvent>* events) {
  const std::size_t count = std::min(max_events, closed_.size());
  const auto end = closed_.begin() + static_cast<std::ptrdiff_t>(count);
  events->assign(closed_.begin(), end);
  closed_.erase(closed_.begin(), end);
  CountKept();
}

void Selector::Collect(std::size_t max_events, Result* result) {
  std::vector<ReadyEvent>& events = result->events;
  if (!closed_.empty()) {
    TakeClosed(max_events, &events);
  }
  if (!again_.empty()) {
    // In a result of their own: the kernel may have newer ones of the same.
    TakeAgain(max_events, &events);
    return;
  }
  // Beside the registrations stand the entry of weak_, even when none is left,
  // and that of returned_.
  const std::size_t entries =
      size() + (weak_ != nullptr ? 1 : 0) + (returned_.empty() ? 0 : 1);
  const std::size_t room = std::min(max_events - events.size(), entries);
  if (room == 0) {
    return;
  }
  const std::size_t kernel_room = room - RecheckShare(room);
  if (kernel_room > 0) {
    CollectArmed(kernel_room, result);
  }
  Recheck(max_events, result);
}

void Selector::CollectArmed(std::size_t room, Result* result) {
  std::vector<ReadyEvent>& events = result->events;
  const std::size_t most = events.size() + room;
  if (room_.size() < room) {
    room_.resize(room);
  }
  const absl::StatusOr<std::size_t> count =
      interest_->Collect(absl::MakeSpan(room_.data(), room));
  if (!count.ok()) {
    return;
  }
  events.reserve(events.size() + *count);
  for (std::size_t i = 0; i < *count; ++i) {
    if (room_[i].data == kWeakEntry) {
      // What is behind this one entry may fill all that the others leave.
      CollectWeak(most - events.size() - (*count - i - 1), result);
      continue;
    }
    if (room_[i].data == kReturnedEntry) {
      continue;  // seen to below
    }
    Slot& slot =
        *reinterpret_cast<Slot*>(static_cast<std::uintptr_t>(room_[i].data));
    const Events reported =
        ReportedEvents(kind_, room_[i].events, slot.registration.asked);
    if (reported == 0) {
      Mute(slot);
      continue;
    }
    if (slot.muted) {
      Unmute(slot);
    }
    ReportSlot(slot, room_[i].events, reported, result);
  }
  if (room_.size() > kRoomKept) {
    room_ = {};
  }
  if (!returned_.empty()) {
    CollectReturned(most, result);
  }
}

ReadyEvent Selector::Report(const Slot& slot, Events reported,
                            std::int64_t sequence) {
  const Registration& registration = slot.registration;
  return ReadyEvent{.handle_id = registration.handle_id,
                    .events = reported,
                    .cookie = registration.cookie,
                    .generation = registration.generation,
                    .order = registration.order,
                    .readiness = NoteReport(slot.target, id_, sequence)};
}

absl::Status Selector::Rearm(Slot& slot) {
  slot.muted = false;
  ForgetRecheck(slot);
  ArmReturned(slot);
  const auto data =
      static_cast<std::uint64_t>(reinterpret_cast<std::uintptr_t>(&slot));
  const Trigger trigger = KernelTrigger(slot.registration);
  if (slot.token != 0) {
    return interest_->Modify(slot.token, slot.registration.asked, trigger,
                             data);
  }
  const absl::StatusOr<RegistrationToken> token =
      interest_->Add(slot.target.fd, slot.registration.asked, trigger, data);
  if (token.ok()) {
    slot.token = *token;
  }
  return token.status();
}

void Selector::Mute(Slot& slot) {
  if (std::exchange(slot.muted, true)) {
    return;  // edge-triggered already: the kernel will not repeat this one
  }
  (void)interest_->Modify(
      slot.token, slot.registration.asked, Trigger::kEdge,
      static_cast<std::uint64_t>(reinterpret_cast<std::uintptr_t>(&slot)));
}

void Selector::Unmute(Slot& slot) {
  if (KernelTrigger(slot.registration) == slot.registration.trigger) {
    (void)Rearm(slot);
    return;
  }
  // It is being reported: silent until the acknowledgement brings it back.
  slot.muted = false;
  (void)interest_->Remove(std::exchange(slot.token, 0));
}

void Selector::SetQuiet(bool quiet, const std::vector<Result>& standing) {
  if (quiet == quiet_) {
    return;
  }
  quiet_ = quiet;
  for (const auto& [handle_id, slot] : by_handle_) {
    if (slot->registration.trigger == Trigger::kLevel) {
      (void)Rearm(*slot);
    }
  }
  if (!quiet) {
    return;
  }
  // What the client has not dealt with yet leaves the set until it has: a
  // modification alone could not silence a hang-up.
  for (const Result& result : standing) {
    for (const ReadyEvent& event : result.events) {
      Slot* const slot = Reported(event);
      if (slot != nullptr && Silences(*slot, event)) {
        Silence(*slot);
      }
    }
  }
}

void Selector::Silence(Slot& slot) {
  ForgetRecheck(slot);
  DisarmReturned(slot.registration.handle_id);
  if (slot.token != 0) {
    (void)interest_->Remove(std::exchange(slot.token, 0));
  }
}

Selector::Slot* Selector::Reported(const ReadyEvent& event) {
  const auto it = by_handle_.find(event.handle_id);
  return it != by_handle_.end() &&
                 it->second->registration.generation == event.generation
             ? it->second.get()
             : nullptr;
}

void Selector::Acknowledge(const Result& result) {
  if (!quiet_) {
    return;
  }
  for (const ReadyEvent& event : result.events) {
    Slot* const slot = Reported(event);
    if (slot != nullptr && Silences(*slot, event)) {
      RecheckLater(*slot);
    }
  }
}

void Selector::Restore(const Result& result, TargetOf target_of) {
  for (const ReadyEvent& event : result.events) {
    if ((event.events & kInvalid) != 0) {
      closed_.push_back(event);
      CountKept();
    } else if (Slot* const slot = Reported(event)) {
      if (slot->weak) {
        KeepAgain(event);
      } else {
        (void)Rearm(*slot);
      }
    }
  }
  for (const Registration& registration : result.removed) {
    const Target target = target_of(registration.handle_id);
    if (target.fd < 0 || by_handle_.contains(registration.handle_id)) {
      continue;
    }
    Registration again = registration;
    if (!CheckBytes(target, again.asked, {.read_bytes = again.read_bytes})
             .ok()) {
      again.read_bytes = 0;  // another takes them by now
    }
    (void)AddSlot(again, target);
  }
}

}  // namespace farpoll::server
