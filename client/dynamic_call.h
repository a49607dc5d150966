// client/dynamic_call.h: room: client. Calls any method by its name, with
// messages in their serialized form: what `farpoll rpc` stands on.
// Threads: the caller's; CallStream adds one for the time of the call.
#ifndef FARPOLL_CLIENT_DYNAMIC_CALL_H_
#define FARPOLL_CLIENT_DYNAMIC_CALL_H_

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"

namespace farpoll::client {

class Connection;

// Gives the next request; nothing when there are no more. An error ends the
// call with it.
using NextRequest =
    std::function<absl::StatusOr<absl::optional<std::string>>()>;
// Takes a response. An error ends the call with it.
using OnResponse = std::function<absl::Status(absl::string_view)>;

class DynamicCaller {
 public:
  explicit DynamicCaller(std::shared_ptr<Connection> connection)
      : connection_(std::move(connection)) {}

  // A unary call of `method`: "/farpoll.v1.HandleService/Read".
  //   Units: `limit` is how long it may take; infinite = for ever.
  absl::StatusOr<std::string> Unary(const std::string& method,
                                    absl::string_view request,
                                    absl::Duration limit);

  // A streaming call of any kind: sends what `next_request` gives, from a
  // thread of its own, and hands responses to `on_response` in the caller's.
  // Returns when the server has ended the call. `next_request` must return
  // soon after `stop_requests` was called, which happens once, at that time.
  absl::Status Stream(const std::string& method, NextRequest next_request,
                      const std::function<void()>& stop_requests,
                      const OnResponse& on_response, absl::Duration limit);

 private:
  std::shared_ptr<Connection> connection_;
};

}  // namespace farpoll::client

#endif  // FARPOLL_CLIENT_DYNAMIC_CALL_H_
