#include "server/rpc/convert.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <limits>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "base/errno_status.h"
#include "google/rpc/error_details.pb.h"

namespace farpoll::server {
namespace {

constexpr std::int64_t kMostDurationSeconds = 315'576'000'000;  // protobuf's
constexpr std::int32_t kMostDurationNanos = 999'999'999;
constexpr std::int32_t kDefaultPageSize = 100;
constexpr std::int32_t kMostPageSize = 1000;
constexpr absl::string_view kTokenPrefix = "after-";

v1::ErrorInfo ToErrorInfo(const absl::Status& status) {
  const ErrorDetail detail = DetailOf(status);
  v1::ErrorInfo info;
  info.set_errno_name(ErrnoName(detail.number));
  info.set_errno_number(detail.number);
  info.set_reason(detail.reason);
  info.set_subject(detail.subject);
  return info;
}

// When a call that `status` refuses may be tried again; none when no span is
// better than another. A server that stops has often a successor, soon.
absl::optional<google::rpc::RetryInfo> RetryAfter(const absl::Status& status) {
  if (status.code() != absl::StatusCode::kUnavailable ||
      DetailOf(status).reason != "SERVER_STOPPING") {
    return absl::nullopt;
  }
  google::rpc::RetryInfo info;
  info.mutable_retry_delay()->set_seconds(1);
  return info;
}

v1::SocketPhase ToProto(SocketState::Phase phase) {
  switch (phase) {
    case SocketState::Phase::kUnconnected:
      return v1::SOCKET_PHASE_UNCONNECTED;
    case SocketState::Phase::kConnecting:
      return v1::SOCKET_PHASE_CONNECTING;
    case SocketState::Phase::kConnected:
      return v1::SOCKET_PHASE_CONNECTED;
    case SocketState::Phase::kFailed:
      return v1::SOCKET_PHASE_FAILED;
    case SocketState::Phase::kListening:
      return v1::SOCKET_PHASE_LISTENING;
  }
  return v1::SOCKET_PHASE_UNSPECIFIED;
}

void Fill(const SocketState& state, v1::SocketState* proto) {
  proto->set_phase(ToProto(state.phase));
  proto->set_local(state.local);
  proto->set_peer(state.peer);
  if (state.error != 0) {
    *proto->mutable_error() = ToErrorInfo(ErrnoStatus(state.error, "connect"));
  }
}

template <class Ref>
Reference FromRef(const Ref& ref) {
  return ref.by_case() == Ref::kName ? Reference{.id = 0, .name = ref.name()}
                                     : Reference{.id = ref.id(), .name = ""};
}

absl::StatusOr<Trigger> ToTrigger(v1::Trigger trigger) {
  switch (trigger) {
    case v1::TRIGGER_UNSPECIFIED:
    case v1::TRIGGER_LEVEL:
      return Trigger::kLevel;
    case v1::TRIGGER_EDGE:
      return Trigger::kEdge;
    case v1::TRIGGER_ONESHOT:
      return Trigger::kOneShot;
    default:
      return MakeError(EINVAL, "BAD_TRIGGER", "trigger",
                       absl::StrCat("there is no trigger ", trigger));
  }
}

v1::Trigger ToProto(Trigger trigger) {
  switch (trigger) {
    case Trigger::kLevel:
      return v1::TRIGGER_LEVEL;
    case Trigger::kEdge:
      return v1::TRIGGER_EDGE;
    case Trigger::kOneShot:
      return v1::TRIGGER_ONESHOT;
  }
  return v1::TRIGGER_UNSPECIFIED;
}

}  // namespace

grpc::Status ToGrpc(const absl::Status& status) {
  if (status.ok()) {
    return grpc::Status::OK;
  }
  const std::string message(status.message());
  v1::StatusDetail detail;
  detail.set_code(static_cast<int>(status.code()));
  detail.set_message(message);
  detail.add_details()->PackFrom(ToErrorInfo(status));
  if (const auto retry = RetryAfter(status); retry.has_value()) {
    detail.add_details()->PackFrom(*retry);
  }
  return grpc::Status(static_cast<grpc::StatusCode>(status.code()), message,
                      detail.SerializeAsString());
}

v1::ItemError ToItemError(const absl::Status& status) {
  v1::ItemError error;
  error.set_code(static_cast<int>(status.code()));
  error.set_message(std::string(status.message()));
  *error.mutable_info() = ToErrorInfo(status);
  return error;
}

Reference ToReference(const v1::HandleRef& ref) { return FromRef(ref); }
Reference ToReference(const v1::SelectorRef& ref) { return FromRef(ref); }

absl::StatusOr<absl::Duration> ToDuration(
    const google::protobuf::Duration& duration, absl::string_view field) {
  const std::int64_t seconds = duration.seconds();
  const std::int32_t nanos = duration.nanos();
  const bool in_range =
      seconds >= -kMostDurationSeconds && seconds <= kMostDurationSeconds &&
      nanos >= -kMostDurationNanos && nanos <= kMostDurationNanos;
  const bool one_sign =
      (seconds <= 0 || nanos >= 0) && (seconds >= 0 || nanos <= 0);
  if (!in_range || !one_sign) {
    return MakeError(EINVAL, "BAD_DURATION", field,
                     absl::StrCat(field, " is no valid duration: ", seconds,
                                  " s and ", nanos, " ns"));
  }
  return absl::Seconds(seconds) + absl::Nanoseconds(nanos);
}

absl::StatusOr<absl::Time> ToTime(const google::protobuf::Timestamp& timestamp,
                                  absl::string_view field) {
  // timestamp.proto: from year 1 to 9999.
  constexpr std::int64_t kFirst = -62'135'596'800;
  constexpr std::int64_t kLast = 253'402'300'799;
  if (timestamp.seconds() < kFirst || timestamp.seconds() > kLast ||
      timestamp.nanos() < 0 || timestamp.nanos() > 999'999'999) {
    return MakeError(
        EINVAL, "BAD_TIMESTAMP", field,
        absl::StrCat(field, " is no valid time: ", timestamp.seconds(),
                     " s and ", timestamp.nanos(), " ns"));
  }
  return absl::FromUnixSeconds(timestamp.seconds()) +
         absl::Nanoseconds(timestamp.nanos());
}

google::protobuf::Duration ToProto(absl::Duration duration) {
  google::protobuf::Duration proto;
  proto.set_seconds(absl::IDivDuration(duration, absl::Seconds(1), &duration));
  proto.set_nanos(static_cast<std::int32_t>(
      absl::IDivDuration(duration, absl::Nanoseconds(1), &duration)));
  return proto;
}

std::int64_t ToNanoseconds(MonotonicTime time) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             time.time_since_epoch())
      .count();
}

absl::StatusOr<Page> ToPage(std::int32_t page_size,
                            const std::string& page_token) {
  if (page_size < 0) {
    return MakeError(EINVAL, "BAD_PAGE_SIZE", "page_size",
                     absl::StrCat("page_size is negative: ", page_size));
  }
  Page page;
  page.count = static_cast<std::size_t>(
      page_size == 0 ? kDefaultPageSize : std::min(page_size, kMostPageSize));
  absl::string_view token = page_token;
  if (!token.empty() &&
      (!absl::ConsumePrefix(&token, kTokenPrefix) ||
       !absl::SimpleAtoi(token, &page.after) || page.after < 0 ||
       PageToken(page.after) != page_token)) {
    return MakeError(EINVAL, "BAD_PAGE_TOKEN", "page_token",
                     "page_token is not one that this server gave");
  }
  return page;
}

std::string PageToken(std::int64_t last) {
  return absl::StrCat(kTokenPrefix, last);
}

void Fill(const SessionInfo& info, v1::Session* session) {
  session->set_id(info.id);
  session->set_name(info.name);
  *session->mutable_ttl() = ToProto(info.ttl);
  *session->mutable_remaining() = ToProto(info.remaining);
  *session->mutable_age() = ToProto(info.age);
  session->set_handles(static_cast<std::int32_t>(info.handles));
  session->set_selectors(static_cast<std::int32_t>(info.selectors));
  session->set_streams(static_cast<std::int32_t>(info.streams));
}

void Fill(const HandleInfo& info, v1::Handle* handle) {
  handle->set_id(info.id);
  handle->set_name(info.name);
  handle->set_kind(ToProto(info.kind));
  handle->set_peer_id(info.peer_id);
  handle->set_ready(info.ready);
  handle->set_readable_bytes(info.readable_bytes);
  handle->set_bytes_read(info.bytes_read);
  handle->set_bytes_written(info.bytes_written);
  handle->set_registrations(static_cast<std::int32_t>(info.registrations));
  *handle->mutable_age() = ToProto(info.age);
  if (info.process.has_value()) {
    v1::Process* const process = handle->mutable_process();
    process->set_pid(info.process->process.pid);
    process->set_program(info.process->process.program);
    process->set_on_close(ToProto(info.process->process.on_close));
    if (info.process->exit.has_value()) {
      Fill(*info.process->exit, process->mutable_exit());
    }
  }
  if (info.socket.has_value()) {
    Fill(*info.socket, handle->mutable_socket());
  }
  if (info.timer.has_value()) {
    *handle->mutable_timer()->mutable_left() = ToProto(info.timer->left);
    *handle->mutable_timer()->mutable_every() = ToProto(info.timer->every);
  }
  handle->set_path(info.path);
  Fill(info.readiness, handle->mutable_readiness());
}

absl::Status FillMade(const absl::StatusOr<HandleInfo>& made,
                      v1::Handle* handle) {
  if (made.ok()) {
    Fill(*made, handle);
  }
  return made.status();
}

void Fill(const ReadinessMark& mark, v1::Readiness* readiness) {
  readiness->set_generation(mark.generation);
  readiness->set_selector_id(mark.selector_id);
  readiness->set_sequence(mark.sequence);
}

void Fill(const PathEvent& event, v1::PathEvent* proto) {
  proto->set_events(static_cast<std::int32_t>(event.bits));
  proto->set_cookie(event.cookie);
  proto->set_name(event.name);
}

void Fill(const ExitStatus& exit, v1::ExitStatus* status) {
  status->set_code(exit.code);
  status->set_signal(exit.signal);
  status->set_core_dumped(exit.core_dumped);
}

void Fill(const SelectorInfo& info, v1::Selector* selector) {
  selector->set_id(info.id);
  selector->set_name(info.name);
  selector->set_kind(ToProto(info.kind));
  selector->set_registrations(static_cast<std::int32_t>(info.registrations));
  selector->set_waiting(info.waiting);
}

void Fill(const RegistrationInfo& info, v1::Registration* registration) {
  registration->set_handle_id(info.registration.handle_id);
  registration->set_handle_name(info.handle_name);
  registration->set_events(info.registration.asked);
  registration->set_trigger(ToProto(info.registration.trigger));
  registration->set_cookie(info.registration.cookie);
  registration->set_generation(info.registration.generation);
  registration->set_read_bytes(
      static_cast<std::int32_t>(info.registration.read_bytes));
}

void Fill(const EventBytes& bytes, v1::EventData* data) {
  data->set_outcome(ToProto(bytes.read.outcome));
  data->set_data(bytes.read.data);
  data->set_truncated(bytes.read.truncated);
  if (bytes.read.source.has_value()) {
    data->set_source(bytes.read.source->Text());
  }
  data->set_urgent(bytes.urgent);
  if (!bytes.error.ok()) {
    *data->mutable_error() = ToItemError(bytes.error);
  }
}

void Fill(const ChangeOutcome& outcome, v1::ChangeResult* result) {
  result->set_handle_id(outcome.handle_id);
  if (outcome.generation.ok()) {
    result->set_generation(*outcome.generation);
  } else {
    *result->mutable_error() = ToItemError(outcome.generation.status());
  }
}

absl::StatusOr<SelectorKind> ToKind(v1::SelectorKind kind) {
  switch (kind) {
    case v1::SELECTOR_KIND_POLL:
      return SelectorKind::kPoll;
    case v1::SELECTOR_KIND_SELECT:
      return SelectorKind::kSelect;
    case v1::SELECTOR_KIND_KQUEUE:
      return SelectorKind::kKqueue;
    case v1::SELECTOR_KIND_DEFAULT:
      return SelectorKind::kDefault;
    default:
      return MakeError(EINVAL, "BAD_KIND", "kind",
                       "kind must be POLL, SELECT, KQUEUE or DEFAULT");
  }
}

v1::SelectorKind ToProto(SelectorKind kind) {
  switch (kind) {
    case SelectorKind::kPoll:
      return v1::SELECTOR_KIND_POLL;
    case SelectorKind::kSelect:
      return v1::SELECTOR_KIND_SELECT;
    case SelectorKind::kKqueue:
      return v1::SELECTOR_KIND_KQUEUE;
    case SelectorKind::kDefault:
      return v1::SELECTOR_KIND_DEFAULT;
  }
  return v1::SELECTOR_KIND_UNSPECIFIED;
}

absl::StatusOr<int> ToSocketType(v1::SocketType type) {
  switch (type) {
    case v1::SOCKET_TYPE_UNSPECIFIED:
    case v1::SOCKET_TYPE_STREAM:
      return SOCK_STREAM;
    case v1::SOCKET_TYPE_DATAGRAM:
      return SOCK_DGRAM;
    case v1::SOCKET_TYPE_SEQPACKET:
      return SOCK_SEQPACKET;
    default:
      return MakeError(EINVAL, "BAD_SOCKET_TYPE", "type",
                       absl::StrCat("there is no socket type ", type));
  }
}

v1::OnClose ToProto(OnClose on_close) {
  switch (on_close) {
    case OnClose::kKill:
      return v1::ON_CLOSE_KILL;
    case OnClose::kHangUp:
      return v1::ON_CLOSE_HANG_UP;
    case OnClose::kKeep:
      return v1::ON_CLOSE_KEEP;
  }
  return v1::ON_CLOSE_UNSPECIFIED;
}

v1::ReadOutcome ToProto(ReadResult::Outcome outcome) {
  switch (outcome) {
    case ReadResult::Outcome::kData:
      return v1::READ_OUTCOME_DATA;
    case ReadResult::Outcome::kWouldBlock:
      return v1::READ_OUTCOME_WOULD_BLOCK;
    case ReadResult::Outcome::kEndOfFile:
      return v1::READ_OUTCOME_END_OF_FILE;
  }
  return v1::READ_OUTCOME_UNSPECIFIED;
}

v1::HandleKind ToProto(HandleKind kind) {
  return static_cast<v1::HandleKind>(kind);
}

absl::StatusOr<Change> ToChange(Change::Kind kind, const v1::Interest& item) {
  const absl::StatusOr<Trigger> trigger = ToTrigger(item.trigger());
  if (!trigger.ok()) {
    return trigger.status();
  }
  Change change;
  change.kind = kind;
  change.handle = ToReference(item.handle());
  if (item.has_events()) {
    change.interest.events = item.events();
  }
  change.interest.trigger = *trigger;
  change.interest.cookie = item.cookie();
  change.interest.read_bytes = item.read_bytes();
  return change;
}

absl::StatusOr<Change> ToChange(const v1::Change& change) {
  switch (change.kind_case()) {
    case v1::Change::kAdd:
      return ToChange(Change::Kind::kRegister, change.add());
    case v1::Change::kModify:
      return ToChange(Change::Kind::kModify, change.modify());
    case v1::Change::kRemove:
      return Change{.kind = Change::Kind::kUnregister,
                    .handle = ToReference(change.remove()),
                    .interest = {},
                    .kevent = {}};
    case v1::Change::kKevent:
      return ToChange(change.kevent());
    case v1::Change::KIND_NOT_SET:
      break;
  }
  return MakeError(EINVAL, "BAD_CHANGE", "changes",
                   "a change is neither add, modify, remove nor kevent");
}

absl::StatusOr<Change> ToChange(const v1::Kevent& kevent) {
  constexpr std::int32_t kLeastFilter =
      std::numeric_limits<std::int16_t>::min();
  constexpr std::int32_t kMostFilter = std::numeric_limits<std::int16_t>::max();
  if (kevent.filter() < kLeastFilter || kevent.filter() > kMostFilter) {
    return MakeError(
        EINVAL, "BAD_KEVENT", "filter",
        absl::StrCat("filter has more than 16 bits: ", kevent.filter()));
  }
  if (kevent.flags() > std::numeric_limits<std::uint16_t>::max()) {
    return MakeError(
        EINVAL, "BAD_KEVENT", "flags",
        absl::StrCat("flags has more than 16 bits: ", kevent.flags()));
  }
  Change change;
  change.kind = Change::Kind::kKevent;
  change.handle.name = kevent.name();
  change.kevent.ident = kevent.name().empty() ? kevent.ident() : 0;
  change.kevent.filter = static_cast<std::int16_t>(kevent.filter());
  change.kevent.flags = static_cast<std::uint16_t>(kevent.flags());
  change.kevent.fflags = kevent.fflags();
  change.kevent.data = kevent.data();
  change.kevent.udata = kevent.udata();
  return change;
}

void FillKevents(const NamedResult& named,
                 google::protobuf::RepeatedPtrField<v1::Kevent>* kevents) {
  const std::vector<TakenKevent>& taken = named.result.kevents;
  kevents->Reserve(static_cast<int>(taken.size()));
  for (std::size_t i = 0; i < taken.size(); ++i) {
    const Kevent& event = taken[i].event;
    v1::Kevent* const kevent = kevents->Add();
    kevent->set_ident(event.ident);
    kevent->set_filter(event.filter);
    kevent->set_flags(event.flags);
    kevent->set_fflags(event.fflags);
    kevent->set_data(event.data);
    kevent->set_udata(event.udata);
    if (!named.names.empty()) {
      kevent->set_name(named.names[i]);
    }
  }
}

}  // namespace farpoll::server
