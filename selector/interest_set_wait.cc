// The waiting half of InterestSet: how waiters come in, take events and leave,
// and how Close() sees them out.
#include <poll.h>
#include <sys/epoll.h>
#include <time.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <climits>

#include "base/errno_status.h"
#include "selector/interest_set.h"
#include "selector/invariant.h"

namespace farpoll {
namespace {

// Events kept on the stack by a wait: 3 KiB.
constexpr std::size_t kInlineEvents = 256;
constexpr std::size_t kMostKernelEvents = INT_MAX / sizeof(epoll_event);

constexpr MonotonicTime kLookOnce = InterestSet::kLookOnce;

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

// As EpollOnce, over spans that the kernel cannot express, and over signals if
// so asked.
int EpollUntil(int epoll_fd, absl::Span<epoll_event> room,
               MonotonicTime deadline, OnSignal on_signal) {
  const bool interruptible =
      on_signal == OnSignal::kReturn && deadline != kLookOnce;
  for (;;) {
    const int seen = EpollOnce(epoll_fd, room, deadline);
    if (seen > 0 || (seen < 0 && (errno != EINTR || interruptible))) {
      return seen;
    }
    if (seen == 0 && (deadline == kLookOnce ||
                      deadline <= std::chrono::steady_clock::now())) {
      return 0;
    }
  }
}

}  // namespace

// A waiter's presence: while one is inside, the kernel's set stays open.
class InterestSet::Visit {
 public:
  explicit Visit(InterestSet* set)
      : set_(set), ticket_(set->tickets_.fetch_add(1)) {}
  Visit(const Visit&) = delete;
  Visit& operator=(const Visit&) = delete;
  ~Visit() {
    if (!left_) {
      MutexLock lock(&set_->mutex_);
      ticket_ &= ~kClosed;
      set_->Leave(ticket_);
    }
  }

  bool closed() const { return (ticket_ & kClosed) != 0; }
  std::uint64_t& ticket() { return ticket_; }
  // Says that InterestSet::Leave was called.
  void SetLeft() { left_ = true; }

 private:
  InterestSet* const set_;
  std::uint64_t ticket_;
  bool left_ = false;
};

absl::StatusOr<std::size_t> InterestSet::Collect(absl::Span<Event> room) {
  return Wait(room, kLookOnce);
}

absl::StatusOr<std::size_t> InterestSet::Wait(absl::Span<Event> room,
                                              MonotonicTime deadline,
                                              OnSignal on_signal) {
  if (room.empty()) {
    return MakeError(EINVAL, "", kName, "no room for events");
  }
  Visit visit(this);
  if (visit.closed()) {
    return ClosedError(kName);
  }
  // What is registered bounds it, not the room; the rest is the signal's and
  // the orphans'.
  const std::size_t most =
      room.size() <= kInlineEvents
          ? room.size()
          : std::min(room.size(), std::max(size() + 16, kInlineEvents));
  Scratch<epoll_event, kInlineEvents> scratch(
      &scratch_, std::min(most, kMostKernelEvents));
  for (;;) {
    const int seen =
        EpollUntil(epoll_.get(), scratch.room(), deadline, on_signal);
    if (seen <= 0) {
      return seen == 0 ? absl::StatusOr<std::size_t>(0)
                       : ErrnoStatus(errno, "epoll_wait");
    }
    std::size_t count = 0;
    bool orphan = false;
    {
      MutexLock lock(&mutex_);
      if (closed()) {
        return ClosedError(kName);
      }
      count = Translate(scratch.room().first(static_cast<std::size_t>(seen)),
                        room, orphan);
      if (!orphan && count > 0) {
        scratch.Release();
        Leave(visit.ticket());
        visit.SetLeft();
        return count;
      }
      CatchUp(visit.ticket());
    }
    if (orphan) {
      const absl::Status shed = ShedOrphans();
      if (count > 0) {
        return count;
      }
      if (!shed.ok()) {
        return shed;
      }
    }
  }
}

std::size_t InterestSet::Translate(absl::Span<const epoll_event> seen,
                                   absl::Span<Event> room, bool& orphan) {
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
    auto events = static_cast<Events>(event.events);
    if (slot->suspect) {
      events = CheckSuspect(static_cast<std::uint32_t>(entry >> 32));
      signalled = true;  // if it is not open, it is pending by now
      if (events == 0) {
        continue;
      }
    }
    slot->armed = slot->trigger != Trigger::kOneShot;
    room[count++] = {.fd = slot->fd, .events = events, .data = slot->data};
  }
  if (signalled) {
    count += TakePending(room.subspan(count));
  }
  orphan = stale && orphans_;
  if (stale && !orphan) {
    RequireInvariant(stale_looks_allowed_ > 0,
                     "every orphan of an interest set is known", seen.size(),
                     slots_.used());
    --stale_looks_allowed_;
  }
  return count;
}

void InterestSet::AllowStaleLooks() {
  // Whoever is inside may have collected before the change; nobody looks twice
  // at what came before it.
  stale_looks_allowed_ = waiters();
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

Events InterestSet::CheckSuspect(std::uint32_t index) {
  AuditSlot(index);
  const Slot& slot = slots_[index];
  if (slot.place != Slot::Place::kEpoll) {
    return 0;
  }
  pollfd entry = {
      .fd = slot.fd, .events = static_cast<short>(slot.asked), .revents = 0};
  return poll(&entry, 1, 0) > 0 ? static_cast<Events>(entry.revents)
                                : Events{0};
}

bool InterestSet::LooksIdle() {
  MutexLock lock(&mutex_);
  polled_.clear();
  for (std::uint32_t index = 0; index < slots_.end(); ++index) {
    Slot& slot = slots_[index];
    if (slot.place != Slot::Place::kFree && slot.armed) {
      slot.suspect = true;
      polled_.push_back({.fd = slot.fd,
                         .events = static_cast<short>(slot.asked),
                         .revents = 0});
    }
  }
  return poll(polled_.data(), polled_.size(), 0) == 0;
}

// ---- Waiters.

std::uint64_t InterestSet::waiters() const {
  return (tickets_.load() & ~kClosed) - departures_;
}

void InterestSet::CatchUp(std::uint64_t& ticket) {
  if (ticket < first_ticket_) {
    ticket = first_ticket_;
    --outdated_waiters_;
    UpdateSignal();
  }
  RequireInvariant(outdated_waiters_ < waiters(),
                   "the waiter that looks is not one of those left behind",
                   outdated_waiters_, waiters());
}

void InterestSet::Leave(std::uint64_t& ticket) {
  CatchUp(ticket);
  ++departures_;
  if (closed()) {
    left_.SignalAll();
  }
}

// ---- Closing.

void InterestSet::Close() {
  MutexLock lock(&mutex_);
  tickets_.fetch_or(kClosed);
  const bool intact = Intact();
  if (intact) {
    UpdateSignal();
  }
  while (waiters() > 0) {
    left_.Wait(&mutex_);
  }
  if (!intact) {
    // Closing what may be somebody else's by now is worse than a leak.
    epoll_.Release();
    signal_.Release();
  }
  epoll_.Reset();
  signal_.Reset();
  slots_.Clear();
}

bool InterestSet::closed() const { return (tickets_.load() & kClosed) != 0; }

}  // namespace farpoll
