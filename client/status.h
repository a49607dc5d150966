// client/status.h: room: client. What a call's failure says, as absl::Status.
// Threads: pure.
#ifndef FARPOLL_CLIENT_STATUS_H_
#define FARPOLL_CLIENT_STATUS_H_

#include <grpcpp/support/status.h>

#include "absl/status/status.h"
#include "farpoll/v1/error.pb.h"

namespace farpoll::client {

// The same code and message; farpoll.v1.ErrorInfo of the status details, when
// there is one, becomes the ErrorDetail of base/errno_status.h, and
// google.rpc.RetryInfo what RetryDelayOf() of retry.h reads.
absl::Status FromGrpc(const grpc::Status& status);
// The same of what failed within a call that did not.
absl::Status FromItem(const v1::ItemError& error);

}  // namespace farpoll::client

#endif  // FARPOLL_CLIENT_STATUS_H_
