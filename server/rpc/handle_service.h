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
  // Of child processes: handle_service_process.cc.
  grpc::ServerUnaryReactor* Spawn(grpc::CallbackServerContext* context,
                                  const v1::SpawnRequest* request,
                                  v1::SpawnResponse* response) override;
  grpc::ServerUnaryReactor* Signal(grpc::CallbackServerContext* context,
                                   const v1::SignalRequest* request,
                                   v1::SignalResponse* response) override;
  grpc::ServerUnaryReactor* ResizePty(grpc::CallbackServerContext* context,
                                      const v1::ResizePtyRequest* request,
                                      v1::ResizePtyResponse* response) override;
  grpc::ServerUnaryReactor* Read(grpc::CallbackServerContext* context,
                                 const v1::ReadRequest* request,
                                 v1::ReadResponse* response) override;
  grpc::ServerUnaryReactor* Write(grpc::CallbackServerContext* context,
                                  const v1::WriteRequest* request,
                                  v1::WriteResponse* response) override;
  grpc::ServerUnaryReactor* Shutdown(grpc::CallbackServerContext* context,
                                     const v1::ShutdownRequest* request,
                                     v1::ShutdownResponse* response) override;
  grpc::ServerUnaryReactor* Transfer(grpc::CallbackServerContext* context,
                                     const v1::TransferRequest* request,
                                     v1::TransferResponse* response) override;

  // ---- Sockets. (handle_service_sockets.cc)
  grpc::ServerUnaryReactor* Listen(grpc::CallbackServerContext* context,
                                   const v1::ListenRequest* request,
                                   v1::ListenResponse* response) override;
  grpc::ServerUnaryReactor* Accept(grpc::CallbackServerContext* context,
                                   const v1::AcceptRequest* request,
                                   v1::AcceptResponse* response) override;
  grpc::ServerUnaryReactor* Connect(grpc::CallbackServerContext* context,
                                    const v1::ConnectRequest* request,
                                    v1::ConnectResponse* response) override;
  grpc::ServerUnaryReactor* CreateDatagramSocket(
      grpc::CallbackServerContext* context,
      const v1::CreateDatagramSocketRequest* request,
      v1::CreateDatagramSocketResponse* response) override;

  // ---- Timers, counters, files and watches. (handle_service_sources.cc)
  grpc::ServerUnaryReactor* CreateTimer(
      grpc::CallbackServerContext* context,
      const v1::CreateTimerRequest* request,
      v1::CreateTimerResponse* response) override;
  grpc::ServerUnaryReactor* CreateCounter(
      grpc::CallbackServerContext* context,
      const v1::CreateCounterRequest* request,
      v1::CreateCounterResponse* response) override;
  grpc::ServerUnaryReactor* OpenFile(grpc::CallbackServerContext* context,
                                     const v1::OpenFileRequest* request,
                                     v1::OpenFileResponse* response) override;
  grpc::ServerUnaryReactor* WatchPath(grpc::CallbackServerContext* context,
                                      const v1::WatchPathRequest* request,
                                      v1::WatchPathResponse* response) override;

  // ---- Whatever it is.
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
