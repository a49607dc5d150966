// What a queue does for its filters: descriptors in the kernel's sets, files,
// signals and the clock.
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>

#include <cerrno>
#include <utility>

#include "base/errno_status.h"
#include "selector/hidden_fd.h"
#include "selector/kqueue/queue.h"
#include "selector/kqueue/queue_marks.h"

namespace farpoll {
namespace {

// How often the knotes are looked at that the kernel does not tell of.
constexpr long kTickNanos = 5'000'000;

// Filters that share a descriptor's number with others.
constexpr std::int16_t kDescriptorFilters[] = {
    evfilt::kRead,     evfilt::kWrite, evfilt::kExcept,
    evfilt::kProcdesc, evfilt::kVnode, evfilt::kEmpty,
};

Trigger TriggerOf(const Knote& knote) {
  return knote.has(ev::kOneShot | ev::kDispatch) ? Trigger::kOneShot
         : knote.has(ev::kClear)                 ? Trigger::kEdge
                                                 : Trigger::kLevel;
}

std::uint64_t SignalBit(const Knote& knote) {
  return std::uint64_t{1} << (knote.event.ident - 1);
}

}  // namespace

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
    DropAllOf(fd);  // stale: the number was free a moment ago
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

std::size_t Queue::DropAllOf(int fd) {
  std::size_t count = 0;
  for (const std::int16_t filter : kDescriptorFilters) {
    if (Knote* const knote =
            knotes_.Find(static_cast<std::uint64_t>(fd), filter)) {
      Drop(*knote);
      ++count;
    }
  }
  return count;
}

int Queue::WatchOwn(int fd, std::uint64_t mark) {
  DropAllOf(fd);  // stale: the number was free a moment ago
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
  const RegistrationToken token = std::exchange(knote.token, 0);
  --watched_;
  if (closed_) {
    return 0;  // the kernel's sets are gone
  }
  int error = 0;
  // It cannot fail: the set is open, and the token its own.
  return lanes_->At(knote.lane, error)->Withdraw(token).value_or(0);
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
  if (knote.token == 0 || knote.muted || TriggerOf(knote) == Trigger::kEdge) {
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
    FileWatcher files;
    if (files.Open() < 0) {
      return errno;
    }
    const int error = WatchOwn(files.fd(), kFilesMark);
    if (error != 0) {
      return error;
    }
    files_ = std::move(files);
  }
  return files_.Watch(knote.id(), knote.fd(), mask);
}

void Queue::UnwatchFile(Knote& knote) { files_.Unwatch(knote.id()); }

int Queue::WatchSignal(Knote& knote) {
  const std::uint64_t mask = signal_mask_ | SignalBit(knote);
  const sigset_t set = SignalSetOf(mask);
  // Signals that no thread blocks would be handled before they are read.
  SignalDesk::Block(mask);
  if (!signals_.valid()) {
    UniqueFd signals =
        Hide(UniqueFd(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK)));
    if (!signals.valid()) {
      return errno;
    }
    const int error = WatchOwn(signals.get(), kSignalsMark);
    if (error != 0) {
      return error;
    }
    signals_ = std::move(signals);
  } else if (signalfd(signals_.get(), &set, 0) < 0) {
    return errno;
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
    const sigset_t set = SignalSetOf(signal_mask_);
    // It cannot fail: the descriptor is a signalfd.
    (void)signalfd(signals_.get(), &set, 0);
  }
}

void Queue::Recheck(Knote& knote) {
  if (knote.rechecked) {
    return;
  }
  if (!clock_.valid()) {
    UniqueFd clock = Hide(
        UniqueFd(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK)));
    if (!clock.valid() || WatchOwn(clock.get(), kClockMark) != 0) {
      return;  // it is looked at when the kernel's set has something to say
    }
    clock_ = std::move(clock);
    if (knote.filter == nullptr) {
      return;  // stale: the clock has got its number
    }
  }
  if (rechecks_.empty()) {
    const itimerspec tick = {
        .it_interval = {.tv_sec = 0, .tv_nsec = kTickNanos},
        .it_value = {.tv_sec = 0, .tv_nsec = kTickNanos}};
    timerfd_settime(clock_.get(), 0, &tick, nullptr);
  }
  rechecks_.push_back(knote.id());
  knote.rechecked = true;
}

Knote* Queue::Sibling(const Knote& knote, std::int16_t filter) {
  return knotes_.Find(knote.event.ident, filter);
}

}  // namespace farpoll
