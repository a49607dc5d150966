// server/rpc/selector_service.h: room: server/rpc. farpoll.v1.SelectorService.
// Threads: gRPC's pool; no handler waits.
#ifndef FARPOLL_SERVER_RPC_SELECTOR_SERVICE_H_
#define FARPOLL_SERVER_RPC_SELECTOR_SERVICE_H_

#include <grpcpp/grpcpp.h>

#include <cstdint>

#include "farpoll/v1/selector.grpc.pb.h"
#include "server/session/session_table.h"

namespace farpoll::server {

class SelectorService final : public v1::SelectorService::CallbackService {
 public:
  // Borrows `table`. `epoch` names this run of the server.
  SelectorService(SessionTable* table, std::int64_t epoch)
      : table_(*table), epoch_(epoch) {}

  grpc::ServerUnaryReactor* CreateSelector(
      grpc::CallbackServerContext* context,
      const v1::CreateSelectorRequest* request,
      v1::CreateSelectorResponse* response) override;
  grpc::ServerUnaryReactor* GetSelector(
      grpc::CallbackServerContext* context,
      const v1::GetSelectorRequest* request,
      v1::GetSelectorResponse* response) override;
  grpc::ServerUnaryReactor* ListSelectors(
      grpc::CallbackServerContext* context,
      const v1::ListSelectorsRequest* request,
      v1::ListSelectorsResponse* response) override;
  grpc::ServerUnaryReactor* CloseSelector(
      grpc::CallbackServerContext* context,
      const v1::CloseSelectorRequest* request,
      v1::CloseSelectorResponse* response) override;
  grpc::ServerUnaryReactor* Register(grpc::CallbackServerContext* context,
                                     const v1::RegisterRequest* request,
                                     v1::RegisterResponse* response) override;
  grpc::ServerUnaryReactor* Modify(grpc::CallbackServerContext* context,
                                   const v1::ModifyRequest* request,
                                   v1::ModifyResponse* response) override;
  grpc::ServerUnaryReactor* Unregister(
      grpc::CallbackServerContext* context,
      const v1::UnregisterRequest* request,
      v1::UnregisterResponse* response) override;
  grpc::ServerUnaryReactor* ListRegistrations(
      grpc::CallbackServerContext* context,
      const v1::ListRegistrationsRequest* request,
      v1::ListRegistrationsResponse* response) override;
  grpc::ServerUnaryReactor* GetRegistration(
      grpc::CallbackServerContext* context,
      const v1::GetRegistrationRequest* request,
      v1::GetRegistrationResponse* response) override;
  grpc::ServerUnaryReactor* Poll(grpc::CallbackServerContext* context,
                                 const v1::PollRequest* request,
                                 v1::PollResponse* response) override;
  grpc::ServerUnaryReactor* Control(grpc::CallbackServerContext* context,
                                    const v1::ControlRequest* request,
                                    v1::ControlResponse* response) override;
  grpc::ServerUnaryReactor* Select(grpc::CallbackServerContext* context,
                                   const v1::SelectRequest* request,
                                   v1::SelectResponse* response) override;
  grpc::ServerBidiReactor<v1::WaitRequest, v1::WaitResponse>* Wait(
      grpc::CallbackServerContext* context) override;

 private:
  SessionTable& table_;
  const std::int64_t epoch_;
};

}  // namespace farpoll::server

#endif  // FARPOLL_SERVER_RPC_SELECTOR_SERVICE_H_
