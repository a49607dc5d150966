#include "selector/interest_set.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <climits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/errno_status.h"

namespace farpoll {
namespace {

constexpr char kName[] = "interest set";

// epoll_data of signal_; no slot has this index.
constexpr std::uint64_t kSignalEntry = ~std::uint64_t{0};

constexpr std::size_t kMostKernelEvents = INT_MAX / sizeof(epoll_event);

// A deadline that needs no clock to be known as past.
constexpr MonotonicTime kLookOnce = MonotonicTime::min();

// Fields of visits_.
constexpr std::uint64_t kOneWaiter = 1;
constexpr std::uint64_t kOneMove = std::uint64_t{1} << 32;
constexpr std::uint64_t kClosed = std::uint64_t{1} << 63;
constexpr std::uint64_t kMoves = kClosed - kOneMove;

std::uint32_t WaitersOf(std::uint64_t visits) {
  return static_cast<std::uint32_t>(visits);
}

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

// One epoll_wait(2) for what is left until `deadline`, in nanoseconds.
int EpollOnce(int epoll_fd, absl::Span<epoll_event> room,
              MonotonicTime deadline) {
  const int count = static_cast<int>(room.size());
  if (deadline == kLookOnce || deadline == kNever) {
    return epoll_wait(epoll_fd, room.data(), count,
                      deadline == kNever ? -1 : 0);
  }
  const MonotonicTime now = std::chrono::steady_clock::now();
  if (deadline <= now) {
    return epoll_wait(epoll_fd, room.data(), count, 0);
  }
  const std::chrono::nanoseconds left = deadline - now;
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(left);
  const timespec span = {.tv_sec = seconds.count(),
                         .tv_nsec = (left - seconds).count()};
  const int seen = epoll_pwait2(epoll_fd, room.data(), count, &span, nullptr);
  if (seen >= 0 || errno != ENOSYS) {
    return seen;
  }
  // Before Linux 5.11 the unit is a millisecond: round up, never wait short.
  const auto millis = std::chrono::ceil<std::chrono::milliseconds>(left);
  return epoll_wait(
      epoll_fd, room.data(), count,
      static_cast<int>(std::min<std::int64_t>(millis.count(), INT_MAX)));
}

// As EpollOnce, over signals and over spans that the kernel cannot express.
int EpollUntil(int epoll_fd, absl::Span<epoll_event> room,
               MonotonicTime deadline) {
  for (;;) {
    const int seen = EpollOnce(epoll_fd, room, deadline);
    if (seen > 0 || (seen < 0 && errno != EINTR)) {
      return seen;
    }
    if (seen == 0 && (deadline == kLookOnce ||
                      deadline <= std::chrono::steady_clock::now())) {
      return 0;
    }
  }
}

absl::Status StaleToken() {
  return MakeError(ENOENT, "", kName, "no such registration");
}

absl::Status ControlError(int number, absl::string_view operation, int fd) {
  return ErrnoStatus(number, absl::StrCat("epoll_ctl(", operation, ")"),
                     absl::StrCat("descriptor ", fd));
}

}  // namespace

// A waiter's presence: while one is inside, the kernel's set stays open.
class InterestSet::Visit {
 public:
  explicit Visit(InterestSet* set)
      : set_(set), entered_(set->visits_.fetch_add(kOneWaiter)) {}
  Visit(const Visit&) = delete;
  Visit& operator=(const Visit&) = delete;

  ~Visit() {
    // The usual way out: nobody closed, nothing moved.
    std::uint64_t now = set_->visits_.load(std::memory_order_relaxed);
    while ((now & (kClosed | kMoves)) == (entered_ & kMoves)) {
      if (set_->visits_.compare_exchange_weak(now, now - kOneWaiter)) {
        return;
      }
    }
    // Under the mutex, because Close() may end the object once it has seen
    // that nobody is inside.
    MutexLock lock(&set_->mutex_);
    set_->CatchUp(entered_);
    set_->visits_.fetch_sub(kOneWaiter);
    set_->left_.SignalAll();
  }

  bool closed() const { return (entered_ & kClosed) != 0; }

  std::uint64_t& entered() { return entered_; }

 private:
  InterestSet* const set_;
  std::uint64_t entered_;  // visits_ at entry
};

absl::StatusOr<std::unique_ptr<InterestSet>> InterestSet::Create(
    Custody custody, Files files) {
  UniqueFd epoll(epoll_create1(EPOLL_CLOEXEC));
  if (!epoll.valid()) {
    return ErrnoStatus(errno, "epoll_create1");
  }
  UniqueFd signal(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
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
      signal_(std::move(signal)) {}

InterestSet::~InterestSet() { Close(); }

// ---- Registrations.

Events InterestSet::EventsWithoutEpoll(const Slot& slot) {
  constexpr Events kOfFiles = kIn | kOut | kReadNormal | kWriteNormal;
  return slot.place == Slot::Place::kNotOpen ? kInvalid : slot.asked & kOfFiles;
}

int InterestSet::Control(int epoll_fd, int operation, std::uint32_t index) {
  const Slot& slot = slots_[index];
  epoll_event entry = {
      .events = slot.asked | TriggerBits(slot.trigger),
      .data = {.u64 = SlotTable::Pack(index, slot.entry_generation)}};
  return epoll_ctl(epoll_fd, operation, slot.fd, &entry) == 0 ? 0 : errno;
}

int InterestSet::Enroll(std::uint32_t index) {
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
  if (slot.place != Slot::Place::kEpoll && slot.armed &&
      EventsWithoutEpoll(slot) != 0) {
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
    return ControlError(error, "ADD", fd);
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
  UpdatePending(index);
  return absl::OkStatus();
}

absl::Status InterestSet::Remove(RegistrationToken token) {
  MutexLock lock(&mutex_);
  if (closed()) {
    return ClosedError(kName);
  }
  const std::uint32_t index = slots_.FindToken(token);
  if (index == SlotTable::kNone) {
    return StaleToken();
  }
  if (slots_[index].place == Slot::Place::kEpoll &&
      Control(epoll_.get(), EPOLL_CTL_DEL, index) != 0) {
    orphans_ = true;
  }
  slots_.Free(index);
  UpdateSignal();
  return absl::OkStatus();
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
  if (before == Slot::Place::kFree || closed()) {
    return;
  }
  if (before == Slot::Place::kEpoll) {
    if (Control(epoll_.get(), EPOLL_CTL_MOD, index) == 0) {
      return;
    }
    slots_.NextEntryGeneration(index);
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

// ---- Waiting.

absl::StatusOr<std::size_t> InterestSet::Collect(absl::Span<Event> room) {
  return Wait(room, kLookOnce);
}

absl::StatusOr<std::size_t> InterestSet::Wait(absl::Span<Event> room,
                                              MonotonicTime deadline) {
  if (room.empty()) {
    return MakeError(EINVAL, "", kName, "no room for events");
  }
  Visit visit(this);
  if (visit.closed()) {
    return ClosedError(kName);
  }
  // 3 KiB of stack; a room beyond what the kernel can express is cut.
  Scratch<epoll_event, 256> scratch(&scratch_,
                                    std::min(room.size(), kMostKernelEvents));
  for (;;) {
    const int seen = EpollUntil(epoll_.get(), scratch.room(), deadline);
    if (seen <= 0) {
      return seen == 0 ? absl::StatusOr<std::size_t>(0)
                       : ErrnoStatus(errno, "epoll_wait");
    }
    MutexLock lock(&mutex_);
    if (closed()) {
      return ClosedError(kName);
    }
    const absl::StatusOr<std::size_t> count =
        Translate(scratch.room().first(static_cast<std::size_t>(seen)), room);
    CatchUp(visit.entered());
    if (!count.ok() || *count > 0) {
      return count;
    }
  }
}

absl::StatusOr<std::size_t> InterestSet::Translate(
    absl::Span<const epoll_event> seen, absl::Span<Event> room) {
  std::size_t count = 0;
  bool signalled = false;
  bool stale = false;
  for (const epoll_event& event : seen) {
    const std::uint64_t entry = event.data.u64;
    if (entry == kSignalEntry) {
      signalled = true;
      continue;
    }
    Slot* const slot = slots_.FindEntry(entry);
    if (slot == nullptr) {
      stale = true;
      continue;
    }
    if (!slot->armed) {  // fired in the kernel set before the last move
      continue;
    }
    slot->armed = slot->trigger != Trigger::kOneShot;
    room[count++] = {.fd = slot->fd,
                     .events = static_cast<Events>(event.events),
                     .data = slot->data};
  }
  if (signalled) {
    count += TakePending(room.subspan(count));
  }
  if (stale && orphans_) {
    const absl::Status shed = ShedOrphans();
    if (!shed.ok() && count == 0) {
      return shed;
    }
  }
  return count;
}

std::size_t InterestSet::TakePending(absl::Span<Event> room) {
  std::size_t count = 0;
  for (std::size_t left = slots_.pending(); left > 0 && count < room.size();
       --left) {
    const std::uint32_t index = slots_.PopPending();
    Slot& slot = slots_[index];
    if (slot.place == Slot::Place::kNotOpen && Enroll(index) == 0 &&
        slot.place != Slot::Place::kNotOpen) {
      UpdatePending(index);  // open by now: ready or not, it speaks for itself
      continue;
    }
    room[count++] = {
        .fd = slot.fd, .events = EventsWithoutEpoll(slot), .data = slot.data};
    slot.armed = slot.trigger == Trigger::kLevel;
    if (slot.armed) {
      slots_.PushPending(index);  // at the end: every one gets its turn
    }
  }
  UpdateSignal();
  return count;
}

absl::Status InterestSet::ShedOrphans() {
  UniqueFd fresh(epoll_create1(EPOLL_CLOEXEC));
  if (!fresh.valid()) {
    return ErrnoStatus(errno, "epoll_create1");
  }
  epoll_event entry = {.events = EPOLLIN, .data = {.u64 = kSignalEntry}};
  if (epoll_ctl(fresh.get(), EPOLL_CTL_ADD, signal_.get(), &entry) != 0) {
    return ErrnoStatus(errno, "epoll_ctl(ADD)");
  }
  for (std::uint32_t index = 0; index < slots_.end(); ++index) {
    if (slots_[index].place != Slot::Place::kEpoll) {
      continue;
    }
    // EBADF: closed too, and not audited yet; that one stays behind.
    const int error = Control(fresh.get(), EPOLL_CTL_ADD, index);
    if (error != 0 && error != EBADF && error != EPERM) {
      return ControlError(error, "ADD", slots_[index].fd);
    }
  }
  if (dup3(fresh.get(), epoll_.get(), O_CLOEXEC) < 0) {
    return ErrnoStatus(errno, "dup3");
  }
  orphans_ = false;
  // Whoever is inside may sit in the old kernel set, which lives until its last
  // waiter leaves; the signal, a member of both, calls them out.
  outdated_waiters_ = WaitersOf(visits_.fetch_add(kOneMove));
  UpdateSignal();
  return absl::OkStatus();
}

void InterestSet::CatchUp(std::uint64_t& entered) {
  const std::uint64_t moves = visits_.load() & kMoves;
  if (moves != (entered & kMoves)) {
    entered = moves;
    --outdated_waiters_;
    UpdateSignal();
  }
}

// ---- Closing.

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

void InterestSet::Close() {
  MutexLock lock(&mutex_);
  visits_.fetch_or(kClosed);
  if (signal_.valid()) {
    UpdateSignal();
  }
  while (WaitersOf(visits_.load()) > 0) {
    left_.Wait(&mutex_);
  }
  epoll_.Reset();
  signal_.Reset();
  slots_.Clear();
}

bool InterestSet::closed() const { return (visits_.load() & kClosed) != 0; }

std::size_t InterestSet::size() const {
  MutexLock lock(&mutex_);
  return slots_.used();
}

}  // namespace farpoll
