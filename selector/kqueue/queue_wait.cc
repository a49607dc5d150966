// The event list. The change list is queue.cc's.
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <utility>

#include "base/errno_status.h"
#include "selector/kqueue/descriptor.h"
#include "selector/kqueue/queue.h"
#include "selector/kqueue/queue_marks.h"

namespace farpoll {
namespace {

constexpr char kName[] = "kqueue";

// Events kept on the stack by a wait: 2 KiB.
constexpr std::size_t kInlineEvents = 128;

}  // namespace

absl::StatusOr<std::size_t> Queue::Take(absl::Span<Kevent> room,
                                        MonotonicTime deadline,
                                        OnSignal on_signal) {
  // Before, what another thread has deleted; after, what was one-shot.
  SignalDesk::UnblockUnasked();
  absl::StatusOr<std::size_t> count = TakeUntil(room, deadline, on_signal);
  SignalDesk::UnblockUnasked();
  return count;
}

absl::StatusOr<std::size_t> Queue::TakeUntil(absl::Span<Kevent> room,
                                             MonotonicTime deadline,
                                             OnSignal on_signal) {
  Scratch<Event, kInlineEvents> scratch(&scratch_, SpaceFor(room.size()));
  for (;;) {
    if (active_hint_.load(std::memory_order_relaxed) > 0) {
      MutexLock lock(&mutex_);
      if (!closed_ && KernelHasNoTurn(room)) {
        const std::size_t count = TakeActive(room);
        if (count > 0) {
          return count;
        }
      }
    }
    const absl::StatusOr<std::size_t> seen =
        lanes_->Wait(scratch.room(), deadline, on_signal);
    if (!seen.ok()) {
      return closed() ? ClosedError(kName) : seen.status();
    }
    if (*seen == 0) {
      return 0;
    }
    const absl::Span<const Event> events = scratch.room().first(*seen);
    for (const Event& event : events) {
      if (event.data == kSignalsMark) {
        DispatchSignals(event.fd);
      }
    }
    MutexLock lock(&mutex_);
    if (closed_) {
      return ClosedError(kName);
    }
    const std::size_t count = Harvest(events, scratch.room(), room);
    if (count > 0) {
      return count;
    }
  }
}

std::size_t Queue::SpaceFor(std::size_t room) const {
  if (room <= kInlineEvents) {
    return room;
  }
  MutexLock lock(&mutex_);
  // Beside what is counted: the wake descriptor, and a mark for each lane.
  const std::size_t most = watched_ + 1 + Lanes::kCount;
  return std::min(room, std::max(most, kInlineEvents));
}

bool Queue::KernelHasNoTurn(absl::Span<Kevent> room) {
  if (watched_ == 0) {
    return knotes_.active() > 0;
  }
  kernel_is_next_ = !kernel_is_next_ && knotes_.active() >= room.size();
  return kernel_is_next_;
}

std::size_t Queue::Harvest(absl::Span<const Event> seen,
                           absl::Span<Event> space, absl::Span<Kevent> room) {
  // A mark took a place that an event could have had, so there is room for at
  // least one event of each.
  unsigned lanes = 0;
  std::size_t count = 0;
  for (const Event& event : seen) {
    if (event.data < kFirstMark) {
      count += TakeWatched(event, room[count]) ? 1 : 0;
    } else if (event.data == kFilesMark) {
      DrainFiles();
    } else if (event.data == kClockMark) {
      Tick();
    } else {
      lanes |= 1u << Lanes::LaneOf(event.data);
    }
  }
  for (std::uint8_t lane = 1; lane < Lanes::kCount; ++lane) {
    const std::size_t left = room.size() - count;
    if ((lanes >> lane & 1) == 0 || left == 0) {
      continue;
    }
    const absl::StatusOr<std::size_t> more =
        lanes_->Collect(lane, space.first(std::min(left, space.size())));
    for (std::size_t i = 0; more.ok() && i < *more; ++i) {
      count += TakeWatched(space[i], room[count]) ? 1 : 0;
    }
  }
  if (knotes_.active() > 0) {
    count += TakeActive(room.subspan(count));
  }
  return count;
}

bool Queue::TakeWatched(const Event& seen, Kevent& event) {
  Knote* const knote = knotes_.Resolve(seen.data);
  // In the active list: it has its turn there.
  if (knote == nullptr || knote->disabled || knote->active) {
    return false;
  }
  if (!knote->filter->Sample(*knote, seen.events, *this)) {
    Mute(*knote);
    return false;
  }
  // It may have been watched for edges; from now on it holds until it does not.
  if (Deliver(*knote, event) && knote->muted && Arm(*knote) != 0) {
    Drop(*knote);
  }
  return true;
}

void Queue::DrainFiles() {
  files_.Drain([this](KnoteId id, std::uint32_t mask)
                   ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
                     if (Knote* const knote = knotes_.Resolve(id)) {
                       knote->filter->FileChanged(*knote, mask, *this);
                     }
                   });
}

std::size_t Queue::TakeActive(absl::Span<Kevent> room) {
  std::size_t count = 0;
  for (std::size_t left = knotes_.active();
       left > 0 && knotes_.active() > 0 && count < room.size(); --left) {
    Knote& knote = knotes_.PopActive();
    const bool holds = SampleNow(knote);
    if ((holds || knote.forced) && Deliver(knote, room[count++])) {
      knotes_.PushActive(knote);  // at the end: every one gets its turn
    }
  }
  UpdateWake();
  return count;
}

bool Queue::SampleNow(Knote& knote) {
  const Events seen = knote.token != 0
                          ? PollNow(knote.watched_fd, knote.watched_events)
                          : Events{0};
  return knote.filter->Sample(knote, seen, *this);
}

bool Queue::Deliver(Knote& knote, Kevent& event) {
  event = knote.event;
  event.flags |= options_.echoes_flags ? ev::kAdd : 0;
  if (!knote.has(ev::kOneShot | ev::kDispatch | ev::kClear)) {
    return true;
  }
  if (knote.has(ev::kOneShot)) {
    Drop(knote);
    return false;
  }
  knote.filter->Delivered(knote, *this);
  if (knote.has(ev::kDispatch)) {
    knote.disabled = true;
    // The kernel has disarmed what it reported one-shot.
    if (knote.muted && Disarm(knote) != 0) {
      Drop(knote);
    }
    return false;
  }
  return !knote.has(ev::kClear);
}

void Queue::Tick() {
  std::uint64_t ticks = 0;
  if (read(clock_.get(), &ticks, sizeof(ticks)) < 0) {
    return;  // another waiter has seen to it
  }
  // Room first, so that none is lost when memory runs out.
  std::vector<KnoteId> next;
  next.reserve(rechecks_.size());
  const std::vector<KnoteId> due = std::exchange(rechecks_, std::move(next));
  for (const KnoteId id : due) {
    Knote* const knote = knotes_.Resolve(id);
    if (knote == nullptr) {
      continue;
    }
    knote->rechecked = false;
    if (!knote->disabled && SampleNow(*knote)) {
      Activate(*knote);
    }
  }
  if (rechecks_.empty()) {
    const itimerspec never = {};
    timerfd_settime(clock_.get(), 0, &never, nullptr);
  }
}

void Queue::UpdateWake() {
  active_hint_.store(knotes_.active(), std::memory_order_relaxed);
  const bool wanted = knotes_.active() > 0;
  if (wanted == woken_ || !wake_.valid()) {
    return;
  }
  woken_ = wanted;
  eventfd_t count = 1;
  // Neither can fail: the counter goes from 0 to 1 and back.
  (void)(wanted ? eventfd_write(wake_.get(), count)
                : eventfd_read(wake_.get(), &count));
}

// ---- Signals.

void Queue::DispatchSignals(int signal_fd) {
  {
    MutexLock lock(&mutex_);
    if (closed_) {
      return;
    }
    ++signal_readers_;
  }
  struct Reader {
    Queue* const queue;
    ~Reader() {
      MutexLock lock(&queue->mutex_);
      --queue->signal_readers_;
      queue->signals_read_.SignalAll();
    }
  };
  const Reader reader{this};
  SignalDesk::OfProcess().Dispatch(signal_fd);
}

void Queue::Signalled(KnoteId id, std::uint32_t count) {
  MutexLock lock(&mutex_);
  Knote* const knote = closed_ ? nullptr : knotes_.Resolve(id);
  if (knote != nullptr) {
    knote->filter->Signalled(*knote, count, *this);
  }
}

// ---- Closing.

void Queue::DropNumber() {
  if (number_open_.exchange(false) && copies_ == 0) {
    Close();
  }
}

void Queue::DropCopy() {
  if (copies_.fetch_sub(1) == 1 && !number_open_) {
    Close();
  }
}

bool Queue::closed() const {
  MutexLock lock(&mutex_);
  return closed_;
}

void Queue::AbandonStrangers() {
  InterestSet& set = lanes_->first();
  for (UniqueFd* const own : {&wake_, &signals_, &clock_}) {
    if (own->valid() && !set.TakeOut(own->get())) {
      own->Release();
    }
  }
  if (files_.fd() >= 0 && !set.TakeOut(files_.fd())) {
    files_.Abandon();
  }
  std::uint32_t place = 0;
  while (Knote* const knote = knotes_.Next(place)) {
    if (knote->state != nullptr && knote->token != 0 && Unwatch(*knote) != 0) {
      knote->state->Abandon();
    }
  }
}

void Queue::Close() {
  {
    MutexLock lock(&mutex_);
    if (closed_) {
      return;
    }
    AbandonStrangers();
    closed_ = true;
  }
  lanes_->Close();
  Release();
  SignalDesk::UnblockUnasked();
}

void Queue::Release() {
  MutexLock lock(&mutex_);
  while (signal_readers_ > 0) {
    signals_read_.Wait(&mutex_);
  }
  std::uint32_t place = 0;
  while (Knote* const knote = knotes_.Next(place)) {
    Drop(*knote);
  }
  wake_.Reset();
  signals_.Reset();
  clock_.Reset();
  files_.Close();
}

}  // namespace farpoll
