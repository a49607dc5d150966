// server/rpc/handle_service.h: room: server/rpc. farpoll.v1.HandleService.
// Threads: gRPC's pool; no handler waits.
#ifndef FARPOLL_SERVER_RPC_HANDLE_SERVICE_H_
#define FARPOLL_SERVER_RPC_HANDLE_SERVICE_H_

#include <grpcpp/grpcpp.h>

#include "farpoll/v1/handle.grpc.pb.h"
#include "server/session/session_table.h"

namespace farpoll::server {

class HandleService final : public v1::HandleService::CallbackService {
 public:
  // Borrows `table`.
  explicit HandleService(SessionTable* table) : table_(*table) {}

  grpc::ServerUnaryReactor* CreatePipe(
      grpc::CallbackServerContext* context,
      const v1::CreatePipeRequest* request,
      v1::CreatePipeResponse* response) override;
  grpc::ServerUnaryReactor* CreateSocketPair(
      grpc::CallbackServerContext* context,
      const v1::CreateSocketPairRequest* request,
      v1::CreateSocketPairResponse* response) override;
  grpc::ServerUnaryReactor* Read(grpc::CallbackServerContext* context,
                                 const v1::ReadRequest* request,
                                 v1::ReadResponse* response) override;
  grpc::ServerUnaryReactor* Write(grpc::CallbackServerContext* context,
                                  const v1::WriteRequest* request,
                                  v1::WriteResponse* response) override;
  grpc::ServerUnaryReactor* Shutdown(grpc::CallbackServerContext* context,
                                     const v1::ShutdownRequest* request,
                                     v1::ShutdownResponse* response) override;
  grpc::ServerUnaryReactor* GetHandle(grpc::CallbackServerContext* context,
                                      const v1::GetHandleRequest* request,
                                      v1::GetHandleResponse* response) override;
  grpc::ServerUnaryReactor* ListHandles(
      grpc::CallbackServerContext* context,
      const v1::ListHandlesRequest* request,
      v1::ListHandlesResponse* response) override;
  grpc::ServerUnaryReactor* Close(grpc::CallbackServerContext* context,
                                  const v1::CloseRequest* request,
                                  v1::CloseResponse* response) override;

 private:
  SessionTable& table_;
};

}  // namespace farpoll::server

#endif  // FARPOLL_SERVER_RPC_HANDLE_SERVICE_H_
