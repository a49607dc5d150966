#include "client/retry.h"

#include <algorithm>
#include <memory>
#include <random>
#include <utility>

#include "absl/strings/cord.h"
#include "absl/strings/string_view.h"
#include "base/errno_status.h"
#include "google/rpc/error_details.pb.h"

namespace farpoll::client {
namespace {

constexpr char kRetryInfoUrl[] = "type.googleapis.com/google.rpc.RetryInfo";

std::function<double()> SystemRandom() {
  const auto engine = std::make_shared<std::mt19937_64>(std::random_device{}());
  return [engine] {
    return std::uniform_real_distribution<double>(0, 1)(*engine);
  };
}

RetryOptions Completed(RetryOptions options) {
  if (options.random == nullptr) {
    options.random = SystemRandom();
  }
  return options;
}

// The server still counts a wait or a stream that may be the one that was cut.
bool IsBusy(const absl::Status& failure) {
  const std::string reason = DetailOf(failure).reason;
  return reason == "WAIT_IN_PROGRESS" || reason == "LIMIT_SESSION_STREAMS";
}

bool IsCut(const absl::Status& failure) {
  // CANCELLED by this side is no failure to be judged here: what is left came
  // from somebody between the two who reset the stream.
  return failure.code() == absl::StatusCode::kUnavailable ||
         failure.code() == absl::StatusCode::kCancelled;
}

bool IsGone(absl::string_view reason) {
  return reason == "SESSION_UNKNOWN" || reason == "LEASE_EXPIRED" ||
         reason == "SESSION_DELETED" || reason == "EPOCH_CHANGED" ||
         reason == "SELECTOR_UNKNOWN" || reason == "CLOSED";
}

}  // namespace

absl::Duration RetryDelayOf(const absl::Status& status) {
  const absl::optional<absl::Cord> payload = status.GetPayload(kRetryInfoUrl);
  google::rpc::RetryInfo info;
  if (!payload.has_value() || !info.ParseFromString(std::string(*payload))) {
    return absl::ZeroDuration();
  }
  return std::max(absl::ZeroDuration(),
                  absl::Seconds(info.retry_delay().seconds()) +
                      absl::Nanoseconds(info.retry_delay().nanos()));
}

absl::Status WithRetryInfo(absl::Status status, const std::string& info) {
  status.SetPayload(kRetryInfoUrl, absl::Cord(info));
  return status;
}

Retry::Retry(RetryOptions options)
    : options_(Completed(std::move(options))),
      longest_next_(options_.first_pause) {}

void Retry::Connected(MonotonicTime since) {
  tried_ = true;
  row_began_ = kNever;
  on_since_ = since;
}

void Retry::Succeeded() {
  tried_ = true;
  row_began_ = busy_began_ = kNever;
  longest_next_ = options_.first_pause;
}

MonotonicTime Retry::gives_up_at() const {
  return row_began_ == kNever
             ? kNever
             : DeadlineAfter(row_began_, options_.give_up_after);
}

absl::optional<absl::Duration> Retry::PauseAfter(const absl::Status& failure,
                                                 MonotonicTime now) {
  const bool busy = IsBusy(failure);
  // "In use" as the first word is no echo of ours.
  if (!IsCut(failure) && !(busy && tried_)) {
    return absl::nullopt;
  }
  failure_ = failure;
  tried_ = true;
  row_began_ = std::min(row_began_, now);
  const MonotonicTime on_since = std::exchange(on_since_, kNever);
  if (busy) {
    busy_began_ = std::min(busy_began_, now);
  } else if (on_since != kNever) {
    busy_began_ = kNever;
  }
  if (on_since != kNever &&
      absl::FromChrono(now - on_since) >= options_.longest_pause) {
    longest_next_ = options_.first_pause;
  }
  const absl::Duration pause =
      RetryDelayOf(failure) + options_.random() * longest_next_;
  longest_next_ = std::min(options_.longest_pause, 2 * longest_next_);
  const MonotonicTime next = DeadlineAfter(now, pause);
  if (next > gives_up_at() ||
      (busy && next > DeadlineAfter(busy_began_, options_.busy_patience))) {
    return absl::nullopt;
  }
  return pause;
}

absl::Status Told(const absl::Status& end) {
  const ErrorDetail detail = DetailOf(end);
  return IsGone(detail.reason)
             ? MakeError(absl::StatusCode::kNotFound, detail.number,
                         detail.reason, detail.subject, end.message())
             : end;
}

}  // namespace farpoll::client
