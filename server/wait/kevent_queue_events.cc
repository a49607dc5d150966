// What a kqueue reports, and what becomes of a report that is acknowledged late
// or never.
#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/types/span.h"
#include "server/wait/kevent_forms.h"
#include "server/wait/kevent_queue.h"

namespace farpoll::server {
namespace {

// Its condition can be looked at again at any time, where others count or
// collect what happened.
bool CanSampleAnew(std::int16_t filter) {
  return filter == evfilt::kRead || filter == evfilt::kWrite ||
         filter == evfilt::kExcept || filter == evfilt::kEmpty;
}

// Stays ready until the condition goes or the registration does.
bool IsLevel(const Kevent& event) {
  return (event.flags & (ev::kOneShot | ev::kClear | ev::kDispatch)) == 0;
}

}  // namespace

void KeventQueue::Collect(std::size_t max_events, Result* result) {
  if (!pending_.empty()) {
    // In a result of their own: the queue may have newer events of the same
    // registrations.
    const auto end = pending_.begin() + static_cast<std::ptrdiff_t>(std::min(
                                            max_events, pending_.size()));
    result->kevents.assign(pending_.begin(), end);
    pending_.erase(pending_.begin(), end);
    CountKept();
    return;
  }
  const std::size_t room = std::min(max_events, notes_.size());
  if (room == 0) {
    return;
  }
  if (room_.size() < room) {
    room_.resize(room);
  }
  const absl::StatusOr<std::size_t> count =
      queue_->Collect(absl::MakeSpan(room_.data(), room));
  if (!count.ok()) {
    return;
  }
  result->kevents.reserve(*count);
  for (std::size_t i = 0; i < *count; ++i) {
    absl::optional<TakenKevent> taken = Take(room_[i], result->sequence);
    if (taken.has_value()) {
      result->kevents.push_back(*std::move(taken));
    }
  }
}

absl::optional<TakenKevent> KeventQueue::Take(const Kevent& local,
                                              std::int64_t sequence) {
  Note& note = *reinterpret_cast<Note*>(local.udata);
  TakenKevent taken{.event = local,
                    .handle_id = note.handle_id,
                    .generation = note.generation,
                    .readiness = NoteReport(note.target, id_, sequence),
                    .asked = note.asked};
  taken.event.ident = note.asked.ident;
  taken.event.filter = note.asked.filter;
  taken.event.udata = note.asked.udata;
  if (note.asked.filter == evfilt::kSignal) {
    taken.event.flags |= ev::kClear;
    taken.event.data = counter_->Take();
    if (taken.event.data == 0) {
      return absl::nullopt;
    }
  }
  if ((local.flags & ev::kOneShot) != 0) {
    Erase({note.asked.ident, note.asked.filter});
  } else if ((local.flags & ev::kDispatch) != 0) {
    note.disabled = true;
  } else if (quiet_ && IsLevel(taken.event)) {
    Silence(note);
  }
  return taken;
}

// ---- Acknowledgement.

KeventQueue::Note* KeventQueue::Reported(const TakenKevent& taken) {
  Note* const note = Find({taken.event.ident, taken.event.filter});
  return note != nullptr && note->generation == taken.generation ? note
                                                                 : nullptr;
}

void KeventQueue::Silence(Note& note) {
  if (std::exchange(note.silent, true) || note.disabled) {
    return;
  }
  (void)ApplyLocal(Again(note.asked, ev::kDisable), &note);
}

void KeventQueue::Unsilence(Note& note) {
  if (!std::exchange(note.silent, false) || note.disabled) {
    return;
  }
  (void)ApplyLocal(Again(note.asked, ev::kEnable), &note);
}

void KeventQueue::SetQuiet(bool quiet, const std::vector<Result>& standing) {
  if (quiet == quiet_) {
    return;
  }
  quiet_ = quiet;
  if (!quiet) {
    for (const auto& [name, note] : notes_) {
      Unsilence(*note);
    }
    return;
  }
  for (const Result& result : standing) {
    for (const TakenKevent& taken : result.kevents) {
      Note* const note = Reported(taken);
      if (note != nullptr && IsLevel(taken.event)) {
        Silence(*note);
      }
    }
  }
}

void KeventQueue::Acknowledge(const Result& result) {
  if (!quiet_) {
    return;
  }
  for (const TakenKevent& taken : result.kevents) {
    if (Note* const note = Reported(taken)) {
      Unsilence(*note);
    }
  }
}

void KeventQueue::Restore(const Result& result, TargetOf target_of) {
  for (const TakenKevent& taken : result.kevents) {
    RestoreOne(taken, target_of);
  }
  CountKept();
}

void KeventQueue::RestoreOne(const TakenKevent& taken, TargetOf target_of) {
  if ((taken.event.flags & ev::kError) != 0) {
    pending_.push_back(taken);
    return;
  }
  if (IsLevel(taken.event)) {
    if (Note* const note = Reported(taken)) {
      Unsilence(*note);
    }
    return;
  }
  const bool one_shot = (taken.event.flags & ev::kOneShot) != 0;
  if (!CanSampleAnew(taken.event.filter)) {
    if (one_shot || Reported(taken) != nullptr) {
      pending_.push_back(taken);
    }
    return;
  }
  if (one_shot) {
    if (Find({taken.event.ident, taken.event.filter}) == nullptr) {
      (void)Apply(taken.asked, target_of);
    }
    return;
  }
  if (Note* const note = Reported(taken)) {
    note->disabled = false;  // as EV_DISPATCH left it
    (void)ApplyLocal(Again(note->asked, ev::kEnable), note);
  }
}

// ---- Closed handles.

void KeventQueue::HandleClosed(std::int64_t handle_id) {
  const auto child = children_.find(handle_id);
  if (child != children_.end()) {
    if (counter_ != nullptr) {
      counter_->Forget(child->second);
    }
    children_.erase(child);
  }
  const auto ident = static_cast<std::uint64_t>(handle_id);
  for (const std::int16_t filter : kHandleFilters) {
    Note* const note = Find({ident, filter});
    if (note == nullptr) {
      continue;
    }
    TakenKevent taken = ErrorEntry(note->asked, EBADF);
    taken.handle_id = handle_id;
    taken.generation = note->generation;
    (void)ApplyLocal(Again(note->asked, ev::kDelete), note);
    Erase({ident, filter});
    pending_.push_back(taken);
  }
  CountKept();
}

}  // namespace farpoll::server
