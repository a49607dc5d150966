// server/rpc/convert.h: room: server/rpc. Wire messages <-> the server's
// values. Threads: pure functions.
#ifndef FARPOLL_SERVER_RPC_CONVERT_H_
#define FARPOLL_SERVER_RPC_CONVERT_H_

#include <grpcpp/support/status.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "base/clock.h"
#include "base/timeout.h"
#include "farpoll/v1/error.pb.h"
#include "farpoll/v1/event.pb.h"
#include "farpoll/v1/handle.pb.h"
#include "farpoll/v1/kinds.pb.h"
#include "farpoll/v1/process.pb.h"
#include "farpoll/v1/selector.pb.h"
#include "farpoll/v1/session.pb.h"
#include "google/protobuf/duration.pb.h"
#include "google/protobuf/timestamp.pb.h"
#include "server/session/session.h"

namespace farpoll::server {

// The code, the message, and an ErrorInfo as binary details.
grpc::Status ToGrpc(const absl::Status& status);
v1::ItemError ToItemError(const absl::Status& status);

Reference ToReference(const v1::HandleRef& ref);
Reference ToReference(const v1::SelectorRef& ref);

//   Errors: INVALID_ARGUMENT (EINVAL, BAD_DURATION) for a duration out of
//     protobuf's range or of mixed signs; `field` as subject.
absl::StatusOr<absl::Duration> ToDuration(
    const google::protobuf::Duration& duration, absl::string_view field);
// A request's `timeout`, unset meaning for ever. Errors: as ToDuration.
template <class Request>
absl::StatusOr<Timeout> ToTimeout(const Request& request) {
  if (!request.has_timeout()) {
    return Timeout::Forever();
  }
  const absl::StatusOr<absl::Duration> span =
      ToDuration(request.timeout(), "timeout");
  if (!span.ok()) {
    return span.status();
  }
  return Timeout(*span);
}
//   Errors: INVALID_ARGUMENT (EINVAL, BAD_TIMESTAMP) for a time out of
//     protobuf's range; `field` as subject.
absl::StatusOr<absl::Time> ToTime(const google::protobuf::Timestamp& timestamp,
                                  absl::string_view field);
google::protobuf::Duration ToProto(absl::Duration duration);
std::int64_t ToNanoseconds(MonotonicTime time);

// A list request's page: objects after position `after`, `count` at most.
struct Page {
  std::int64_t after = 0;
  std::size_t count = 0;
};
//   Errors: INVALID_ARGUMENT (EINVAL: BAD_PAGE_SIZE, BAD_PAGE_TOKEN).
absl::StatusOr<Page> ToPage(std::int32_t page_size,
                            const std::string& page_token);
// The token of the page after position `last`.
std::string PageToken(std::int64_t last);
// Cuts `list`, which may hold one object more than `page`, to the page. Returns
// the token of the next one; empty when that object was not there.
template <class Object, class PositionOf>
std::string CutToPage(const Page& page, PositionOf position_of,
                      std::vector<Object>* list) {
  if (list->size() <= page.count) {
    return "";
  }
  list->erase(list->begin() + static_cast<std::ptrdiff_t>(page.count),
              list->end());
  return PageToken(position_of(list->back()));
}

void Fill(const SessionInfo& info, v1::Session* session);
void Fill(const HandleInfo& info, v1::Handle* handle);
// Of a handle just made: fills it in, or hands on why there is none.
absl::Status FillMade(const absl::StatusOr<HandleInfo>& made,
                      v1::Handle* handle);
void Fill(const ReadinessMark& mark, v1::Readiness* readiness);
void Fill(const PathEvent& event, v1::PathEvent* proto);
void Fill(const ExitStatus& exit, v1::ExitStatus* status);
void Fill(const SelectorInfo& info, v1::Selector* selector);
void Fill(const RegistrationInfo& info, v1::Registration* registration);
void Fill(const ChangeOutcome& outcome, v1::ChangeResult* result);

absl::StatusOr<SelectorKind> ToKind(v1::SelectorKind kind);
v1::SelectorKind ToProto(SelectorKind kind);
v1::HandleKind ToProto(HandleKind kind);
v1::OnClose ToProto(OnClose on_close);
v1::ReadOutcome ToProto(ReadResult::Outcome outcome);
// SOCK_STREAM and so on.
//   Errors: INVALID_ARGUMENT (EINVAL, BAD_SOCKET_TYPE).
absl::StatusOr<int> ToSocketType(v1::SocketType type);

//   Errors: INVALID_ARGUMENT (EINVAL) for a trigger that is none.
absl::StatusOr<Change> ToChange(Change::Kind kind, const v1::Interest& item);
absl::StatusOr<Change> ToChange(const v1::Change& change);
//   Errors: INVALID_ARGUMENT (EINVAL) for a filter or flags over 16 bits.
absl::StatusOr<Change> ToChange(const v1::Kevent& kevent);

// Appends the kevents of a result, with names if it has them.
void FillKevents(const NamedResult& named,
                 google::protobuf::RepeatedPtrField<v1::Kevent>* kevents);

void Fill(const EventBytes& bytes, v1::EventData* data);

// Appends the events of a result, with names if it has them.
template <class Response>
void FillEvents(const NamedResult& named, Response* response) {
  const std::vector<ReadyEvent>& events = named.result.events;
  response->mutable_events()->Reserve(static_cast<int>(events.size()));
  for (std::size_t i = 0; i < events.size(); ++i) {
    v1::Event* const event = response->add_events();
    event->set_handle_id(events[i].handle_id);
    event->set_events(events[i].events);
    event->set_cookie(events[i].cookie);
    event->set_generation(events[i].generation);
    event->set_readiness_generation(events[i].readiness);
    if (events[i].bytes != nullptr) {
      Fill(*events[i].bytes, event->mutable_data());
    }
    if (!named.names.empty()) {
      event->set_handle_name(named.names[i]);
    }
  }
  for (const auto& [place, exit] : named.exits) {
    Fill(exit,
         response->mutable_events(static_cast<int>(place))->mutable_exit());
  }
  response->set_sampled_at_ns(ToNanoseconds(named.result.sampled_at));
}

}  // namespace farpoll::server

#endif  // FARPOLL_SERVER_RPC_CONVERT_H_
