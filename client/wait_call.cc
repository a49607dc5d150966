#include "client/wait_call.h"

#include <chrono>
#include <utility>

#include "client/status.h"

namespace farpoll::client {
WaitCall::WaitCall(Connection& connection, const v1::WaitOpen& open,
                   bool patient)
    : call_(connection, absl::InfiniteDuration()),
      stream_(
          connection.selectors().PrepareAsyncWait(&call_.context(), &queue_)) {
  to_send_.emplace();
  *to_send_->mutable_open() = open;
  call_.context().set_wait_for_ready(patient);
  stream_->StartCall(Of(Tag::kStart));
}

WaitCall::~WaitCall() {
  if (!over_) {
    call_.context().TryCancel();
    StartFinish();
  }
  queue_.Shutdown();
  void* tag = nullptr;
  bool ok = false;
  while (queue_.Next(&tag, &ok)) {
  }
}

void WaitCall::Grant(std::int64_t sequence) {
  to_send_.emplace();
  to_send_->mutable_grant()->set_acknowledge(sequence);
  to_send_->mutable_grant()->set_credits(1);
}

WaitCall::Step WaitCall::Send(MonotonicTime deadline) {
  while (writing_ || (to_send_.has_value() && !broken_)) {
    if (over_) {
      return Step::kOver;
    }
    if (!Advance(deadline)) {
      return Step::kDeadline;
    }
  }
  return Step::kSent;
}

WaitCall::Step WaitCall::Read(v1::WaitResponse* response,
                              MonotonicTime deadline) {
  // An acknowledgement goes before the message that it makes room for.
  if (const Step sent = Send(deadline); sent != Step::kSent) {
    return sent;
  }
  while (!has_message_) {
    if (over_) {
      return Step::kOver;
    }
    if (!Advance(deadline)) {
      return Step::kDeadline;
    }
  }
  has_message_ = false;
  *response = std::move(incoming_);
  return Step::kMessage;
}

bool WaitCall::Advance(MonotonicTime deadline) {
  if (started_ && !finishing_) {
    if (!writing_ && !broken_ && to_send_.has_value()) {
      StartWrite();
    }
    if (!reading_ && !has_message_) {
      reading_ = true;
      if (answered_) {
        stream_->Read(&incoming_, Of(Tag::kRead));
      } else {
        stream_->ReadInitialMetadata(Of(Tag::kOn));
      }
    }
  }
  void* tag = nullptr;
  bool ok = false;
  if (queue_.AsyncNext(&tag, &ok, ToGpr(deadline)) !=
      grpc::CompletionQueue::GOT_EVENT) {
    return false;
  }
  OnDone(static_cast<Tag>(reinterpret_cast<std::intptr_t>(tag)), ok);
  return true;
}

void WaitCall::StartWrite() {
  writing_ = true;
  const v1::WaitRequest request = *std::exchange(to_send_, absl::nullopt);
  stream_->Write(request, Of(Tag::kWrite));
}

void WaitCall::StartFinish() {
  if (!std::exchange(finishing_, true)) {
    stream_->Finish(&grpc_status_, Of(Tag::kFinish));
  }
}

void WaitCall::OnDone(Tag tag, bool ok) {
  switch (tag) {
    case Tag::kStart:
      started_ = true;
      if (!ok) {
        StartFinish();
      }
      return;
    case Tag::kWrite:
      writing_ = false;
      broken_ = broken_ || !ok;  // the read in progress will tell
      return;
    case Tag::kOn:
      reading_ = false;
      answered_ = true;
      if (ok) {
        on_since_ = std::chrono::steady_clock::now();
      }
      return;
    case Tag::kRead:
      reading_ = false;
      if (ok) {
        has_message_ = true;
      } else {
        StartFinish();
      }
      return;
    case Tag::kFinish:
      over_ = true;
      status_ = FromGrpc(grpc_status_);
      return;
  }
}

}  // namespace farpoll::client
