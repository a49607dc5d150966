// client/passing.h: room: client, private to it. Requests over the server's
// second Unix socket, by which descriptors travel.
// Threads: any.
// Source: proto/farpoll/v1/passing.proto.
#ifndef FARPOLL_CLIENT_PASSING_H_
#define FARPOLL_CLIENT_PASSING_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "base/unique_fd.h"
#include "farpoll/v1/passing.pb.h"

namespace farpoll::client {

struct PassingAnswer {
  v1::PassingResponse response;
  UniqueFd descriptor;  // the first that came along, if any
};

// Sends `request` and `descriptors` to the server at `address` (of its gRPC
// socket) and waits for the answer, `limit` at most.
//   Errors: the server's; FAILED_PRECONDITION (NOT_LOCAL) when the address is
//     no Unix socket; PERMISSION_DENIED (SERVER_NOT_TRUSTED, server_trust.h);
//     UNAVAILABLE when nobody answers; DEADLINE_EXCEEDED.
absl::StatusOr<PassingAnswer> CallPassing(const std::string& address,
                                          absl::Duration limit,
                                          const v1::PassingRequest& request,
                                          absl::Span<const int> descriptors);

}  // namespace farpoll::client

#endif  // FARPOLL_CLIENT_PASSING_H_
