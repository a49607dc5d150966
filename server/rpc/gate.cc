#include "server/rpc/gate.h"

#include <cerrno>
#include <memory>
#include <utility>
#include <vector>

#include "absl/types/optional.h"
#include "base/errno_status.h"
#include "server/rpc/rules.h"

namespace farpoll::server {

// Sees each call as a factory of interceptors, of which it makes none: those
// would see every message as well, which nothing here needs.
class Gate final
    : public grpc::experimental::ServerInterceptorFactoryInterface {
 public:
  Gate(Peers* peers, const Authority* authority)
      : peers_(*peers), authority_(*authority) {}

  grpc::experimental::Interceptor* CreateServerInterceptor(
      grpc::experimental::ServerRpcInfo* call) override {
    // Health checks and reflection have contexts of their own, and no rule:
    // they show nothing of any caller's.
    if (auto* const context =
            dynamic_cast<CallContext*>(call->server_context())) {
      context->caller_ = Judge(*context, call->method());
    }
    return nullptr;
  }

 private:
  absl::StatusOr<Principal> Judge(const CallContext& context,
                                  absl::string_view method) {
    absl::StatusOr<Principal> caller = peers_.Resolve(context.peer());
    if (!caller.ok()) {
      return caller;
    }
    const absl::optional<Verb> verb = VerbOf(method);
    if (!verb.has_value()) {
      return MakeError(absl::StatusCode::kPermissionDenied, EACCES, "NO_RULE",
                       method, "no rule allows this method");
    }
    const absl::Status allowed = authority_.Authorize(*caller, *verb, method);
    if (!allowed.ok()) {
      return allowed;
    }
    return caller;
  }

  Peers& peers_;
  const Authority& authority_;
};

namespace {

class ContextMaker final : public grpc::ContextAllocator {
 public:
  grpc::CallbackServerContext* NewCallbackServerContext() override {
    return new CallContext;
  }
  void Release(grpc::CallbackServerContext* context) override {
    // gRPC also hands over the contexts of calls to unknown methods, which it
    // made itself and deletes itself.
    delete dynamic_cast<CallContext*>(context);
  }
};

}  // namespace

void InstallGate(grpc::ServerBuilder& builder, Peers* peers,
                 const Authority* authority) {
  builder.SetContextAllocator(std::make_unique<ContextMaker>());
  std::vector<
      std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>>
      gates;
  gates.push_back(std::make_unique<Gate>(peers, authority));
  builder.experimental().SetInterceptorCreators(std::move(gates));
}

}  // namespace farpoll::server
