// HandleService's sockets.
#include <utility>

#include "absl/status/statusor.h"
#include "server/rpc/convert.h"
#include "server/rpc/handle_service.h"
#include "server/rpc/late_call.h"
#include "server/rpc/unary.h"

namespace farpoll::server {

grpc::ServerUnaryReactor* HandleService::Listen(
    grpc::CallbackServerContext* context, const v1::ListenRequest* request,
    v1::ListenResponse* response) {
  return AnswerWithHandle(
      context, table_, request->session(), response,
      [&](Session& session, Session::AnswerTo<HandleInfo> answer) {
        session.Listen(request->name(), request->address(), request->backlog(),
                       std::move(answer));
      });
}

grpc::ServerUnaryReactor* HandleService::Accept(
    grpc::CallbackServerContext* context, const v1::AcceptRequest* request,
    v1::AcceptResponse* response) {
  return AnswerWith(context, table_, request->session(), [&](Session& session) {
    const absl::StatusOr<Session::AcceptResult> result =
        session.Accept(ToReference(request->listener()), request->name());
    if (!result.ok()) {
      return result.status();
    }
    response->set_would_block(!result->handle.has_value());
    if (result->handle.has_value()) {
      Fill(*result->handle, response->mutable_handle());
    }
    Fill(result->readiness, response->mutable_readiness());
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* HandleService::Connect(
    grpc::CallbackServerContext* context, const v1::ConnectRequest* request,
    v1::ConnectResponse* response) {
  return AnswerWithHandle(
      context, table_, request->session(), response,
      [&](Session& session, Session::AnswerTo<HandleInfo> answer) {
        session.Connect(request->name(), request->address(), std::move(answer));
      });
}

grpc::ServerUnaryReactor* HandleService::CreateDatagramSocket(
    grpc::CallbackServerContext* context,
    const v1::CreateDatagramSocketRequest* request,
    v1::CreateDatagramSocketResponse* response) {
  return AnswerWithHandle(
      context, table_, request->session(), response,
      [&](Session& session, Session::AnswerTo<HandleInfo> answer) {
        session.CreateDatagramSocket(request->name(), request->local(),
                                     request->peer(), std::move(answer));
      });
}

}  // namespace farpoll::server
