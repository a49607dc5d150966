// server/rpc/reflection_service.h: room: server/rpc. What the server says of
// its services to tools that know nothing of it. gRPC's own plugin runs a
// thread for each open stream and no gate. Threads: gRPC's pool.
#ifndef FARPOLL_SERVER_RPC_REFLECTION_SERVICE_H_
#define FARPOLL_SERVER_RPC_REFLECTION_SERVICE_H_

#include <grpcpp/grpcpp.h>

#include <string>
#include <vector>

#include "grpc/reflection/v1alpha/reflection.grpc.pb.h"

namespace farpoll::server {

// The answer to one request. `services` are the full names of what is served.
grpc::reflection::v1alpha::ServerReflectionResponse Reflect(
    const std::vector<std::string>& services,
    const grpc::reflection::v1alpha::ServerReflectionRequest& request);

class ReflectionService final
    : public grpc::reflection::v1alpha::ServerReflection::CallbackService {
 public:
  explicit ReflectionService(std::vector<std::string> services)
      : services_(std::move(services)) {}

  grpc::ServerBidiReactor<grpc::reflection::v1alpha::ServerReflectionRequest,
                          grpc::reflection::v1alpha::ServerReflectionResponse>*
  ServerReflectionInfo(grpc::CallbackServerContext* context) override;

 private:
  const std::vector<std::string> services_;
};

}  // namespace farpoll::server

#endif  // FARPOLL_SERVER_RPC_REFLECTION_SERVICE_H_
