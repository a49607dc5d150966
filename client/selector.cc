#include "client/selector.h"

#include <utility>

#include "client/async_wait.h"
#include "client/connection.h"
#include "client/convert.h"
#include "client/pages.h"

namespace farpoll::client {
namespace {

v1::Interest InterestIn(const Handle& handle, Events events, Trigger trigger,
                        std::uint64_t cookie, std::int32_t read_bytes) {
  v1::Interest interest;
  *interest.mutable_handle() = handle.ref();
  interest.set_events(events);
  interest.set_trigger(ToProto(trigger));
  interest.set_cookie(cookie);
  interest.set_read_bytes(read_bytes);
  return interest;
}

// The generation of the only change in `response`.
template <typename Response>
absl::StatusOr<std::int64_t> GenerationIn(absl::StatusOr<Response> response) {
  if (!response.ok()) {
    return response.status();
  }
  if (response->results_size() != 1) {
    return absl::InternalError(
        "the server answered for another number of "
        "changes than it was asked for");
  }
  return response->results(0).generation();
}

}  // namespace

Selector::Selector(std::shared_ptr<Connection> connection, std::string session,
                   const v1::Selector& made)
    : connection_(std::move(connection)),
      session_(std::move(session)),
      owned_(true) {
  ref_.set_id(made.id());
}

Selector::Selector(std::shared_ptr<Connection> connection, std::string session,
                   absl::string_view name_or_id)
    : connection_(std::move(connection)),
      session_(std::move(session)),
      ref_(SelectorRefOf(name_or_id)),
      owned_(false) {}

Selector::Selector(Selector&& other) noexcept
    : connection_(std::move(other.connection_)),
      session_(std::move(other.session_)),
      ref_(std::move(other.ref_)),
      owned_(std::exchange(other.owned_, false)) {}

Selector& Selector::operator=(Selector&& other) noexcept {
  std::swap(connection_, other.connection_);
  std::swap(session_, other.session_);
  std::swap(ref_, other.ref_);
  std::swap(owned_, other.owned_);
  return *this;
}

Selector::~Selector() {
  if (owned_) {
    (void)Close();  // at worst its session closes it
  }
}

absl::Status Selector::Close() {
  owned_ = false;
  v1::CloseSelectorRequest request;
  request.set_session(session_);
  *request.mutable_selector() = ref_;
  return connection_->CleanUp(connection_->selectors(),
                              &v1::SelectorService::Stub::CloseSelector,
                              request);
}

absl::StatusOr<std::int64_t> Selector::Register(const Handle& handle,
                                                Events events, Trigger trigger,
                                                std::uint64_t cookie,
                                                std::int32_t read_bytes) {
  v1::RegisterRequest request;
  request.set_session(session_);
  *request.mutable_selector() = ref_;
  *request.add_items() =
      InterestIn(handle, events, trigger, cookie, read_bytes);
  return GenerationIn(connection_->Unary(
      connection_->selectors(), &v1::SelectorService::Stub::Register, request));
}

absl::StatusOr<std::int64_t> Selector::Modify(const Handle& handle,
                                              Events events, Trigger trigger,
                                              std::uint64_t cookie,
                                              std::int32_t read_bytes) {
  v1::ModifyRequest request;
  request.set_session(session_);
  *request.mutable_selector() = ref_;
  *request.add_items() =
      InterestIn(handle, events, trigger, cookie, read_bytes);
  return GenerationIn(connection_->Unary(
      connection_->selectors(), &v1::SelectorService::Stub::Modify, request));
}

absl::Status Selector::Unregister(const Handle& handle) {
  v1::UnregisterRequest request;
  request.set_session(session_);
  *request.mutable_selector() = ref_;
  *request.add_handles() = handle.ref();
  return connection_
      ->Unary(connection_->selectors(), &v1::SelectorService::Stub::Unregister,
              request)
      .status();
}

absl::StatusOr<std::vector<v1::Registration>> Selector::Registrations() {
  v1::ListRegistrationsRequest request;
  request.set_session(session_);
  *request.mutable_selector() = ref_;
  return AllPages<v1::Registration>(
      *connection_, connection_->selectors(),
      &v1::SelectorService::Stub::ListRegistrations, request,
      &v1::ListRegistrationsResponse::registrations);
}

absl::StatusOr<std::vector<Event>> Selector::Poll(Timeout timeout,
                                                  std::int32_t max_events,
                                                  bool take_over) {
  v1::PollRequest request;
  request.set_session(session_);
  *request.mutable_selector() = ref_;
  request.set_max_events(max_events);
  request.set_with_names(true);
  request.set_take_over(take_over);
  const auto wire_timeout = ToProto(timeout);
  if (!wire_timeout.ok()) {
    return wire_timeout.status();
  }
  if (wire_timeout->has_value()) {
    *request.mutable_timeout() = **wire_timeout;
  }
  absl::StatusOr<v1::PollResponse> response = connection_->Unary(
      connection_->selectors(), &v1::SelectorService::Stub::Poll, request,
      CallLimit(timeout, connection_->call_timeout()));
  if (!response.ok()) {
    return response.status();
  }
  std::vector<Event> events;
  events.reserve(response->events_size());
  for (const v1::Event& event : response->events()) {
    events.push_back(EventFromProto(event));
  }
  return events;
}

NamedKevent KeventOn(const Handle& handle, farpoll::Kevent change) {
  change.ident = static_cast<std::uint64_t>(handle.ref().id());
  return NamedKevent{change, handle.ref().name()};
}

absl::StatusOr<std::vector<NamedKevent>> Selector::Control(
    absl::Span<const NamedKevent> changes, std::int32_t max_events,
    Timeout timeout) {
  v1::ControlRequest request;
  request.set_session(session_);
  *request.mutable_selector() = ref_;
  request.set_max_events(max_events);
  request.set_with_names(true);
  for (const NamedKevent& change : changes) {
    v1::Kevent* const kevent = request.add_changes();
    kevent->set_ident(change.kevent.ident);
    kevent->set_filter(change.kevent.filter);
    kevent->set_flags(change.kevent.flags);
    kevent->set_fflags(change.kevent.fflags);
    kevent->set_data(change.kevent.data);
    kevent->set_udata(change.kevent.udata);
    kevent->set_name(change.handle_name);
  }
  const auto wire_timeout = ToProto(timeout);
  if (!wire_timeout.ok()) {
    return wire_timeout.status();
  }
  if (wire_timeout->has_value()) {
    *request.mutable_timeout() = **wire_timeout;
  }
  const absl::StatusOr<v1::ControlResponse> response = connection_->Unary(
      connection_->selectors(), &v1::SelectorService::Stub::Control, request,
      CallLimit(timeout, connection_->call_timeout()));
  if (!response.ok()) {
    return response.status();
  }
  std::vector<NamedKevent> kevents;
  kevents.reserve(static_cast<std::size_t>(response->kevents_size()));
  for (const v1::Kevent& kevent : response->kevents()) {
    kevents.push_back(KeventFromProto(kevent));
  }
  return kevents;
}

v1::WaitOpen Selector::ToOpen() const {
  v1::WaitOpen open;
  open.set_session(session_);
  *open.mutable_selector() = ref_;
  return open;
}

absl::StatusOr<EventStream> Selector::Wait(const WaitOptions& options) {
  return EventStream::Open(connection_, ToOpen(), options, absl::nullopt);
}

absl::StatusOr<EventStream> Selector::WaitFor(const WaitOptions& options,
                                              const RetryOptions& retry) {
  return EventStream::Open(connection_, ToOpen(), options, retry);
}

absl::StatusOr<AsyncWait> Selector::WaitAsync(WaitLoop& loop,
                                              WaitCallbacks callbacks,
                                              const WaitOptions& options,
                                              const RetryOptions& retry) {
  v1::WaitOpen open = ToOpen();
  if (const absl::Status filled = FillOpen(options, &open); !filled.ok()) {
    return filled;
  }
  auto state = std::make_shared<AsyncWait::State>(
      loop.core(), connection_, std::move(open), retry, std::move(callbacks));
  state->Begin();
  return AsyncWait(std::move(state));
}

absl::StatusOr<UniqueFd> Selector::Fetch() {
  v1::PassingRequest request;
  request.mutable_fetch()->set_session(session_);
  *request.mutable_fetch()->mutable_selector() = ref_;
  return connection_->Fetch(request);
}

absl::StatusOr<v1::Selector> Selector::Describe() {
  v1::GetSelectorRequest request;
  request.set_session(session_);
  *request.mutable_selector() = ref_;
  absl::StatusOr<v1::GetSelectorResponse> response =
      connection_->Unary(connection_->selectors(),
                         &v1::SelectorService::Stub::GetSelector, request);
  if (!response.ok()) {
    return response.status();
  }
  return response->selector();
}

}  // namespace farpoll::client
