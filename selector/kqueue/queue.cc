// The change list. The event list is queue_wait.cc's, and what filters ask of a
// queue is in queue_watch.cc.
#include "selector/kqueue/queue.h"

#include <fcntl.h>
#include <sys/eventfd.h>

#include <cerrno>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/errno_status.h"
#include "selector/hidden_fd.h"
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

}  // namespace

absl::StatusOr<std::shared_ptr<Queue>> Queue::Create(
    const KqueueOptions& options) {
  absl::StatusOr<std::unique_ptr<Lanes>> lanes = Lanes::Create();
  if (!lanes.ok()) {
    return lanes.status();
  }
  UniqueFd wake = Hide(UniqueFd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)));
  if (!wake.valid()) {
    return ErrnoStatus(errno, "eventfd");
  }
  int error = 0;
  const absl::StatusOr<RegistrationToken> token =
      (*lanes)->At(0, error)->Add(wake.get(), kIn, Trigger::kLevel, kWakeMark);
  if (!token.ok()) {
    return token.status();
  }
  return std::shared_ptr<Queue>(
      new Queue(options, *std::move(lanes), std::move(wake)));
}

Queue::Queue(const KqueueOptions& options, std::unique_ptr<Lanes> lanes,
             UniqueFd wake)
    : options_(options), lanes_(std::move(lanes)), wake_(std::move(wake)) {}

Queue::~Queue() { Close(); }

// ---- Changes.

absl::StatusOr<std::size_t> Queue::Apply(absl::Span<const Kevent> changes,
                                         absl::Span<Kevent> results) {
  absl::StatusOr<std::size_t> count = ApplyAll(changes, results);
  SignalDesk::UnblockUnasked();
  return count;
}

absl::StatusOr<std::size_t> Queue::ApplyAll(absl::Span<const Kevent> changes,
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
    result.flags = options_.echoes_flags
                       ? (change.flags & ~ev::kSystem) | ev::kError
                       : ev::kError;
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
  int error = 0;
  try {
    error = filter.Attach(knote, *this);
  } catch (...) {  // out of memory, which the C library survives
    Drop(knote);
    throw;
  }
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
  if (Unwatch(knote) != 0 && knote.state != nullptr) {
    knote.state->Abandon();
  }
  knotes_.Erase(knote);
}

std::size_t Queue::Forget(int fd) {
  MutexLock lock(&mutex_);
  const std::size_t count = DropAllOf(fd);
  UpdateWake();
  return count;
}

std::size_t Queue::size() const {
  MutexLock lock(&mutex_);
  return knotes_.size();
}

}  // namespace farpoll
