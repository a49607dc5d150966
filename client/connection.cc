#include "client/connection.h"

#include <chrono>
#include <utility>

namespace farpoll::client {

gpr_timespec ToGpr(MonotonicTime deadline) {
  if (deadline == kNever) {
    return gpr_inf_future(GPR_CLOCK_MONOTONIC);
  }
  const auto left = deadline - std::chrono::steady_clock::now();
  return gpr_time_add(
      gpr_now(GPR_CLOCK_MONOTONIC),
      gpr_time_from_nanos(
          std::chrono::duration_cast<std::chrono::nanoseconds>(left).count(),
          GPR_TIMESPAN));
}

Connection::Connection(std::shared_ptr<grpc::Channel> channel,
                       std::string address, absl::Duration call_timeout)
    : channel_(std::move(channel)),
      address_(std::move(address)),
      call_timeout_(call_timeout),
      sessions_(v1::SessionService::NewStub(channel_)),
      handles_(v1::HandleService::NewStub(channel_)),
      selectors_(v1::SelectorService::NewStub(channel_)),
      observers_(v1::ObserverService::NewStub(channel_)),
      server_(v1::ServerService::NewStub(channel_)) {}

Connection::Call::Call(Connection& connection, absl::Duration limit)
    : connection_(connection) {
  SetLimit(context_, limit);
  MutexLock lock(&connection_.mutex_);
  connection_.in_progress_.insert(&context_);
  if (connection_.cancelled_) {
    context_.TryCancel();  // before the start, it makes the call fail at once
  }
}

Connection::Call::~Call() {
  MutexLock lock(&connection_.mutex_);
  connection_.in_progress_.erase(&context_);
}

void Connection::EndOnCancel(Pause* pause) {
  MutexLock lock(&mutex_);
  pauses_.insert(pause);
  if (cancelled_) {
    pause->End();
  }
}

void Connection::Forget(Pause* pause) {
  MutexLock lock(&mutex_);
  pauses_.erase(pause);
}

absl::StatusOr<UniqueFd> Connection::Fetch(const v1::PassingRequest& request) {
  absl::StatusOr<PassingAnswer> answer = Passing(request, {});
  if (!answer.ok()) {
    return answer.status();
  }
  if (!answer->descriptor.valid()) {
    return absl::InternalError("no descriptor came with the server's answer");
  }
  return std::move(answer->descriptor);
}

void Connection::Cancel() {
  MutexLock lock(&mutex_);
  cancelled_ = true;
  for (Pause* pause : pauses_) {
    pause->End();
  }
  for (grpc::ClientContext* context : in_progress_) {
    context->TryCancel();
  }
}

void Connection::SetLimit(grpc::ClientContext& context, absl::Duration limit) {
  // Beyond a year a deadline means nothing, and would overflow the clock.
  if (limit < absl::Hours(24 * 365)) {
    context.set_deadline(ToGpr(DeadlineAfter(RealClock().Now(), limit)));
  }
}

}  // namespace farpoll::client
