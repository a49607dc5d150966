// client/status.h: room: client. What a call's failure says, as absl::Status.
// Threads: pure.
#ifndef FARPOLL_CLIENT_STATUS_H_
#define FARPOLL_CLIENT_STATUS_H_

#include <grpcpp/support/status.h>

#include "absl/status/status.h"

namespace farpoll::client {

// The same code and message; farpoll.v1.ErrorInfo of the status details, when
// there is one, becomes the ErrorDetail of base/errno_status.h, and
// google.rpc.RetryInfo what RetryDelayOf() of retry.h reads.
absl::Status FromGrpc(const grpc::Status& status);

}  // namespace farpoll::client

#endif  // FARPOLL_CLIENT_STATUS_H_
