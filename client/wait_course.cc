#include "client/wait_course.h"

#include <utility>

#include "client/convert.h"

namespace farpoll::client {

absl::Status FillOpen(const WaitOptions& options, v1::WaitOpen* open) {
  open->set_credits(options.credits);
  open->set_max_events(options.max_events);
  open->set_with_names(true);
  if (options.resume_after.has_value()) {
    open->mutable_resume_after()->set_epoch(options.resume_after->epoch);
    open->mutable_resume_after()->set_sequence(options.resume_after->sequence);
  }
  open->set_take_over(options.take_over);
  if (options.max_batch_delay != absl::ZeroDuration()) {
    *open->mutable_max_batch_delay() = ToProto(options.max_batch_delay);
  }
  if (options.progress_interval.has_value()) {
    *open->mutable_progress_interval() = ToProto(*options.progress_interval);
  }
  const auto wire_timeout = ToProto(options.timeout);
  if (!wire_timeout.ok()) {
    return wire_timeout.status();
  }
  if (wire_timeout->has_value()) {
    *open->mutable_timeout() = **wire_timeout;
  }
  return absl::OkStatus();
}

void FillResult(v1::WaitResponse response, WaitResult* result) {
  result->position = {response.epoch(), response.sequence()};
  result->sampled_at_ns = response.sampled_at_ns();
  result->progress = response.progress();
  result->events.clear();
  for (v1::Event& event : *response.mutable_events()) {
    result->events.push_back(EventFromProto(std::move(event)));
  }
  result->kevents.clear();
  for (const v1::Kevent& kevent : response.kevents()) {
    result->kevents.push_back(KeventFromProto(kevent));
  }
}

WaitCourse::WaitCourse(v1::WaitOpen open,
                       const absl::optional<RetryOptions>& retry)
    : open_(std::move(open)) {
  if (retry.has_value()) {
    retry_.emplace(*retry);
  }
}

v1::WaitOpen WaitCourse::Begin() {
  noted_ = false;
  cut_ = cut_ || !fresh_;
  fresh_ = true;
  return open_;
}

bool WaitCourse::NoteOn(MonotonicTime since) {
  if (since == kNever || std::exchange(noted_, true)) {
    return noted_;
  }
  open_.clear_take_over();  // it takes nobody's place again
  if (lasts()) {
    retry_->Connected(since);
  }
  return true;
}

void WaitCourse::NoteResult() {
  if (std::exchange(fresh_, false) && cut_) {
    ++reconnects_;
  }
  if (lasts()) {
    retry_->Succeeded();
  }
}

void WaitCourse::GoOnAfter(const WaitPosition& position) {
  open_.mutable_resume_after()->set_epoch(position.epoch);
  open_.mutable_resume_after()->set_sequence(position.sequence);
}

absl::optional<MonotonicTime> WaitCourse::NextAfter(const absl::Status& end,
                                                    MonotonicTime now) {
  if (!lasts()) {
    return absl::nullopt;
  }
  const absl::optional<absl::Duration> pause = retry_->PauseAfter(end, now);
  if (!pause.has_value()) {
    return absl::nullopt;
  }
  return DeadlineAfter(now, *pause);
}

absl::Status WaitCourse::FinalStatus(const absl::Status& end) const {
  return lasts() ? Told(end) : end;
}

MonotonicTime WaitCourse::gives_up_at() const {
  return lasts() && !noted_ ? retry_->gives_up_at() : kNever;
}

}  // namespace farpoll::client
