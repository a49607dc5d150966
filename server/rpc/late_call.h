// server/rpc/late_call.h: room: server/rpc. A unary call whose answer may wait
// for a file system. Its client can give it up at any time.
// Threads: gRPC's pool; Answer() from any.
#ifndef FARPOLL_SERVER_RPC_LATE_CALL_H_
#define FARPOLL_SERVER_RPC_LATE_CALL_H_

#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/rpc/convert.h"
#include "server/rpc/unary.h"
#include "server/rpc/unary_end.h"
#include "server/session/session_table.h"

namespace farpoll::server {

template <class Response>
class LateCall final : public grpc::ServerUnaryReactor {
 public:
  // gRPC holds it until OnDone().
  static std::shared_ptr<LateCall> Make(Response* response) {
    std::shared_ptr<LateCall> call(new LateCall(response));
    call->self_ = call;
    return call;
  }

  // Ends the call: with an error, or with what `fill` writes into the response.
  // False when it was given up before.
  template <class T, class Fill>
  bool Answer(absl::StatusOr<T> result, Fill fill) {
    auto claim = end_.TryClaim();
    if (!claim.has_value()) {
      return false;
    }
    if (result.ok()) {
      fill(*result, claim->response());
    }
    std::move(*claim).Finish(result.status());
    return true;
  }

  void OnCancel() override {
    if (auto claim = end_.TryClaim()) {
      std::move(*claim).Finish(
          absl::CancelledError("the client cancelled the call"));
    }
  }
  void OnDone() override { self_.reset(); }

 private:
  explicit LateCall(Response* response) : end_(this, response) {}

  UnaryEnd<Response> end_;
  std::shared_ptr<LateCall> self_;  // shared with gRPC
};

// Answers a call with what `work` gives, perhaps later. `work` is called with
// the session and what is to be given the result.
template <class T, class Response, class Work, class Fill>
grpc::ServerUnaryReactor* AnswerLater(grpc::CallbackServerContext* context,
                                      SessionTable& table,
                                      const std::string& session,
                                      Response* response, Work work,
                                      Fill fill) {
  const absl::StatusOr<std::shared_ptr<Session>> found =
      SessionOf(context, table, session);
  if (!found.ok()) {
    return Answer(context, found.status());
  }
  const auto call = LateCall<Response>::Make(response);
  work(**found, [call, fill](absl::StatusOr<T> result) {
    call->Answer(std::move(result), fill);
  });
  return call.get();
}

// The same of a new handle; one that its client has given up is closed.
template <class Response, class Work>
grpc::ServerUnaryReactor* AnswerWithHandle(grpc::CallbackServerContext* context,
                                           SessionTable& table,
                                           const std::string& session,
                                           Response* response, Work work) {
  const absl::StatusOr<std::shared_ptr<Session>> found =
      SessionOf(context, table, session);
  if (!found.ok()) {
    return Answer(context, found.status());
  }
  const auto call = LateCall<Response>::Make(response);
  work(**found, [call, owner = *found](const absl::StatusOr<HandleInfo>& made) {
    const bool answered =
        call->Answer(made, [](const HandleInfo& info, Response& out) {
          Fill(info, out.mutable_handle());
        });
    if (!answered && made.ok()) {
      (void)owner->CloseHandle({.id = made->id});
    }
  });
  return call.get();
}

}  // namespace farpoll::server

#endif  // FARPOLL_SERVER_RPC_LATE_CALL_H_
