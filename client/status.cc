#include "client/status.h"

#include "base/errno_status.h"
#include "farpoll/v1/error.pb.h"

namespace farpoll::client {

absl::Status FromGrpc(const grpc::Status& status) {
  if (status.ok()) {
    return absl::OkStatus();
  }
  const auto code = static_cast<absl::StatusCode>(status.error_code());
  v1::StatusDetail detail;
  v1::ErrorInfo info;
  if (detail.ParseFromString(status.error_details())) {
    for (const google::protobuf::Any& any : detail.details()) {
      if (any.UnpackTo(&info)) {
        return MakeError(code, info.errno_number(), info.reason(),
                         info.subject(), status.error_message());
      }
    }
  }
  return absl::Status(code, status.error_message());
}

}  // namespace farpoll::client
