// The change list. The event list is queue_wait.cc's.
#include "selector/kqueue/queue.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <cerrno>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/errno_status.h"
#include "selector/kqueue/queue_marks.h"
#include "selector/kqueue/registry.h"

namespace farpoll {
namespace {

constexpr char kName[] = "kqueue";

constexpr std::uint16_t kModeFlags =
    ev::kOneShot | ev::kClear | ev::kReceipt | ev::kDispatch;
constexpr std::uint16_t kKnownFlags = kModeFlags | ev::kAdd | ev::kDelete |
                                      ev::kEnable | ev::kDisable |
                                      ev::kForceOneShot | ev::kKeepUdata;

// How often the knotes are looked at that the kernel does not tell of.
constexpr long kTickNanos = 5'000'000;

// Filters that share a descriptor's number with others.
constexpr std::int16_t kDescriptorFilters[] = {
    evfilt::kRead,     evfilt::kWrite, evfilt::kExcept,
    evfilt::kProcdesc, evfilt::kVnode, evfilt::kEmpty,
};

bool BothOf(std::uint16_t flags, std::uint16_t pair) {
  return (flags & pair) == pair;
}

// Whether flags make sense together; the errno, 0 for success.
int CheckFlags(std::uint16_t flags) {
  const bool refused = (flags & ~kKnownFlags) != 0 ||
                       BothOf(flags, ev::kEnable | ev::kDisable) ||
                       BothOf(flags, ev::kAdd | ev::kKeepUdata);
  return refused ? EINVAL : 0;
}

bool IsNumber(std::uint64_t ident) {
  return ident <= std::uint64_t{std::numeric_limits<int>::max()};
}

bool IsOpen(std::uint64_t ident) {
  return IsNumber(ident) && fcntl(static_cast<int>(ident), F_GETFD) >= 0;
}

Trigger TriggerOf(const Knote& knote) {
  return knote.has(ev::kOneShot | ev::kDispatch) ? Trigger::kOneShot
         : knote.has(ev::kClear)                 ? Trigger::kEdge
                                                 : Trigger::kLevel;
}

std::uint64_t SignalBit(const Knote& knote) {
  return std::uint64_t{1} << (knote.event.ident - 1);
}

sigset_t SignalSet(std::uint64_t mask) {
  sigset_t set;
  sigemptyset(&set);
  for (int signal = 1; signal < NSIG; ++signal) {
    if ((mask >> (signal - 1) & 1) != 0) {
      sigaddset(&set, signal);
    }
  }
  return set;
}

}  // namespace

absl::StatusOr<std::shared_ptr<Queue>> Queue::Create() {
  absl::StatusOr<std::unique_ptr<Lanes>> lanes = Lanes::Create();
  if (!lanes.ok()) {
    return lanes.status();
  }
  UniqueFd wake(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake.valid()) {
    return ErrnoStatus(errno, "eventfd");
  }
  int error = 0;
  const absl::StatusOr<RegistrationToken> token =
      (*lanes)->At(0, error)->Add(wake.get(), kIn, Trigger::kLevel, kWakeMark);
  if (!token.ok()) {
    return token.status();
  }
  return std::shared_ptr<Queue>(new Queue(*std::move(lanes), std::move(wake)));
}

Queue::Queue(std::unique_ptr<Lanes> lanes, UniqueFd wake)
    : lanes_(std::move(lanes)), wake_(std::move(wake)) {}

Queue::~Queue() { Close(); }

// ---- Changes.

absl::StatusOr<std::size_t> Queue::Apply(absl::Span<const Kevent> changes,
                                         absl::Span<Kevent> results) {
  MutexLock lock(&mutex_);
  if (closed_) {
    return ClosedError(kName);
  }
  std::size_t count = 0;
  for (const Kevent& entry : changes) {
    // A copy: its place may be the next result's.
    const Kevent change = entry;
    if (change.filter == 0) {
      continue;
    }
    const int error = ApplyOne(change);
    if (error == 0 && (change.flags & ev::kReceipt) == 0) {
      continue;
    }
    if (count == results.size()) {
      UpdateWake();
      if (error == 0) {
        return count;
      }
      return MakeError(
          error, "", absl::StrCat("ident ", change.ident),
          absl::StrCat(FilterToString(change.filter), " ident ", change.ident,
                       " ", FlagsToString(change.flags)));
    }
    Kevent& result = results[count++];
    result = change;
    result.flags = ev::kError;
    result.data = error;
  }
  UpdateWake();
  return count;
}

int Queue::ApplyOne(const Kevent& entry) {
  Kevent change = entry;
  change.flags &= static_cast<std::uint16_t>(~ev::kSystem);
  const FilterEntry& known = FindFilter(change.filter);
  if (known.filter == nullptr) {
    return known.refusal;
  }
  const int refusal = CheckFlags(change.flags);
  if (refusal != 0) {
    return refusal;
  }
  if (Knote* const knote = knotes_.Find(change.ident, change.filter)) {
    const int error = ApplyToKnote(*knote, change);
    const bool stale = knotes_.Find(change.ident, change.filter) == nullptr;
    // A knote that was for another file has vanished with that: the change is
    // the first for this one.
    if (error != ENOENT || !stale || (change.flags & ev::kAdd) == 0) {
      return error;
    }
  }
  if ((change.flags & ev::kAdd) != 0) {
    return Add(change, *known.filter);
  }
  return known.filter->IdentIsDescriptor() && !IsOpen(change.ident) ? EBADF
                                                                    : ENOENT;
}

int Queue::ApplyToKnote(Knote& knote, const Kevent& change) {
  if ((change.flags & ev::kDelete) != 0) {
    return Remove(knote);
  }
  int stale = knote.token == 0 ? knote.filter->Verify(knote) : 0;
  if (stale == 0) {
    const int error = Update(knote, change);
    if (error != 0) {
      return error;
    }
    stale = Reevaluate(knote);
  }
  if (stale != 0) {
    Drop(knote);
  }
  return stale;
}

int Queue::Add(const Kevent& change, const Filter& filter) {
  if (filter.IdentIsDescriptor() && !IsNumber(change.ident)) {
    return EBADF;
  }
  Knote& knote = knotes_.Insert(change.ident, change.filter);
  knote.filter = &filter;
  knote.event.flags = change.flags & kModeFlags;
  knote.event.udata = change.udata;
  knote.asked_fflags = change.fflags;
  knote.asked_data = change.data;
  knote.disabled = (change.flags & ev::kDisable) != 0;
  const int error = filter.Attach(knote, *this);
  if (error != 0) {
    Drop(knote);
    return error;
  }
  // What the kernel's set watches, it has sampled by itself.
  if (knote.token == 0 && !knote.disabled && SampleNow(knote)) {
    Activate(knote);
  }
  return 0;
}

int Queue::Remove(Knote& knote) {
  const int stale =
      knote.token != 0 ? Unwatch(knote) : knote.filter->Verify(knote);
  Drop(knote);
  return stale;
}

int Queue::Update(Knote& knote, const Kevent& change) {
  const int error = knote.filter->Touch(knote, change, *this);
  if (error != 0) {
    return error;
  }
  if ((change.flags & ev::kKeepUdata) == 0) {
    knote.event.udata = change.udata;
  }
  if ((change.flags & ev::kForceOneShot) != 0) {
    knote.event.flags |= ev::kOneShot;
    knote.forced = true;
  }
  if ((change.flags & ev::kEnable) != 0) {
    knote.disabled = false;
  } else if ((change.flags & ev::kDisable) != 0) {
    knote.disabled = true;
  }
  return 0;
}

int Queue::Reevaluate(Knote& knote) {
  if (knote.disabled) {
    knotes_.RemoveActive(knote);
    return knote.token != 0 ? Disarm(knote) : 0;
  }
  const int stale = knote.token != 0 ? Arm(knote) : 0;
  if (stale == 0 && (knote.forced || (knote.token == 0 && SampleNow(knote)))) {
    Activate(knote);
  }
  return stale;
}

void Queue::Drop(Knote& knote) {
  knote.filter->Detach(knote, *this);
  Unwatch(knote);
  knotes_.Erase(knote);
}

std::size_t Queue::Forget(int fd) {
  MutexLock lock(&mutex_);
  std::size_t count = 0;
  for (const std::int16_t filter : kDescriptorFilters) {
    if (Knote* const knote =
            knotes_.Find(static_cast<std::uint64_t>(fd), filter)) {
      Drop(*knote);
      ++count;
    }
  }
  UpdateWake();
  return count;
}

std::size_t Queue::size() const {
  MutexLock lock(&mutex_);
  return knotes_.size();
}

// ---- The kernel's sets.

std::uint8_t Queue::FreeLane(const Knote& knote) {
  unsigned taken = 0;
  for (const std::int16_t filter : kDescriptorFilters) {
    const Knote* const other =
        filter == knote.event.filter || knotes_.CountOf(filter) == 0
            ? nullptr
            : knotes_.Find(knote.event.ident, filter);
    if (other != nullptr && other->token != 0) {
      taken |= 1u << other->lane;
    }
  }
  std::uint8_t lane = 0;
  while ((taken >> lane & 1) != 0) {
    ++lane;
  }
  return lane;
}

int Queue::Watch(Knote& knote, int fd, Events events) {
  const bool borrowed = knote.filter->IdentIsDescriptor();
  if (!borrowed) {
    DropStale(fd);
  }
  int error = 0;
  const std::uint8_t lane = borrowed ? FreeLane(knote) : 0;
  InterestSet* const set = lanes_->At(lane, error);
  if (set == nullptr) {
    return error;
  }
  const absl::StatusOr<RegistrationToken> token =
      knote.disabled ? set->Add(fd, 0, Trigger::kEdge, knote.id())
                     : set->Add(fd, events, TriggerOf(knote), knote.id());
  if (!token.ok()) {
    return ErrnoOf(token.status());
  }
  ++watched_;
  knote.lane = lane;
  knote.token = *token;
  knote.watched_fd = fd;
  knote.watched_events = events;
  knote.muted = false;
  return 0;
}

void Queue::DropStale(int fd) {
  for (const std::int16_t filter : kDescriptorFilters) {
    if (Knote* const stale =
            knotes_.Find(static_cast<std::uint64_t>(fd), filter)) {
      Drop(*stale);
    }
  }
}

int Queue::WatchOwn(int fd, std::uint64_t mark) {
  DropStale(fd);
  int error = 0;
  const absl::StatusOr<RegistrationToken> token =
      lanes_->At(0, error)->Add(fd, kIn, Trigger::kLevel, mark);
  if (!token.ok()) {
    return ErrnoOf(token.status());
  }
  ++watched_;
  return 0;
}

int Queue::Unwatch(Knote& knote) {
  if (knote.token == 0) {
    return 0;
  }
  int error = 0;
  // It cannot fail but for Close(), and then nothing is left to remove.
  const absl::StatusOr<int> stale =
      lanes_->At(knote.lane, error)->Withdraw(knote.token);
  knote.token = 0;
  --watched_;
  return stale.value_or(0);
}

int Queue::Rewatch(Knote& knote, Events events, Trigger trigger) {
  int error = 0;
  const absl::Status changed =
      lanes_->At(knote.lane, error)
          ->Modify(knote.token, events, trigger, knote.id());
  return changed.ok() ? 0 : ErrnoOf(changed);
}

int Queue::Arm(Knote& knote) {
  knote.muted = false;
  return Rewatch(knote, knote.watched_events, TriggerOf(knote));
}

int Queue::Disarm(Knote& knote) {
  // Errors and hangups come all the same, but once.
  return Rewatch(knote, 0, Trigger::kEdge);
}

void Queue::Mute(Knote& knote) {
  if (knote.muted || TriggerOf(knote) == Trigger::kEdge) {
    return;
  }
  knote.muted = true;
  // The change is also the test for a number that was closed or reused.
  if (Rewatch(knote, knote.watched_events, Trigger::kEdge) != 0) {
    Drop(knote);
  }
}

// ---- What filters ask for.

void Queue::Activate(Knote& knote) {
  if (!knote.disabled) {
    knotes_.PushActive(knote);
    UpdateWake();
  }
}

int Queue::WatchFile(Knote& knote, std::uint32_t mask) {
  if (files_.fd() < 0) {
    if (files_.Open() < 0) {
      return errno;
    }
    const int error = WatchOwn(files_.fd(), kFilesMark);
    if (error != 0) {
      files_.Close();
      return error;
    }
  }
  return files_.Watch(knote.id(), knote.fd(), mask);
}

void Queue::UnwatchFile(Knote& knote) { files_.Unwatch(knote.id()); }

int Queue::WatchSignal(Knote& knote) {
  const std::uint64_t mask = signal_mask_ | SignalBit(knote);
  const sigset_t set = SignalSet(mask);
  // Signals that no thread blocks would be handled before they are read.
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  const int fd = signalfd(signals_.get(), &set, SFD_CLOEXEC | SFD_NONBLOCK);
  if (fd < 0) {
    return errno;
  }
  if (!signals_.valid()) {
    signals_.Reset(fd);
    const int error = WatchOwn(fd, kSignalsMark);
    if (error != 0) {
      signals_.Reset();
      return error;
    }
  }
  signal_mask_ = mask;
  SignalDesk::OfProcess().Subscribe(weak_from_this(), knote.id(),
                                    static_cast<int>(knote.event.ident));
  return 0;
}

void Queue::UnwatchSignal(Knote& knote) {
  SignalDesk::OfProcess().Unsubscribe(this, knote.id());
  const std::uint64_t number = knote.event.ident;
  if (signals_.valid() && number >= 1 && number < NSIG) {
    signal_mask_ &= ~SignalBit(knote);
    const sigset_t set = SignalSet(signal_mask_);
    // It cannot fail: the descriptor is a signalfd.
    (void)signalfd(signals_.get(), &set, 0);
  }
}

void Queue::Recheck(Knote& knote) {
  if (knote.rechecked) {
    return;
  }
  if (!clock_.valid()) {
    UniqueFd clock(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
    if (!clock.valid() || WatchOwn(clock.get(), kClockMark) != 0) {
      return;  // it is looked at when the kernel's set has something to say
    }
    clock_ = std::move(clock);
  }
  if (rechecks_.empty()) {
    const itimerspec tick = {
        .it_interval = {.tv_sec = 0, .tv_nsec = kTickNanos},
        .it_value = {.tv_sec = 0, .tv_nsec = kTickNanos}};
    timerfd_settime(clock_.get(), 0, &tick, nullptr);
  }
  knote.rechecked = true;
  rechecks_.push_back(knote.id());
}

Knote* Queue::Sibling(const Knote& knote, std::int16_t filter) {
  return knotes_.Find(knote.event.ident, filter);
}

}  // namespace farpoll
