#include "selector/kqueue/kqueue.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "base/errno_status.h"
#include "selector/kqueue/queue.h"
#include "selector/kqueue/queue_table.h"

namespace farpoll {
namespace {

constexpr char kName[] = "kqueue";

// The least room of a list of events that the caller gives a greater maximum
// for; registrations made during the wait may need it.
constexpr std::size_t kLeastRoom = 64;

absl::Status CheckTimeout(Timeout timeout) {
  switch (timeout.kind()) {
    case Timeout::Kind::kForever:
    case Timeout::Kind::kFinite:
      return absl::OkStatus();
    case Timeout::Kind::kInfinite:
      return MakeError(EOVERFLOW, "", "timeout", "timeout is infinite");
    case Timeout::Kind::kNegative:
    case Timeout::Kind::kNotANumber:
      break;
  }
  return MakeError(EINVAL, "", "timeout",
                   "timeout is negative or not a number");
}

MonotonicTime DeadlineOf(Timeout timeout) {
  if (timeout.forever()) {
    return kNever;
  }
  return timeout.span() == absl::ZeroDuration()
             ? MonotonicTime::min()
             : DeadlineAfter(std::chrono::steady_clock::now(), timeout.span());
}

}  // namespace

absl::StatusOr<std::unique_ptr<Kqueue>> Kqueue::Create(
    const KqueueOptions& options) {
  absl::StatusOr<std::shared_ptr<Queue>> queue = Queue::Create(options);
  if (!queue.ok()) {
    return queue.status();
  }
  const absl::StatusOr<int> number = (*queue)->fd();
  if (!number.ok()) {
    return number.status();
  }
  QueueTable::OfProcess().Insert(*number, *queue);
  return std::unique_ptr<Kqueue>(new Kqueue(*std::move(queue), *number, false));
}

absl::StatusOr<std::unique_ptr<Kqueue>> Kqueue::FromFd(int fd) {
  std::shared_ptr<Queue> queue = QueueTable::OfProcess().Find(fd);
  const absl::StatusOr<int> number =
      queue != nullptr ? queue->fd() : ClosedError(kName);
  if (!number.ok()) {
    return MakeError(EBADF, "", absl::StrCat("descriptor ", fd),
                     absl::StrCat("descriptor ", fd, " is no open kqueue"));
  }
  const bool copy = *number != fd;
  return std::unique_ptr<Kqueue>(new Kqueue(std::move(queue), fd, copy));
}

Kqueue::Kqueue(std::shared_ptr<Queue> queue, int number, bool copy)
    : queue_(std::move(queue)), number_(number), copy_(copy) {
  if (copy_) {
    queue_->AddCopy(number_);
  }
}

Kqueue::~Kqueue() {
  Close();
  if (!fork_guard_.InCreator()) {
    // The parent's waiters are in the copied memory and will never leave, so
    // what they hold cannot be taken apart.
    static_cast<void>(new std::shared_ptr<Queue>(queue_));
  }
}

absl::Status Kqueue::Check() const {
  return closed() || !fork_guard_.InCreator() ||
                 (!copy_ && !queue_->number_open())
             ? ClosedError(kName)
             : absl::OkStatus();
}

absl::StatusOr<std::size_t> Kqueue::Control(absl::Span<const Kevent> changes,
                                            absl::Span<Kevent> events,
                                            Timeout timeout,
                                            OnSignal on_signal) {
  const absl::Status valid = CheckTimeout(timeout);
  if (!valid.ok()) {
    return valid;
  }
  const absl::Status open = Check();
  if (!open.ok()) {
    return open;
  }
  // A call in progress keeps the queue.
  const std::shared_ptr<Queue> queue = queue_;
  if (!changes.empty()) {
    const absl::StatusOr<std::size_t> entries = queue->Apply(changes, events);
    if (!entries.ok() || *entries > 0) {
      return entries;
    }
  }
  return events.empty() ? absl::StatusOr<std::size_t>(0)
                        : queue->Take(events, DeadlineOf(timeout), on_signal);
}

absl::StatusOr<std::vector<Kevent>> Kqueue::Control(
    absl::Span<const Kevent> changes, std::int64_t max_events, Timeout timeout,
    OnSignal on_signal) {
  if (max_events < 0) {
    return MakeError(EINVAL, "", "max_events",
                     absl::StrCat("max_events is negative: ", max_events));
  }
  // No more can come than there are registrations, or changes that fail.
  const std::size_t most = std::max(size() + changes.size(), kLeastRoom);
  std::vector<Kevent> events(
      std::min(static_cast<std::size_t>(max_events), most));
  const absl::StatusOr<std::size_t> count =
      Control(changes, absl::MakeSpan(events), timeout, on_signal);
  if (!count.ok()) {
    return count.status();
  }
  events.resize(*count);
  return events;
}

absl::StatusOr<std::size_t> Kqueue::Apply(absl::Span<const Kevent> changes,
                                          absl::Span<Kevent> results) {
  const absl::Status open = Check();
  if (!open.ok()) {
    return open;
  }
  const std::shared_ptr<Queue> queue = queue_;
  return queue->Apply(changes, results);
}

absl::StatusOr<std::size_t> Kqueue::Collect(absl::Span<Kevent> events) {
  return Wait(events, MonotonicTime::min());
}

absl::StatusOr<std::size_t> Kqueue::Wait(absl::Span<Kevent> events,
                                         MonotonicTime deadline,
                                         OnSignal on_signal) {
  if (events.empty()) {
    return MakeError(EINVAL, "", kName, "no room for events");
  }
  const absl::Status open = Check();
  if (!open.ok()) {
    return open;
  }
  const std::shared_ptr<Queue> queue = queue_;
  return queue->Take(events, deadline, on_signal);
}

std::size_t Kqueue::Forget(int fd) {
  return Check().ok() ? queue_->Forget(fd) : 0;
}

std::size_t Kqueue::size() const { return Check().ok() ? queue_->size() : 0; }

absl::StatusOr<int> Kqueue::fd() const {
  const absl::Status open = Check();
  return open.ok() ? absl::StatusOr<int>(number_) : open;
}

void Kqueue::Close() {
  if (closed_.exchange(true)) {
    return;
  }
  if (!fork_guard_.InCreator()) {
    // A number that names something else by now is somebody else's.
    if ((copy_ || queue_->GiveUpNumber()) && queue_->NamedBy(number_)) {
      ::close(number_);
    }
  } else if (copy_) {
    queue_->UnfollowCopy(number_);
    if (queue_->NamedBy(number_)) {
      ::close(number_);
    }
    queue_->DropCopy();
  } else {
    queue_->DropNumber();
  }
}

}  // namespace farpoll
