// server/rpc/unary.h: room: server/rpc. What every unary handler has in common.
// Threads: gRPC's pool.
#ifndef FARPOLL_SERVER_RPC_UNARY_H_
#define FARPOLL_SERVER_RPC_UNARY_H_

#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/policy/principal.h"
#include "server/rpc/convert.h"
#include "server/rpc/gate.h"
#include "server/session/session_table.h"

namespace farpoll::server {

// Answers a call at once.
inline grpc::ServerUnaryReactor* Answer(grpc::CallbackServerContext* context,
                                        const absl::Status& status) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  reactor->Finish(ToGrpc(status));
  return reactor;
}

// The session that a call names which was let in; it must be its caller's.
inline absl::StatusOr<std::shared_ptr<Session>> SessionOf(
    grpc::CallbackServerContext* context, SessionTable& table,
    const std::string& session) {
  const absl::StatusOr<Principal>& caller = CallContext::CallerOf(context);
  return caller.ok() ? table.Find(*caller, session) : caller.status();
}

// Answers a call at once, with what `work` makes of its session.
inline grpc::ServerUnaryReactor* AnswerWith(
    grpc::CallbackServerContext* context, SessionTable& table,
    const std::string& session,
    absl::FunctionRef<absl::Status(Session&)> work) {
  const absl::StatusOr<std::shared_ptr<Session>> found =
      SessionOf(context, table, session);
  return Answer(context, found.ok() ? work(**found) : found.status());
}

}  // namespace farpoll::server

#endif  // FARPOLL_SERVER_RPC_UNARY_H_
