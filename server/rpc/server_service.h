// server/rpc/server_service.h: room: server/rpc. farpoll.v1.ServerService.
// Threads: gRPC's pool.
#ifndef FARPOLL_SERVER_RPC_SERVER_SERVICE_H_
#define FARPOLL_SERVER_RPC_SERVER_SERVICE_H_

#include <grpcpp/grpcpp.h>

#include <cstdint>

#include "base/clock.h"
#include "farpoll/v1/server.grpc.pb.h"
#include "server/session/session_table.h"

namespace farpoll::server {

class ServerService final : public v1::ServerService::CallbackService {
 public:
  // Borrows `table` and `clock`. `epoch` names this run of the server.
  ServerService(SessionTable* table, const Clock* clock, std::int64_t epoch)
      : table_(*table), clock_(*clock), epoch_(epoch), started_(clock->Now()) {}

  grpc::ServerUnaryReactor* GetServer(grpc::CallbackServerContext* context,
                                      const v1::GetServerRequest* request,
                                      v1::GetServerResponse* response) override;

 private:
  SessionTable& table_;
  const Clock& clock_;
  const std::int64_t epoch_;
  const MonotonicTime started_;
};

}  // namespace farpoll::server

#endif  // FARPOLL_SERVER_RPC_SERVER_SERVICE_H_
