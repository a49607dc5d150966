#include "server/rpc/wait_call.h"

#include <utility>

#include "server/rpc/convert.h"

namespace farpoll::server {

void WaitCall::OnCancel() {
  cancelled_ = true;
  if (session_ != nullptr) {
    session_->EndWait(wait_);
  }
  Fail(absl::CancelledError("the client cancelled the wait"));
}

void WaitCall::OnDone() {
  if (cancelled_) {
    OnUndelivered();
  }
  self_.reset();
}

template <class Call, class Request>
grpc::ServerUnaryReactor* WaitCall::Run(std::shared_ptr<Call> call,
                                        SessionTable& table,
                                        const absl::StatusOr<Principal>& caller,
                                        const Request& request) {
  call->self_ = call;
  const absl::Status begun =
      caller.ok() ? call->Begin(table, *caller, request) : caller.status();
  if (!begun.ok()) {
    call->Fail(begun);
  } else {
    call->Look();
  }
  return call.get();
}

template <class Request>
absl::StatusOr<Timeout> WaitCall::Open(SessionTable& table,
                                       const Principal& caller,
                                       const Request& request) {
  const absl::StatusOr<Timeout> timeout = ToTimeout(request);
  if (!timeout.ok()) {
    return timeout;
  }
  absl::StatusOr<std::shared_ptr<Session>> session =
      table.Find(caller, request.session());
  if (!session.ok()) {
    return session.status();
  }
  session_ = *std::move(session);
  return timeout;
}

// ---- Calls that answer with a result.

template <class Response>
void ResultCall<Response>::Look() {
  absl::optional<NamedResult> named = this->session_->TakeResult(this->wait_);
  if (named.has_value()) {
    Answer(*std::move(named));
  }
}

template <class Response>
void ResultCall<Response>::Answer(NamedResult named) {
  auto claim = this->end_.TryClaim();
  if (!claim.has_value()) {
    // Ended or cancelled just before: nobody will see this result.
    this->session_->GiveBack(selector_, named.result);
    return;
  }
  Fill(named, claim->response());
  sent_ = std::move(named.result);
  std::move(*claim).Finish(absl::OkStatus());
}

template <class Response>
void ResultCall<Response>::OnUndelivered() {
  if (sent_.has_value()) {
    this->session_->GiveBack(selector_, *sent_);
  }
}

// ---- Poll.

grpc::ServerUnaryReactor* PollCall::Start(
    SessionTable& table, const absl::StatusOr<Principal>& caller,
    const v1::PollRequest& request, v1::PollResponse* response) {
  return Run(std::shared_ptr<PollCall>(new PollCall(response)), table, caller,
             request);
}

absl::Status PollCall::Begin(SessionTable& table, const Principal& caller,
                             const v1::PollRequest& request) {
  const absl::StatusOr<Timeout> timeout = Open(table, caller, request);
  if (!timeout.ok()) {
    return timeout.status();
  }
  selector_ = ToReference(request.selector());
  const absl::StatusOr<StreamId> wait = session_->BeginWait(
      Session::WaitRequest{.selector = selector_,
                           .max_events = request.max_events(),
                           .timeout = *timeout,
                           .with_names = request.with_names(),
                           .single = true,
                           .take_over = request.take_over()},
      std::static_pointer_cast<WaitSink>(shared_from_this()));
  if (wait.ok()) {
    wait_ = *wait;
  }
  return wait.status();
}

void PollCall::Fill(const NamedResult& named, v1::PollResponse& response) {
  FillEvents(named, &response);
}

// ---- Select.

grpc::ServerUnaryReactor* SelectCall::Start(
    SessionTable& table, const absl::StatusOr<Principal>& caller,
    const v1::SelectRequest& request, v1::SelectResponse* response) {
  return Run(std::shared_ptr<SelectCall>(new SelectCall(response)), table,
             caller, request);
}

absl::Status SelectCall::Begin(SessionTable& table, const Principal& caller,
                               const v1::SelectRequest& request) {
  const absl::StatusOr<Timeout> timeout = Open(table, caller, request);
  if (!timeout.ok()) {
    return timeout.status();
  }
  Session::SelectRequest select{.timeout = *timeout};
  for (const v1::HandleRef& handle : request.read()) {
    select.read.push_back(ToReference(handle));
  }
  for (const v1::HandleRef& handle : request.write()) {
    select.write.push_back(ToReference(handle));
  }
  for (const v1::HandleRef& handle : request.except()) {
    select.except.push_back(ToReference(handle));
  }
  const absl::StatusOr<Session::SelectStart> start = session_->BeginSelect(
      select, std::static_pointer_cast<WaitSink>(shared_from_this()));
  if (!start.ok()) {
    return start.status();
  }
  if (start->answer.has_value()) {
    Answer(*start->answer);
  } else {
    wait_ = start->wait;
  }
  return absl::OkStatus();
}

void SelectCall::Look() {
  const absl::optional<absl::StatusOr<SelectSets>> sets =
      session_->TakeSelect(wait_);
  if (!sets.has_value()) {
    return;
  }
  if (sets->ok()) {
    Answer(**sets);
  } else {
    Fail(sets->status());
  }
}

void SelectCall::Answer(const SelectSets& sets) {
  auto claim = end_.TryClaim();
  if (!claim.has_value()) {
    return;  // ended or cancelled just before
  }
  v1::SelectResponse& response = claim->response();
  response.mutable_read()->Add(sets.read.begin(), sets.read.end());
  response.mutable_write()->Add(sets.write.begin(), sets.write.end());
  response.mutable_except()->Add(sets.except.begin(), sets.except.end());
  std::move(*claim).Finish(absl::OkStatus());
}

// ---- Control.

grpc::ServerUnaryReactor* ControlCall::Start(
    SessionTable& table, const absl::StatusOr<Principal>& caller,
    const v1::ControlRequest& request, v1::ControlResponse* response) {
  return Run(std::shared_ptr<ControlCall>(new ControlCall(response)), table,
             caller, request);
}

absl::Status ControlCall::Begin(SessionTable& table, const Principal& caller,
                                const v1::ControlRequest& request) {
  const absl::StatusOr<Timeout> timeout = Open(table, caller, request);
  if (!timeout.ok()) {
    return timeout.status();
  }
  selector_ = ToReference(request.selector());
  Session::ControlRequest control{.selector = selector_,
                                  .changes = {},
                                  .max_events = request.max_events(),
                                  .timeout = *timeout,
                                  .with_names = request.with_names()};
  control.changes.reserve(static_cast<std::size_t>(request.changes_size()));
  for (const v1::Kevent& kevent : request.changes()) {
    absl::StatusOr<Change> change = ToChange(kevent);
    if (!change.ok()) {
      return change.status();
    }
    control.changes.push_back(*std::move(change));
  }
  absl::StatusOr<Session::ControlStart> start = session_->BeginControl(
      control, std::static_pointer_cast<WaitSink>(shared_from_this()));
  if (!start.ok()) {
    return start.status();
  }
  if (start->answer.has_value()) {
    Answer(*std::move(start->answer));
  } else {
    wait_ = start->wait;
  }
  return absl::OkStatus();
}

void ControlCall::Fill(const NamedResult& named,
                       v1::ControlResponse& response) {
  FillKevents(named, response.mutable_kevents());
  response.set_sampled_at_ns(ToNanoseconds(named.result.sampled_at));
}

}  // namespace farpoll::server
