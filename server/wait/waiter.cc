#include "server/wait/waiter.h"

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

}  // namespace

absl::Status Waiter::CheckCredits(std::int64_t credits,
                                  std::size_t unacked) const {
  const std::int64_t room =
      options_.max_credits - credits_ - static_cast<std::int64_t>(unacked);
  if (credits >= 1 && credits <= room) {
    return absl::OkStatus();
  }
  return MakeError(
      EINVAL, "BAD_CREDITS", "credits",
      absl::StrCat("credits is ", credits, "; it must be from 1 to ", room,
                   ", since credits and unacknowledged results together may "
                   "not be over ",
                   options_.max_credits));
}

absl::Status Waiter::Begin(const WaitOptions& options, MonotonicTime now,
                           TargetOf target_of) {
  if (active_) {
    return MakeError(EBUSY, "WAIT_IN_PROGRESS", "selector",
                     "another wait is in progress on this selector");
  }
  const std::int64_t seen = options.resume_after.value_or(last_sequence_);
  if (seen < 0 || seen > last_sequence_) {
    return NeverSent(seen, last_sequence_);
  }
  options_ = options;
  credits_ = 0;
  // What is kept counts when it is sent again, since that uses a credit up.
  const absl::Status good = CheckCredits(options.credits, 0);
  if (!good.ok()) {
    return good;
  }
  if (!options.resume_after.has_value()) {
    for (const Result& result : std::exchange(unacked_, {})) {
      source_->Restore(result, target_of);
    }
    unacked_events_ = 0;
  }
  active_ = true;
  credits_ = options.credits;
  sent_ = 0;
  UpdateQuiet();
  Forget(seen);
  StartCredit(now);
  return absl::OkStatus();
}

void Waiter::End() {
  active_ = false;
  credits_ = 0;
  deadline_ = kNever;
  source_->SetQuiet(false, {});
}

absl::Status Waiter::Grant(std::int64_t acknowledge, std::int64_t credits,
                           MonotonicTime now) {
  if (acknowledge < 0 || acknowledge > last_sequence_) {
    return NeverSent(acknowledge, last_sequence_);
  }
  const auto sent_end = unacked_.begin() + static_cast<std::ptrdiff_t>(sent_);
  const auto left = std::count_if(unacked_.begin(), sent_end,
                                  [acknowledge](const Result& result) {
                                    return result.sequence > acknowledge;
                                  });
  const absl::Status good =
      CheckCredits(credits, static_cast<std::size_t>(left));
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

void Waiter::Forget(std::int64_t acknowledge) {
  while (!unacked_.empty() && unacked_.front().sequence <= acknowledge) {
    unacked_events_ -= unacked_.front().size();
    source_->Acknowledge(unacked_.front());
    unacked_.pop_front();
    sent_ -= std::min<std::size_t>(sent_, 1);
  }
}

void Waiter::StartCredit(MonotonicTime now) {
  deadline_ = credits_ > 0 ? DeadlineAfter(now, options_.timeout) : kNever;
}

void Waiter::UpdateQuiet() {
  if (credits_ + static_cast<std::int64_t>(sent_) <= 1) {
    return;  // once on, it stays on for this wait
  }
  source_->SetQuiet(true, unacked_);
}

std::size_t Waiter::Room() const {
  const std::size_t most =
      std::max<std::size_t>(options_.max_unacked_events, 1);
  const std::size_t kept = std::min(unacked_events_, most - 1);
  return std::min(options_.max_events, most - kept);
}

Result Waiter::Number(Result result, MonotonicTime now) {
  result.sequence = ++last_sequence_;
  result.sampled_at = now;
  unacked_events_ += result.size();
  unacked_.push_back(std::move(result));
  return Send(now);
}

Result Waiter::Send(MonotonicTime now) {
  --credits_;
  StartCredit(now);
  return unacked_[sent_++];
}

absl::optional<Result> Waiter::Take(MonotonicTime now) {
  if (!active_ || credits_ == 0) {
    return absl::nullopt;
  }
  if (sent_ < unacked_.size()) {
    return Send(now);
  }
  Result result;
  result.sequence = last_sequence_ + 1;
  source_->Collect(Room(), &result);
  if (result.empty()) {
    if (now < deadline_) {
      return absl::nullopt;
    }
    result.timed_out = true;
  }
  return Number(std::move(result), now);
}

absl::optional<Result> Waiter::TakeOnly(MonotonicTime now) {
  absl::optional<Result> result = Take(now);
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
