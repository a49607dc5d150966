#include "server/rpc/observe_stream.h"

#include <utility>

#include "server/rpc/convert.h"

namespace farpoll::server {
namespace {

absl::StatusOr<ObserveRequest> FromProto(const v1::ObserveRequest& request) {
  ObserveRequest asked;
  asked.kinds.assign(request.kinds().begin(), request.kinds().end());
  asked.names.assign(request.names().begin(), request.names().end());
  for (const v1::SelectorRef& selector : request.selectors()) {
    asked.selectors.push_back(ToReference(selector));
  }
  asked.ready_bits = request.ready_bits();
  asked.max_rate = request.max_rate();
  asked.resume_token = request.resume_token();
  if (request.has_bookmark_interval()) {
    const absl::StatusOr<absl::Duration> interval =
        ToDuration(request.bookmark_interval(), "bookmark_interval");
    if (!interval.ok()) {
      return interval.status();
    }
    asked.bookmark_interval = *interval;
  }
  return asked;
}

v1::ObservedChange ToProto(ObservedChange::What what) {
  switch (what) {
    case ObservedChange::What::kPresent:
      return v1::OBSERVED_CHANGE_PRESENT;
    case ObservedChange::What::kMade:
      return v1::OBSERVED_CHANGE_MADE;
    case ObservedChange::What::kChanged:
      return v1::OBSERVED_CHANGE_CHANGED;
    case ObservedChange::What::kClosed:
      return v1::OBSERVED_CHANGE_CLOSED;
    case ObservedChange::What::kLeft:
      return v1::OBSERVED_CHANGE_LEFT;
  }
  return v1::OBSERVED_CHANGE_UNSPECIFIED;
}

void Fill(const ObservedChange& change, v1::ObservedHandle* handle) {
  handle->set_handle_id(change.handle.id);
  handle->set_name(change.handle.name);
  handle->set_kind(ToProto(change.handle.kind));
  handle->set_change(ToProto(change.what));
  handle->set_ready(change.handle.ready);
  handle->set_ready_changed(change.bits_changed);
  handle->set_bytes_read(change.handle.bytes_read);
  handle->set_bytes_written(change.handle.bytes_written);
  if (change.handle.exit.has_value()) {
    Fill(*change.handle.exit, handle->mutable_exit());
  }
  const auto& registrations = change.handle.registrations;
  handle->set_registrations(static_cast<std::int32_t>(registrations.size()));
  Events asked = 0;
  for (const SampledRegistration& registration : registrations) {
    asked |= registration.asked;
  }
  handle->set_registered_events(asked);
}

}  // namespace

ObserveStream* ObserveStream::Start(SessionTable* table, Observers* observers,
                                    const absl::StatusOr<Principal>& caller,
                                    const v1::ObserveRequest& request) {
  const std::shared_ptr<ObserveStream> stream(new ObserveStream());
  stream->self_ = stream;
  const absl::Status opened = stream->Open(*table, *observers, caller, request);
  {
    MutexLock lock(&stream->mu_);
    stream->busy_ = false;
    if (!opened.ok() && !stream->end_.has_value()) {
      stream->end_ = opened;
    }
  }
  stream->Pump();
  return stream.get();
}

absl::Status ObserveStream::Open(SessionTable& table, Observers& observers,
                                 const absl::StatusOr<Principal>& caller,
                                 const v1::ObserveRequest& request) {
  if (!caller.ok()) {
    return caller.status();
  }
  const absl::StatusOr<std::shared_ptr<Session>> session =
      table.Find(*caller, request.session());
  if (!session.ok()) {
    return session.status();
  }
  const absl::StatusOr<ObserveRequest> asked = FromProto(request);
  if (!asked.ok()) {
    return asked.status();
  }
  absl::StatusOr<std::unique_ptr<Observing>> observing =
      observers.Observe(*session, *asked, weak_from_this());
  if (observing.ok()) {
    observing_ = *std::move(observing);
  }
  return observing.status();
}

void ObserveStream::OnReady() { Pump(); }

bool ObserveStream::NextResponse() {
  absl::StatusOr<absl::optional<ObserveFrame>> frame = observing_->Take();
  if (!frame.ok()) {
    MutexLock lock(&mu_);
    end_ = end_.value_or(frame.status());
    look_again_ = true;
    return false;
  }
  if (!frame->has_value()) {
    return false;
  }
  response_.Clear();
  for (const ObservedChange& change : (*frame)->changes) {
    Fill(change, response_.add_handles());
  }
  if ((*frame)->known.has_value()) {
    response_.set_token(observing_->TokenOf(*(*frame)->known));
  }
  return true;
}

void ObserveStream::Pump() {
  const std::shared_ptr<ObserveStream> alive = shared_from_this();
  {
    MutexLock lock(&mu_);
    if (std::exchange(busy_, true)) {
      look_again_ = true;
      return;
    }
  }
  for (;;) {
    absl::optional<absl::Status> end;
    {
      MutexLock lock(&mu_);
      look_again_ = false;
      end = end_;
    }
    if (end.has_value()) {
      Finish(ToGrpc(*end));  // stays busy: nothing follows
      return;
    }
    if (NextResponse()) {
      StartWrite(&response_);  // OnWriteDone() goes on
      return;
    }
    MutexLock lock(&mu_);
    if (!look_again_) {
      busy_ = false;
      return;
    }
  }
}

void ObserveStream::OnWriteDone(bool ok) {
  {
    MutexLock lock(&mu_);
    busy_ = false;
    if (!ok && !end_.has_value()) {
      end_ = absl::CancelledError("the client is gone");
    }
  }
  Pump();
}

void ObserveStream::OnCancel() {
  End(absl::CancelledError("the client cancelled the call"));
}

void ObserveStream::OnEnded(absl::Status why) { End(why); }

void ObserveStream::End(const absl::Status& status) {
  {
    MutexLock lock(&mu_);
    if (!end_.has_value()) {
      end_ = status;
    }
  }
  Pump();
}

void ObserveStream::OnDone() {
  observing_.reset();
  self_.reset();
}

}  // namespace farpoll::server
