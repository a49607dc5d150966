// client/convert.h: room: client. Values <-> messages, for the library's own
// files.
// Threads: pure functions.
#ifndef FARPOLL_CLIENT_CONVERT_H_
#define FARPOLL_CLIENT_CONVERT_H_

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "base/timeout.h"
#include "farpoll/v1/event.pb.h"
#include "google/protobuf/duration.pb.h"
#include "selector/events.h"

namespace farpoll::client {

absl::Duration FromProto(const google::protobuf::Duration& duration);
google::protobuf::Duration ToProto(absl::Duration duration);

// A timeout as the services take it: absent = for ever. An infinite one becomes
// the longest that the wire knows, so that the server's rules judge it.
//   Errors: INVALID_ARGUMENT (EINVAL) for a timeout that is not a number.
absl::StatusOr<absl::optional<google::protobuf::Duration>> ToProto(
    Timeout timeout);

// How long a call that waits for `timeout` may take, with `slack` for the way
// there and back.
absl::Duration CallLimit(Timeout timeout, absl::Duration slack);

v1::Trigger ToProto(Trigger trigger);

// A name or, when it is all digits, an id.
v1::HandleRef HandleRefOf(absl::string_view name_or_id);
v1::SelectorRef SelectorRefOf(absl::string_view name_or_id);

}  // namespace farpoll::client

#endif  // FARPOLL_CLIENT_CONVERT_H_
