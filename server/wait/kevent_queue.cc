#include "server/wait/kevent_queue.h"

#include <signal.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "base/errno_status.h"
#include "server/policy/limits.h"
#include "server/wait/kevent_forms.h"

namespace farpoll::server {
namespace {

constexpr std::uint16_t kModes =
    ev::kOneShot | ev::kClear | ev::kDispatch | ev::kReceipt;

bool NamesHandle(std::int16_t filter) {
  return std::find(kHandleFilters.begin(), kHandleFilters.end(), filter) !=
         kHandleFilters.end();
}

bool NeedsDescriptor(std::int16_t filter) {
  return filter == evfilt::kTimer || filter == evfilt::kProc ||
         filter == evfilt::kSignal;
}

// What a filter asks for, in poll(2)'s terms.
Events AskedBy(std::int16_t filter) {
  switch (filter) {
    case evfilt::kRead:
      return kIn;
    case evfilt::kWrite:
      return kOut;
    case evfilt::kExcept:
      return kPriority;
    default:
      return 0;
  }
}

std::string NameOf(const Kevent& change) {
  return absl::StrCat(change.ident, ",", FilterToString(change.filter));
}

// The errno of a failed change; a limit of the server's has none of its own.
int NumberOf(const absl::Status& status) {
  const int number = ErrnoOf(status);
  return number != 0 || status.ok() ? number : ENOSPC;
}

}  // namespace

absl::StatusOr<std::unique_ptr<KeventQueue>> KeventQueue::Create(
    std::int64_t max_registrations, Quota* descriptors, std::int64_t id) {
  // The session's sockets are the server's own: nobody else waits for their
  // errors.
  absl::StatusOr<std::unique_ptr<Kqueue>> queue =
      Kqueue::Create({.takes_socket_errors = true});
  if (!queue.ok()) {
    return queue.status();
  }
  const absl::StatusOr<int> fd = (*queue)->fd();
  if (!fd.ok()) {
    return fd.status();
  }
  return std::unique_ptr<KeventQueue>(new KeventQueue(
      *std::move(queue), *fd, max_registrations, descriptors, id));
}

KeventQueue::KeventQueue(std::unique_ptr<Kqueue> queue, int fd,
                         std::int64_t max_registrations, Quota* descriptors,
                         std::int64_t id)
    : queue_(std::move(queue)),
      fd_(fd),
      max_registrations_(max_registrations),
      descriptors_(descriptors),
      id_(id) {}

KeventQueue::~KeventQueue() {
  descriptors_->Return(
      std::count_if(notes_.begin(), notes_.end(),
                    [](const auto& item) { return item.second->counted; }));
}

// ---- Changes.

absl::StatusOr<KeventQueue::Place> KeventQueue::Locate(const Kevent& change,
                                                       TargetOf target_of) {
  if (change.filter == evfilt::kSignal) {
    return LocateSignal(change);
  }
  if (!NamesHandle(change.filter)) {
    return Place{{change.ident, change.filter}, 0, {}};
  }
  const bool can_be_id =
      change.ident <=
      static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  const auto id = can_be_id ? static_cast<std::int64_t>(change.ident) : 0;
  const Target target = target_of(id);
  if (change.filter == evfilt::kProc) {
    if (target.pid == 0) {
      return MakeError(EPERM, "NOT_A_PROCESS_OF_THE_SESSION", NameOf(change),
                       "ident is not the handle of one of the session's "
                       "processes");
    }
    return Place{
        {static_cast<std::uint64_t>(target.pid), change.filter}, id, target};
  }
  if (target.fd < 0) {
    return MakeError(EBADF, "HANDLE_UNKNOWN", NameOf(change),
                     "the session has no such handle");
  }
  if (change.filter == evfilt::kVnode && target.handle != nullptr &&
      target.handle->far_file != nullptr) {
    return MakeError(EOPNOTSUPP, "FAR_FILE", NameOf(change),
                     "the file's file system is not this kernel's own, which "
                     "alone tells what happens in it");
  }
  return Place{
      {static_cast<std::uint64_t>(target.fd), change.filter}, id, target};
}

absl::StatusOr<KeventQueue::Place> KeventQueue::LocateSignal(
    const Kevent& change) const {
  if (change.ident != SIGCHLD) {
    return MakeError(EPERM, "SIGNALS_ARE_THE_SERVERS", NameOf(change),
                     "signals reach the server's process, not the session; "
                     "SIGCHLD alone can be counted, for its children");
  }
  if (counter_ == nullptr) {
    return Place{{change.ident, change.filter}, 0, {}};  // not registered yet
  }
  return Place{counter_name(), 0, {}};
}

absl::Status KeventQueue::StartCounting() {
  absl::StatusOr<std::unique_ptr<ChildCounter>> made = ChildCounter::Create();
  if (!made.ok()) {
    return made.status();
  }
  counter_ = *std::move(made);
  for (const auto& [handle_id, pidfd] : children_) {
    counter_->Add(pidfd);
  }
  return absl::OkStatus();
}

KeventQueue::Name KeventQueue::counter_name() const {
  return {static_cast<std::uint64_t>(counter_->fd()), evfilt::kRead};
}

void KeventQueue::AddChild(std::int64_t handle_id, int pidfd) {
  children_.emplace(handle_id, pidfd);
  if (counter_ != nullptr) {
    counter_->Add(pidfd);
  }
}

absl::StatusOr<std::unique_ptr<KeventQueue::Note>> KeventQueue::NewNote(
    const Kevent& change, const Place& place) {
  // Events kept back count too, so that they are bounded.
  if (static_cast<std::int64_t>(notes_.size() + pending_.size()) >=
      max_registrations_) {
    return LimitReached("max_selector_registrations", max_registrations_,
                        NameOf(change));
  }
  if (const absl::Status place = TakePlace(); !place.ok()) {
    return place;
  }
  auto note = std::make_unique<Note>();
  note->asked.ident = change.ident;
  note->asked.filter = change.filter;
  note->asked.flags =
      static_cast<std::uint16_t>(ev::kAdd | (change.flags & kModes));
  note->handle_id = place.handle_id;
  note->target = place.target;
  note->local = place.local;
  if (NeedsDescriptor(change.filter)) {
    const absl::Status room = descriptors_->TryTake(1, "max_handles");
    if (!room.ok()) {
      return room;
    }
    note->counted = true;
  }
  if (change.filter == evfilt::kSignal) {
    if (const absl::Status counting = StartCounting(); !counting.ok()) {
      Release(*note);
      return counting;
    }
    note->local = counter_name();
  }
  return note;
}

absl::Status KeventQueue::ApplyLocal(Kevent change, const Note* note) {
  const std::string name = NameOf(change);
  if (note != nullptr) {
    std::tie(change.ident, change.filter) = note->local;
    if (note->asked.filter == evfilt::kSignal) {
      // The counter is emptied with each event, which clears it.
      change.flags &= static_cast<std::uint16_t>(~ev::kClear);
      change.fflags = 0;
      change.data = 0;
    }
  }
  change.udata = reinterpret_cast<std::uintptr_t>(note);
  Kevent entry;
  const absl::StatusOr<std::size_t> entries =
      queue_->Apply({&change, 1}, {&entry, 1});
  if (!entries.ok()) {
    return entries.status();
  }
  return *entries == 0 || entry.data == 0
             ? absl::OkStatus()
             : ErrnoStatus(static_cast<int>(entry.data), "kevent", name);
}

absl::StatusOr<std::int64_t> KeventQueue::ApplyOne(const Kevent& asked,
                                                   TargetOf target_of) {
  if (asked.filter == 0) {
    return 0;
  }
  Kevent change = asked;
  change.flags = static_cast<std::uint16_t>(change.flags & ~ev::kSystem);
  const absl::StatusOr<Place> place = Locate(change, target_of);
  if (!place.ok()) {
    return place.status();
  }
  const Name name(change.ident, change.filter);
  Note* note = Find(name);
  std::unique_ptr<Note> fresh;
  if (note == nullptr) {
    if ((change.flags & ev::kAdd) == 0) {
      Kevent local = change;
      std::tie(local.ident, local.filter) = place->local;
      const absl::Status refused = ApplyLocal(local, nullptr);
      const bool dropped =
          (change.flags & ev::kDelete) != 0 && DropPending(name);
      return dropped ? absl::StatusOr<std::int64_t>(last_generation_) : refused;
    }
    absl::StatusOr<std::unique_ptr<Note>> made = NewNote(change, *place);
    if (!made.ok()) {
      return made.status();
    }
    fresh = *std::move(made);
    note = fresh.get();
  }
  // A change of what is silent for want of an acknowledgement arms it again,
  // unless the client wants it disabled.
  const bool rearms = note->silent &&
                      (change.flags & (ev::kAdd | ev::kEnable)) != 0 &&
                      (!note->disabled || (change.flags & ev::kEnable) != 0);
  Kevent local = change;
  if (rearms) {
    local.flags |= ev::kEnable;
  }
  const absl::Status applied = ApplyLocal(local, note);
  if (!applied.ok()) {
    if (fresh != nullptr) {
      Release(*fresh);
    }
    return applied;
  }
  // As on FreeBSD, a change that adds does not delete what it added.
  if ((change.flags & ev::kDelete) != 0 && fresh == nullptr) {
    const std::int64_t ended = note->generation;
    DropPending(name);
    Erase(name);
    return ended;
  }
  if (fresh != nullptr) {
    CountChange();
    notes_.emplace(name, std::move(fresh));
  }
  note->silent = note->silent && !rearms;
  Record(change, note);
  return note->generation;
}

void KeventQueue::Record(const Kevent& change, Note* note) {
  note->generation = ++last_generation_;
  note->asked.fflags = change.fflags;
  note->asked.data = change.data;
  if ((change.flags & ev::kKeepUdata) == 0) {
    note->asked.udata = change.udata;
    for (TakenKevent& taken : pending_) {
      if (taken.event.ident == change.ident &&
          taken.event.filter == change.filter) {
        taken.event.udata = change.udata;
      }
    }
  }
  if ((change.flags & ev::kForceOneShot) != 0) {
    note->asked.flags |= ev::kOneShot;
  }
  if ((change.flags & ev::kEnable) != 0) {
    note->disabled = false;
  }
  if ((change.flags & ev::kDisable) != 0) {
    note->disabled = true;
  }
}

absl::StatusOr<std::vector<TakenKevent>> ApplyInTurn(
    std::size_t count, std::size_t room,
    absl::FunctionRef<AppliedKevent(std::size_t)> apply) {
  std::vector<TakenKevent> entries;
  for (std::size_t i = 0; i < count; ++i) {
    const AppliedKevent applied = apply(i);
    const bool receipt = (applied.change.flags & ev::kReceipt) != 0 &&
                         applied.change.filter != 0;
    if (applied.status.ok() && !receipt) {
      continue;
    }
    if (entries.size() == room) {
      // A receipt without room ends the call too, with nothing wrong.
      return applied.status.ok()
                 ? absl::StatusOr<std::vector<TakenKevent>>(entries)
                 : applied.status;
    }
    entries.push_back(ErrorEntry(applied.change, NumberOf(applied.status)));
    entries.back().change = i;
  }
  return entries;
}

void KeventQueue::VisitRegistrations(Visit visit) const {
  for (const auto& [name, note] : notes_) {
    if (note->handle_id != 0) {
      visit(note->handle_id, AskedBy(note->asked.filter));
    }
  }
}

KeventQueue::Note* KeventQueue::Find(const Name& name) {
  const auto it = notes_.find(name);
  return it == notes_.end() ? nullptr : it->second.get();
}

void KeventQueue::Erase(const Name& name) {
  CountChange();
  const auto it = notes_.find(name);
  Release(*it->second);
  notes_.erase(it);
  CountKept();
}

void KeventQueue::Release(const Note& note) {
  if (note.counted) {
    descriptors_->Return(1);
  }
  if (note.asked.filter == evfilt::kSignal) {
    counter_.reset();
  }
}

bool KeventQueue::DropPending(const Name& name) {
  const auto of_name = [&name](const TakenKevent& taken) {
    return Name(taken.event.ident, taken.event.filter) == name &&
           (taken.event.flags & ev::kError) == 0;
  };
  const auto end = std::remove_if(pending_.begin(), pending_.end(), of_name);
  const bool any = end != pending_.end();
  pending_.erase(end, pending_.end());
  return any;
}

bool KeventQueue::Has(std::int64_t handle_id) const {
  const auto ident = static_cast<std::uint64_t>(handle_id);
  return std::any_of(kHandleFilters.begin(), kHandleFilters.end(),
                     [&](std::int16_t filter) {
                       return notes_.contains(Name(ident, filter));
                     });
}

}  // namespace farpoll::server
