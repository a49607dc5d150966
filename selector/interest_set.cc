#include "selector/interest_set.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/errno_status.h"
#include "selector/hidden_fd.h"

namespace farpoll {
namespace {

std::uint32_t TriggerBits(Trigger trigger) {
  switch (trigger) {
    case Trigger::kLevel:
      return 0;
    case Trigger::kEdge:
      return EPOLLET;
    case Trigger::kOneShot:
      return EPOLLONESHOT;
  }
  return 0;
}

absl::Status StaleToken() {
  return MakeError(ENOENT, "", "interest set", "no such registration");
}

absl::Status ControlError(int number, absl::string_view operation, int fd) {
  return ErrnoStatus(number, absl::StrCat("epoll_ctl(", operation, ")"),
                     absl::StrCat("descriptor ", fd));
}

// The kernel says EINVAL when a wake-up by the file would have too many ways to
// go: path_limits of fs/eventpoll.c.
absl::Status TooManySets(int fd) {
  return MakeError(absl::StatusCode::kResourceExhausted, EINVAL,
                   "TOO_MANY_SETS", absl::StrCat("descriptor ", fd),
                   "the kernel lets one file be in 1,000 epoll sets, and in "
                   "500 that are watched by another");
}

}  // namespace

absl::StatusOr<std::unique_ptr<InterestSet>> InterestSet::Create(
    Custody custody, Files files) {
  UniqueFd epoll = Hide(UniqueFd(epoll_create1(EPOLL_CLOEXEC)));
  if (!epoll.valid()) {
    return ErrnoStatus(errno, "epoll_create1");
  }
  UniqueFd signal = Hide(UniqueFd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)));
  if (!signal.valid()) {
    return ErrnoStatus(errno, "eventfd");
  }
  epoll_event entry = {.events = EPOLLIN, .data = {.u64 = kSignalEntry}};
  if (epoll_ctl(epoll.get(), EPOLL_CTL_ADD, signal.get(), &entry) != 0) {
    return ErrnoStatus(errno, "epoll_ctl(ADD)");
  }
  return std::unique_ptr<InterestSet>(
      new InterestSet(custody, files, std::move(epoll), std::move(signal)));
}

InterestSet::InterestSet(Custody custody, Files files, UniqueFd epoll,
                         UniqueFd signal)
    : custody_(custody),
      files_(files),
      epoll_(std::move(epoll)),
      signal_(std::move(signal)) {
  NumberHolders::OfProcess().Insert(this);
}

InterestSet::~InterestSet() {
  NumberHolders::OfProcess().Erase(this);
  Close();
}

// ---- Registrations.

Events InterestSet::EventsWithoutEpoll(const Slot& slot) {
  constexpr Events kOfFiles = kIn | kOut | kReadNormal | kWriteNormal;
  switch (slot.place) {
    case Slot::Place::kNotOpen:
      return kInvalid;
    case Slot::Place::kAlwaysReady:
      return slot.asked & kOfFiles;
    case Slot::Place::kFree:
    case Slot::Place::kEpoll:
    case Slot::Place::kMoving:
      break;
  }
  return 0;
}

int InterestSet::Control(int epoll_fd, int operation, std::uint32_t index) {
  const Slot& slot = slots_[index];
  epoll_event entry = {
      .events = slot.asked | TriggerBits(slot.trigger),
      .data = {.u64 = SlotTable::Pack(index, slot.entry_generation)}};
  return epoll_ctl(epoll_fd, operation, slot.fd, &entry) == 0 ? 0 : errno;
}

int InterestSet::Enroll(std::uint32_t index) {
  if (slots_[index].fd == moving_number_) {
    slots_[index].place = Slot::Place::kMoving;
    return 0;
  }
  int error = Control(epoll_.get(), EPOLL_CTL_ADD, index);
  if (error == EEXIST) {
    // An orphan of the same file and number, alive again: take it over.
    error = Control(epoll_.get(), EPOLL_CTL_MOD, index);
  }
  Slot& slot = slots_[index];
  if (error == 0) {
    slot.place = Slot::Place::kEpoll;
  } else if (error == EPERM && files_ == Files::kAlwaysReady) {
    slot.place = Slot::Place::kAlwaysReady;
  } else if (error == EBADF && custody_ == Custody::kBorrowed) {
    slot.place = Slot::Place::kNotOpen;
  } else {
    return error;
  }
  return 0;
}

void InterestSet::UpdatePending(std::uint32_t index) {
  const Slot& slot = slots_[index];
  if (slot.armed && EventsWithoutEpoll(slot) != 0) {
    slots_.PushPending(index);
  } else {
    slots_.RemovePending(index);
  }
  UpdateSignal();
}

absl::StatusOr<RegistrationToken> InterestSet::Add(int fd, Events events,
                                                   Trigger trigger,
                                                   std::uint64_t data) {
  MutexLock lock(&mutex_);
  if (closed()) {
    return ClosedError(kName);
  }
  const std::uint32_t index = slots_.Allocate();
  Slot& slot = slots_[index];
  slot.data = data;
  slot.fd = fd;
  slot.asked = events;
  slot.trigger = trigger;
  slot.armed = true;
  const int error = Enroll(index);
  if (error != 0) {
    slots_.Free(index);
    const bool is_itself = fd == epoll_.get();
    return error == EINVAL && !is_itself ? TooManySets(fd)
                                         : ControlError(error, "ADD", fd);
  }
  UpdatePending(index);
  return SlotTable::Pack(index, slot.token_generation);
}

absl::Status InterestSet::Modify(RegistrationToken token, Events events,
                                 Trigger trigger, std::uint64_t data) {
  MutexLock lock(&mutex_);
  if (closed()) {
    return ClosedError(kName);
  }
  const std::uint32_t index = slots_.FindToken(token);
  if (index == SlotTable::kNone) {
    return StaleToken();
  }
  return Change(index, events, trigger, data);
}

absl::Status InterestSet::Rearm(RegistrationToken token) {
  MutexLock lock(&mutex_);
  if (closed()) {
    return ClosedError(kName);
  }
  const std::uint32_t index = slots_.FindToken(token);
  if (index == SlotTable::kNone) {
    return StaleToken();
  }
  const Slot& slot = slots_[index];
  return Change(index, slot.asked, slot.trigger, slot.data);
}

absl::Status InterestSet::Change(std::uint32_t index, Events events,
                                 Trigger trigger, std::uint64_t data) {
  Slot& slot = slots_[index];
  const Slot before = slot;
  slot.asked = events;
  slot.trigger = trigger;
  slot.data = data;
  slot.armed = true;
  slots_.NextEntryGeneration(index);
  int error = slot.place == Slot::Place::kEpoll
                  ? Control(epoll_.get(), EPOLL_CTL_MOD, index)
                  : Enroll(index);
  if ((error == EBADF || error == ENOENT) && custody_ == Custody::kBorrowed) {
    orphans_ = true;
    error = Enroll(index);
  }
  if (error != 0) {
    slot = before;
    return ControlError(error, "MOD", slot.fd);
  }
  AllowStaleLooks();
  UpdatePending(index);
  return absl::OkStatus();
}

absl::Status InterestSet::Remove(RegistrationToken token) {
  return Withdraw(token).status();
}

absl::StatusOr<int> InterestSet::Withdraw(RegistrationToken token) {
  MutexLock lock(&mutex_);
  if (closed()) {
    return ClosedError(kName);
  }
  const std::uint32_t index = slots_.FindToken(token);
  if (index == SlotTable::kNone) {
    return StaleToken();
  }
  int error = slots_[index].place == Slot::Place::kNotOpen ? EBADF : 0;
  if (slots_[index].place == Slot::Place::kEpoll) {
    error = Control(epoll_.get(), EPOLL_CTL_DEL, index);
    orphans_ = orphans_ || error != 0;
  }
  slots_.Free(index);
  AllowStaleLooks();
  UpdateSignal();
  return error;
}

void InterestSet::Audit() {
  MutexLock lock(&mutex_);
  for (std::uint32_t index = 0; index < slots_.end(); ++index) {
    AuditSlot(index);
  }
}

void InterestSet::AuditNext() {
  MutexLock lock(&mutex_);
  for (std::uint32_t tries = slots_.end(); tries > 0; --tries) {
    audit_next_ = audit_next_ + 1 < slots_.end() ? audit_next_ + 1 : 0;
    if (slots_[audit_next_].place != Slot::Place::kFree) {
      return AuditSlot(audit_next_);
    }
  }
}

void InterestSet::AuditSlot(std::uint32_t index) {
  Slot& slot = slots_[index];
  const Slot::Place before = slot.place;
  if (before == Slot::Place::kFree || before == Slot::Place::kMoving ||
      closed()) {
    return;
  }
  slot.suspect = false;
  if (before == Slot::Place::kEpoll) {
    // An orphan of the number's present file is alive again, if there is one,
    // and hides that the slot's entry is of another file. That one's events
    // must be stale.
    if (orphans_) {
      slots_.NextEntryGeneration(index);
      AllowStaleLooks();
    }
    if (Control(epoll_.get(), EPOLL_CTL_MOD, index) == 0) {
      return;
    }
    slots_.NextEntryGeneration(index);
    AllowStaleLooks();
    orphans_ = true;
  }
  if (Enroll(index) != 0) {
    // Neither watched nor known to be ready: make the caller look at it.
    slot.place = Slot::Place::kNotOpen;
  }
  if (before == Slot::Place::kEpoll || slot.place != before) {
    slot.armed = slot.armed || slot.trigger != Trigger::kOneShot;
    UpdatePending(index);
  }
}

// ---- The signal.

void InterestSet::UpdateSignal() {
  const bool wanted = closed() || outdated_waiters_ > 0 || slots_.pending() > 0;
  if (wanted == signalled_) {
    return;
  }
  signalled_ = wanted;
  eventfd_t count = 1;
  // Neither can fail: the counter goes from 0 to 1 and back.
  (void)(wanted ? eventfd_write(signal_.get(), count)
                : eventfd_read(signal_.get(), &count));
}

absl::StatusOr<int> InterestSet::fd() const {
  MutexLock lock(&mutex_);
  return closed() ? absl::StatusOr<int>(ClosedError(kName)) : epoll_.get();
}

std::size_t InterestSet::size() const {
  MutexLock lock(&mutex_);
  return slots_.used();
}

}  // namespace farpoll
