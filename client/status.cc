#include "client/status.h"

#include <utility>

#include "base/errno_status.h"
#include "client/retry.h"
#include "google/rpc/error_details.pb.h"

namespace farpoll::client {

absl::Status FromGrpc(const grpc::Status& status) {
  if (status.ok()) {
    return absl::OkStatus();
  }
  const auto code = static_cast<absl::StatusCode>(status.error_code());
  absl::Status result(code, status.error_message());
  v1::StatusDetail detail;
  if (!detail.ParseFromString(status.error_details())) {
    return result;
  }
  v1::ErrorInfo info;
  for (const google::protobuf::Any& any : detail.details()) {
    if (any.UnpackTo(&info)) {
      result = MakeError(code, info.errno_number(), info.reason(),
                         info.subject(), status.error_message());
    } else if (any.Is<google::rpc::RetryInfo>()) {
      result = WithRetryInfo(std::move(result), any.value());
    }
  }
  return result;
}

absl::Status FromItem(const v1::ItemError& error) {
  return MakeError(static_cast<absl::StatusCode>(error.code()),
                   error.info().errno_number(), error.info().reason(),
                   error.info().subject(), error.message());
}

}  // namespace farpoll::client
