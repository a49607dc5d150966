#include "server/wait/waiter.h"

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/errno_status.h"

namespace farpoll::server {
namespace {

absl::Status NeverSent(std::int64_t sequence, std::int64_t last) {
  return MakeError(EINVAL, "SEQUENCE_NEVER_SENT", "sequence",
                   absl::StrCat("sequence ", sequence,
                                " was never sent; the last is ", last));
}

// The bytes that a result took along are on the way no longer.
void SettleBytes(const Result& result) {
  for (const ReadyEvent& event : result.events) {
    if (event.bytes != nullptr && event.bytes->any()) {
      event.bytes->origin->Settle();
    }
  }
}

// Whether `credits` may be added while so many are in use or were given.
absl::Status CheckCredits(std::int64_t credits, std::int64_t used,
                          std::int64_t max_credits) {
  const std::int64_t room = max_credits - used;
  if (credits >= 1 && credits <= room) {
    return absl::OkStatus();
  }
  return MakeError(
      EINVAL, "BAD_CREDITS", "credits",
      absl::StrCat("credits is ", credits, "; it must be from 1 to ", room,
                   ", since credits and unacknowledged results together may "
                   "not be over ",
                   max_credits));
}

}  // namespace

absl::Status WaitInProgress() {
  return MakeError(EBUSY, "WAIT_IN_PROGRESS", "selector",
                   "another wait is in progress on this selector");
}

absl::Status Waiter::Begin(const WaitOptions& options, MonotonicTime now,
                           TargetOf target_of) {
  if (active_ && !options.take_over) {
    return WaitInProgress();
  }
  const std::int64_t seen = options.resume_after.value_or(last_sequence_);
  if (seen < 0 || seen > last_sequence_) {
    return NeverSent(seen, last_sequence_);
  }
  // What is kept counts when it is sent again, since that uses a credit up.
  const absl::Status good =
      CheckCredits(options.credits, 0, options.max_credits);
  if (!good.ok()) {
    return good;
  }
  if (active_) {
    End();
  }
  options_ = options;
  if (!options.resume_after.has_value()) {
    for (const Result& result : TakeUnacked()) {
      source_->Restore(result, target_of);
    }
  }
  active_ = true;
  credits_ = options.credits;
  sent_ = 0;
  batch_at_ = kNever;
  notice_at_ = DeadlineAfter(now, options.progress_interval);
  UpdateQuiet();
  Forget(seen);
  StartCredit(now);
  return absl::OkStatus();
}

void Waiter::End() {
  active_ = false;
  credits_ = 0;
  deadline_ = kNever;
  batch_at_ = kNever;
  notice_at_ = kNever;
  quiet_ = false;
  source_->SetQuiet(false, {});
}

absl::Status Waiter::Grant(std::int64_t acknowledge, std::int64_t credits,
                           MonotonicTime now) {
  if (acknowledge < 0 || acknowledge > last_sequence_) {
    return NeverSent(acknowledge, last_sequence_);
  }
  const auto sent_end = unacked_.begin() + static_cast<std::ptrdiff_t>(sent_);
  const auto left = std::count_if(unacked_.begin(), sent_end,
                                  [acknowledge](const KeptResult& result) {
                                    return result.sequence() > acknowledge;
                                  });
  const absl::Status good =
      CheckCredits(credits, credits_ + left, options_.max_credits);
  if (!good.ok()) {
    return good;
  }
  const bool idle = credits_ == 0;
  Forget(acknowledge);
  credits_ += credits;
  UpdateQuiet();
  if (idle) {
    StartCredit(now);
  }
  return absl::OkStatus();
}

void Waiter::ReturnBytes(const Result& result) {
  // Each goes before what came back until then, so the last comes first.
  for (auto event = result.events.rbegin(); event != result.events.rend();
       ++event) {
    if (event->bytes != nullptr && event->bytes->any()) {
      event->bytes->origin->Return(*event->bytes);
      returned_.push_back(event->handle_id);
    }
  }
}

std::vector<Result> Waiter::UnpackUnacked() const {
  std::vector<Result> results;
  results.reserve(unacked_.size());
  for (const KeptResult& kept : unacked_) {
    results.push_back(kept.Unpack());
  }
  return results;
}

std::vector<Result> Waiter::TakeUnacked() {
  std::vector<Result> lost = UnpackUnacked();
  unacked_.clear();
  unacked_events_ = 0;
  sent_ = 0;
  std::for_each(lost.begin(), lost.end(), SettleBytes);
  std::for_each(lost.rbegin(), lost.rend(),
                [this](const Result& result) { ReturnBytes(result); });
  SetUnackedBytes(0);
  return lost;
}

void Waiter::GiveUp() { TakeUnacked(); }

void Waiter::Forget(std::int64_t acknowledge) {
  while (!unacked_.empty() && unacked_.front().sequence() <= acknowledge) {
    const Result result = unacked_.front().Unpack();
    unacked_.pop_front();
    unacked_events_ -= result.size();
    SettleBytes(result);
    SetUnackedBytes(unacked_bytes_ - static_cast<std::int64_t>(result.bytes));
    source_->Acknowledge(result);
    sent_ -= std::min<std::size_t>(sent_, 1);
  }
}

void Waiter::StartCredit(MonotonicTime now) {
  deadline_ = credits_ > 0 ? DeadlineAfter(now, options_.timeout) : kNever;
}

void Waiter::UpdateQuiet() {
  if (quiet_ || credits_ + static_cast<std::int64_t>(sent_) <= 1) {
    return;  // once on, it stays on for this wait
  }
  quiet_ = true;
  source_->SetQuiet(true, UnpackUnacked());
}

std::size_t Waiter::Room() const {
  const std::size_t most =
      std::max<std::size_t>(options_.max_unacked_events, 1);
  const std::size_t kept = std::min(unacked_events_, most - 1);
  return std::min(options_.max_events, most - kept);
}

std::size_t Waiter::ByteRoom() const {
  const std::int64_t most = options_.max_result_bytes;
  return static_cast<std::size_t>(
      held_.quota() == nullptr ? most : std::min(most, held_.quota()->room()));
}

Result Waiter::Number(Result result, MonotonicTime now) {
  result.sequence = ++last_sequence_;
  result.sampled_at = now;
  unacked_events_ += result.size();
  SetUnackedBytes(unacked_bytes_ + static_cast<std::int64_t>(result.bytes));
  unacked_.emplace_back(result);
  CountSent(now);
  return result;
}

void Waiter::CountSent(MonotonicTime now) {
  ++sent_;
  --credits_;
  StartCredit(now);
}

bool Waiter::MayBeReady() const {
  pollfd source{.fd = source_->fd(), .events = POLLIN, .revents = 0};
  return source_->HasUnseen() || poll(&source, 1, 0) == 1;
}

bool Waiter::Grows(MonotonicTime now) {
  if (batch_at_ == kNever) {
    if (options_.batch_delay <= absl::ZeroDuration() || !MayBeReady()) {
      return false;
    }
    batch_at_ = DeadlineAfter(now, options_.batch_delay);
  }
  if (now < batch_at_ && now < deadline_) {
    return true;
  }
  batch_at_ = kNever;
  return false;
}

absl::optional<Result> Waiter::TakeResult(MonotonicTime now) {
  if (!active_ || credits_ == 0) {
    return absl::nullopt;
  }
  if (sent_ < unacked_.size()) {
    const KeptResult& kept = unacked_[sent_];
    CountSent(now);
    return kept.Unpack();
  }
  if (HasByteRoom() && Grows(now)) {
    return absl::nullopt;
  }
  Result result;
  result.sequence = last_sequence_ + 1;
  result.max_bytes = ByteRoom();
  if (HasByteRoom()) {
    source_->Collect(Room(), &result);
  }
  if (result.empty()) {
    if (now < deadline_) {
      return absl::nullopt;
    }
    result.timed_out = true;
  }
  return Number(std::move(result), now);
}

absl::optional<Result> Waiter::Take(MonotonicTime now) {
  absl::optional<Result> result = TakeResult(now);
  if (!result.has_value() && now >= notice_at_) {
    result.emplace();
    result->notice = true;
    result->sampled_at = now;
    result->sequence = sent_ < unacked_.size() ? unacked_[sent_].sequence() - 1
                                               : last_sequence_;
  }
  if (result.has_value() && active_) {
    notice_at_ = DeadlineAfter(now, options_.progress_interval);
  }
  return result;
}

absl::optional<Result> Waiter::TakeOnly(MonotonicTime now) {
  absl::optional<Result> result = TakeResult(now);
  if (result.has_value()) {
    Forget(result->sequence);
    End();
    std::sort(result->events.begin(), result->events.end(),
              [](const ReadyEvent& left, const ReadyEvent& right) {
                return left.order < right.order;
              });
  }
  return result;
}

void Waiter::Restore(const Result& result, TargetOf target_of) {
  source_->Restore(result, target_of);
}

}  // namespace farpoll::server
