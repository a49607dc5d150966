// server/rpc/observer_service.h: room: server/rpc. farpoll.v1.ObserverService.
// Threads: gRPC's pool; no handler waits.
#ifndef FARPOLL_SERVER_RPC_OBSERVER_SERVICE_H_
#define FARPOLL_SERVER_RPC_OBSERVER_SERVICE_H_

#include <grpcpp/grpcpp.h>

#include "farpoll/v1/observer.grpc.pb.h"
#include "server/observe/observers.h"
#include "server/rpc/gate.h"
#include "server/rpc/observe_stream.h"
#include "server/session/session_table.h"

namespace farpoll::server {

class ObserverService final : public v1::ObserverService::CallbackService {
 public:
  // Borrows both.
  ObserverService(SessionTable* table, Observers* observers)
      : table_(*table), observers_(*observers) {}

  grpc::ServerWriteReactor<v1::ObserveResponse>* Observe(
      grpc::CallbackServerContext* context,
      const v1::ObserveRequest* request) override {
    return ObserveStream::Start(&table_, &observers_,
                                CallContext::CallerOf(context), *request);
  }

 private:
  SessionTable& table_;
  Observers& observers_;
};

}  // namespace farpoll::server

#endif  // FARPOLL_SERVER_RPC_OBSERVER_SERVICE_H_
