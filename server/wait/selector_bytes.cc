// Registrations whose events take bytes along, and handles to which bytes came
// back.
#include <sys/eventfd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/errno_status.h"
#include "server/handle/io.h"
#include "server/handle/kinds.h"
#include "server/wait/selector.h"

namespace farpoll::server {
namespace {

constexpr Events kReadable = kIn | kReadNormal;
// With these a read tells something: bytes, the end, or an error.
constexpr Events kWorthReading = kReadable | kHangup | kReadHangup | kError;
constexpr Events kWritable = kOut | kWriteNormal | kWriteBand;

}  // namespace

absl::Status Selector::CheckBytes(Target target, Events asked,
                                  const Interest& interest) const {
  if (interest.read_bytes == 0) {
    return absl::OkStatus();
  }
  if (interest.read_bytes < 0 || (asked & kReadable) == 0 ||
      target.handle == nullptr ||
      InfoOf(target.handle->kind).reads != Content::kBytes ||
      target.handle->is_file()) {
    return MakeError(EINVAL, "NO_BYTES", "read_bytes",
                     "an event takes bytes along from 1 on, of a handle that "
                     "is read as bytes and is no file, when IN is asked for");
  }
  const HeldBytes* const held = target.handle->held.get();
  if (held != nullptr && held->taker() != 0 && held->taker() != id_) {
    return MakeError(absl::StatusCode::kFailedPrecondition, EBUSY,
                     "BYTES_TAKEN", target.handle->Text(),
                     absl::StrCat("a registration with selector ",
                                  held->taker(), " takes its bytes"));
  }
  // Two clients could not tell whose bytes come first.
  return held != nullptr && held->holder() != id_
             ? CheckNoneOnTheWay(*target.handle)
             : absl::OkStatus();
}

void Selector::ClaimBytes(const Slot& slot) const {
  Handle* const handle = slot.target.handle;
  if (handle == nullptr) {
    return;
  }
  if (slot.registration.read_bytes != 0) {
    if (handle->held == nullptr) {
      handle->held = std::make_shared<HeldBytes>(returned_quota_);
    }
    handle->held->set_taker(id_);
  } else if (handle->held != nullptr && handle->held->taker() == id_) {
    handle->held->set_taker(0);
  }
}

void Selector::LeaveBytes() {
  for (const auto& [handle_id, slot] : by_handle_) {
    slot->registration.read_bytes = 0;
    ClaimBytes(*slot);
  }
}

void Selector::ReportSlot(Slot& slot, Events seen, Events reported,
                          Result* result) {
  const Registration registration = slot.registration;
  const bool wants_bytes =
      registration.read_bytes != 0 && result->max_bytes != 0;
  if (wants_bytes && result->bytes >= result->max_bytes) {
    KeepArmed(slot, /*anew=*/registration.trigger != Trigger::kLevel);
    return;
  }
  std::shared_ptr<const EventBytes> bytes =
      wants_bytes ? TakeBytes(slot, seen) : nullptr;
  if (wants_bytes && bytes == nullptr && (reported & ~kReadable) == 0) {
    KeepArmed(slot, /*anew=*/registration.trigger == Trigger::kOneShot);
    return;  // somebody else took what it was ready by
  }
  ReadyEvent event = Report(slot, reported, result->sequence);
  if (bytes != nullptr) {
    result->bytes += bytes->read.data.size();
    event.bytes = std::move(bytes);
  }
  if (registration.trigger == Trigger::kOneShot) {
    result->removed.push_back(registration);
    Erase(registration.handle_id);
  } else if (quiet_ && Silences(slot, event)) {
    // The kernel has done it where it knows that it is to be asked anew.
    if (KernelTrigger(registration) == Trigger::kLevel) {
      Silence(slot);
    } else {
      DisarmReturned(registration.handle_id);
    }
  } else if (registration.trigger == Trigger::kEdge) {
    DisarmReturned(registration.handle_id);
    // An edge goes on until all of it is taken.
    KeepArmed(slot, event.bytes != nullptr && event.bytes->any());
  } else {
    KeepArmed(slot, /*anew=*/false);
  }
  result->events.push_back(std::move(event));
}

void Selector::KeepArmed(Slot& slot, bool anew) {
  if (anew || slot.token == 0) {
    (void)Rearm(slot);
  }
}

std::shared_ptr<const EventBytes> Selector::TakeBytes(Slot& slot, Events seen) {
  if ((seen & (kWorthReading | kPriority)) == 0) {
    return nullptr;
  }
  EventBytes taken =
      TakeForEvent(*slot.target.handle,
                   static_cast<std::size_t>(slot.registration.read_bytes),
                   (seen & slot.registration.asked & kPriority) != 0);
  const bool something =
      taken.any() || taken.read.outcome != ReadResult::Outcome::kWouldBlock;
  return something ? std::make_shared<const EventBytes>(std::move(taken))
                   : nullptr;
}

bool Selector::Silences(const Slot& slot, const ReadyEvent& event) const {
  if (slot.registration.trigger != Trigger::kLevel) {
    return false;
  }
  const bool took =
      event.bytes != nullptr && event.bytes->any() && event.bytes->error.ok();
  return !took || (event.events & kWritable) != 0;
}

Events Selector::ReturnedEvents(const Slot& slot) const {
  if (slot.target.handle == nullptr || !HasReturned(*slot.target.handle)) {
    return 0;
  }
  const Events asked = slot.registration.asked;
  return ReportedEvents(kind_, kReadable & asked, asked);
}

void Selector::BytesReturned(std::int64_t handle_id) {
  const auto it = by_handle_.find(handle_id);
  if (it != by_handle_.end()) {
    ArmReturned(*it->second);
  }
}

void Selector::ArmReturned(const Slot& slot) {
  if (ReturnedEvents(slot) == 0) {
    return;
  }
  if (!returned_fd_.valid()) {
    returned_fd_.Reset(eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK));
  }
  if (returned_token_ == 0) {
    const absl::StatusOr<RegistrationToken> token = interest_->Add(
        returned_fd_.get(), kIn, Trigger::kLevel, kReturnedEntry);
    // Without descriptors left the bytes still come first in a Read.
    returned_token_ = token.ok() ? *token : 0;
  }
  returned_.insert(slot.registration.handle_id);
}

void Selector::DisarmReturned(std::int64_t handle_id) {
  if (returned_.erase(handle_id) != 0 && returned_.empty() &&
      returned_token_ != 0) {
    (void)interest_->Remove(std::exchange(returned_token_, 0));
  }
}

void Selector::CollectReturned(std::size_t max_events, Result* result) {
  const std::vector<std::int64_t> ready(returned_.begin(), returned_.end());
  for (const std::int64_t handle_id : ready) {
    if (!returned_.contains(handle_id)) {
      continue;
    }
    Slot& slot = *by_handle_.at(handle_id);
    const Events reported = ReturnedEvents(slot);
    if (reported == 0) {
      DisarmReturned(handle_id);
      continue;
    }
    const auto event =
        std::find_if(result->events.begin(), result->events.end(),
                     [handle_id](const ReadyEvent& it) {
                       return it.handle_id == handle_id;
                     });
    if (event != result->events.end()) {
      event->events |= reported;
    } else if (result->events.size() < max_events) {
      const bool level = slot.registration.trigger == Trigger::kLevel;
      ReportSlot(slot, kReadable, reported, result);
      if (quiet_ && level && !returned_.contains(handle_id)) {
        Silence(slot);  // the kernel knows nothing of this report
      }
    }
  }
}

}  // namespace farpoll::server
