#include "selector/poll_object.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/errno_status.h"

namespace farpoll {
namespace {

constexpr char kName[] = "poll object";

// Room beyond the registrations, so that events of orphans, which the set
// drops, do not crowd out real ones.
constexpr std::size_t kSpareRoom = 16;

absl::Status NotRegistered(int fd) {
  return MakeError(ENOENT, "", absl::StrCat("descriptor ", fd),
                   absl::StrCat("descriptor ", fd, " is not registered"));
}

bool Earlier(const Event& a, const Event& b) { return a.data < b.data; }

}  // namespace

// The right to wait, which one thread at a time has. While it lasts, changes
// are put off.
class PollObject::Turn {
 public:
  explicit Turn(PollObject* poll) : poll_(poll) {
    MutexLock lock(&poll_->mutex_);
    if (poll_->closed()) {
      status_ = ClosedError(kName);
    } else if (poll_->waiting_) {
      status_ = MakeError(EBUSY, "", kName, "another thread is waiting");
    } else {
      status_ = poll_->ApplyDeferred();
      poll_->waiting_ = status_.ok();
      registered_ = poll_->entries_.size();
    }
  }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

  ~Turn() {
    if (!status_.ok()) {
      return;
    }
    MutexLock lock(&poll_->mutex_);
    poll_->waiting_ = false;
    // At once, so that fd() tells the truth; an error waits for the next turn.
    poll_->ApplyDeferred().IgnoreError();
  }

  const absl::Status& status() const { return status_; }
  std::size_t registered() const { return registered_; }

 private:
  PollObject* const poll_;
  absl::Status status_;
  std::size_t registered_ = 0;
};

absl::StatusOr<std::unique_ptr<PollObject>> PollObject::Create() {
  absl::StatusOr<std::unique_ptr<InterestSet>> set =
      InterestSet::Create(InterestSet::Custody::kBorrowed);
  if (!set.ok()) {
    return set.status();
  }
  return std::unique_ptr<PollObject>(new PollObject(*std::move(set)));
}

PollObject::PollObject(std::unique_ptr<InterestSet> set)
    : set_(std::move(set)), audited_(set_.get()) {}

PollObject::~PollObject() { Close(); }

// ---- Registrations.

absl::Status PollObject::Register(std::int64_t fd, std::int64_t mask) {
  const absl::StatusOr<int> number = ValidatePollNumber(fd);
  const absl::StatusOr<Events> events = ValidatePollMask(mask);
  if (!number.ok() || !events.ok()) {
    return number.ok() ? events.status() : number.status();
  }
  MutexLock lock(&mutex_);
  if (closed()) {
    return ClosedError(kName);
  }
  const auto [place, is_new] = entries_.try_emplace(*number);
  Entry& entry = place->second;
  if (is_new) {
    entry.order = next_order_++;
  }
  entry.asked = *events;
  const absl::Status applied = Apply(*number);
  if (!applied.ok() && is_new) {
    entries_.erase(*number);
  }
  return applied;
}

absl::Status PollObject::Modify(std::int64_t fd, std::int64_t mask) {
  const absl::StatusOr<int> number = ValidatePollNumber(fd);
  const absl::StatusOr<Events> events = ValidatePollMask(mask);
  if (!number.ok() || !events.ok()) {
    return number.ok() ? events.status() : number.status();
  }
  MutexLock lock(&mutex_);
  if (closed()) {
    return ClosedError(kName);
  }
  const auto found = entries_.find(*number);
  if (found == entries_.end()) {
    return NotRegistered(*number);
  }
  found->second.asked = *events;
  return Apply(*number);
}

absl::Status PollObject::Unregister(std::int64_t fd) {
  const absl::StatusOr<int> number = ValidatePollNumber(fd);
  if (!number.ok()) {
    return number.status();
  }
  MutexLock lock(&mutex_);
  if (closed()) {
    return ClosedError(kName);
  }
  const auto found = entries_.find(*number);
  if (found == entries_.end()) {
    return NotRegistered(*number);
  }
  const RegistrationToken token = found->second.token;
  entries_.erase(found);
  if (token == 0) {
    return absl::OkStatus();
  }
  if (waiting_) {
    removals_.push_back(token);
    return absl::OkStatus();
  }
  return set_->Remove(token);
}

absl::Status PollObject::Apply(int fd) {
  if (waiting_) {
    changes_.push_back(fd);
    return absl::OkStatus();
  }
  return ApplyNow(fd);
}

absl::Status PollObject::ApplyNow(int fd) {
  const auto found = entries_.find(fd);
  if (found == entries_.end()) {
    return absl::OkStatus();  // unregistered again before the wait was over
  }
  Entry& entry = found->second;
  const auto asked = static_cast<Events>(entry.asked);
  if (entry.token != 0) {
    return set_->Modify(entry.token, asked, Trigger::kLevel, entry.order);
  }
  const absl::StatusOr<RegistrationToken> token =
      set_->Add(fd, asked, Trigger::kLevel, entry.order);
  if (!token.ok()) {
    return token.status();
  }
  entry.token = *token;
  return absl::OkStatus();
}

absl::Status PollObject::ApplyDeferred() {
  while (!removals_.empty()) {
    // Cannot fail but for Close(), and then nothing is left to remove.
    set_->Remove(removals_.back()).IgnoreError();
    removals_.pop_back();
  }
  while (!changes_.empty()) {
    const absl::Status applied = ApplyNow(changes_.back());
    if (!applied.ok()) {
      return applied;
    }
    changes_.pop_back();
  }
  return absl::OkStatus();
}

// ---- Waiting.

absl::StatusOr<absl::Span<const Event>> PollObject::Poll(Timeout timeout,
                                                         OnSignal on_signal) {
  const absl::StatusOr<absl::Duration> span = PollTimeout(timeout);
  if (!span.ok()) {
    return span.status();
  }
  const MonotonicTime deadline =
      *span == absl::InfiniteDuration() ? kNever
      : *span == absl::ZeroDuration()
          ? InterestSet::kLookOnce
          : DeadlineAfter(std::chrono::steady_clock::now(), *span);
  const Turn turn(this);
  if (!turn.status().ok()) {
    return turn.status();
  }
  const std::size_t room = turn.registered() + kSpareRoom;
  if (results_.size() < room) {
    results_.resize(room);
  }
  const absl::StatusOr<std::size_t> count =
      WaitInTurn(absl::MakeSpan(results_), deadline, on_signal);
  if (!count.ok()) {
    return count.status();
  }
  return absl::MakeConstSpan(results_.data(), *count);
}

absl::StatusOr<std::size_t> PollObject::Collect(absl::Span<Event> room) {
  const Turn turn(this);
  if (!turn.status().ok()) {
    return turn.status();
  }
  return WaitInTurn(room, InterestSet::kLookOnce, OnSignal::kRetry);
}

absl::StatusOr<std::size_t> PollObject::WaitInTurn(absl::Span<Event> room,
                                                   MonotonicTime deadline,
                                                   OnSignal on_signal) {
  const absl::StatusOr<std::size_t> count =
      audited_.Wait(room, deadline, on_signal);
  if (!count.ok()) {
    return closed() ? ClosedError(kName) : count.status();
  }
  const absl::Span<Event> ready = room.first(*count);
  if (!std::is_sorted(ready.begin(), ready.end(), Earlier)) {
    std::sort(ready.begin(), ready.end(), Earlier);
  }
  return count;
}

absl::StatusOr<int> PollObject::fd() const {
  return closed() ? absl::StatusOr<int>(ClosedError(kName)) : set_->fd();
}

void PollObject::Close() {
  set_->Close();
  MutexLock lock(&mutex_);
  entries_.clear();
}

}  // namespace farpoll
