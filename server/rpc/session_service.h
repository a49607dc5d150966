// server/rpc/session_service.h: room: server/rpc. farpoll.v1.SessionService.
// Threads: gRPC's pool; no handler waits.
#ifndef FARPOLL_SERVER_RPC_SESSION_SERVICE_H_
#define FARPOLL_SERVER_RPC_SESSION_SERVICE_H_

#include <grpcpp/grpcpp.h>

#include "farpoll/v1/session.grpc.pb.h"
#include "server/session/session_table.h"

namespace farpoll::server {

class SessionService final : public v1::SessionService::CallbackService {
 public:
  // Borrows `table`.
  explicit SessionService(SessionTable* table) : table_(*table) {}

  grpc::ServerUnaryReactor* CreateSession(
      grpc::CallbackServerContext* context,
      const v1::CreateSessionRequest* request,
      v1::CreateSessionResponse* response) override;
  grpc::ServerUnaryReactor* GetSession(
      grpc::CallbackServerContext* context,
      const v1::GetSessionRequest* request,
      v1::GetSessionResponse* response) override;
  grpc::ServerUnaryReactor* ListSessions(
      grpc::CallbackServerContext* context,
      const v1::ListSessionsRequest* request,
      v1::ListSessionsResponse* response) override;
  grpc::ServerBidiReactor<v1::KeepAliveRequest, v1::KeepAliveResponse>*
  KeepAlive(grpc::CallbackServerContext* context) override;
  grpc::ServerUnaryReactor* DeleteSession(
      grpc::CallbackServerContext* context,
      const v1::DeleteSessionRequest* request,
      v1::DeleteSessionResponse* response) override;

 private:
  SessionTable& table_;
};

}  // namespace farpoll::server

#endif  // FARPOLL_SERVER_RPC_SESSION_SERVICE_H_
