#include "server/rpc/gate.h"

#include <cerrno>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/errno_status.h"
#include "server/rpc/rules.h"

namespace farpoll::server {

// Sees each call as a factory of interceptors, of which it makes none: those
// would see every message as well, which nothing here needs.
class Gate final
    : public grpc::experimental::ServerInterceptorFactoryInterface {
 public:
  Gate(Peers* peers, const Authority* authority, Calls* calls,
       const Inside* inside)
      : peers_(*peers),
        authority_(*authority),
        calls_(*calls),
        inside_(*inside) {}

  grpc::experimental::Interceptor* CreateServerInterceptor(
      grpc::experimental::ServerRpcInfo* call) override {
    // Health checks have no rule and do not ask for their caller: they show
    // nothing of anybody's. Calls of unknown methods have contexts of gRPC's.
    if (auto* const context =
            dynamic_cast<CallContext*>(call->server_context())) {
      context->caller_ = Judge(*context, call->method(), &context->ticket_);
    }
    return nullptr;
  }

 private:
  absl::StatusOr<Principal> Judge(const CallContext& context,
                                  absl::string_view method,
                                  absl::optional<Calls::Ticket>* ticket) {
    const std::string peer = context.peer();
    absl::StatusOr<Caller> caller = inside_.IsFromHere(peer, context)
                                        ? peers_.this_process()
                                        : peers_.Resolve(peer);
    if (!caller.ok()) {
      return caller.status();
    }
    absl::StatusOr<Calls::Ticket> counted =
        calls_.Begin(peer, std::move(caller->account));
    if (!counted.ok()) {
      return counted.status();
    }
    ticket->emplace(*std::move(counted));
    const std::vector<Verb>* const verbs = rules_.VerbsOf(method);
    if (verbs == nullptr) {
      return MakeError(absl::StatusCode::kPermissionDenied, EACCES, "NO_RULE",
                       method, "no rule allows this method");
    }
    for (const Verb verb : *verbs) {
      const absl::Status allowed =
          authority_.Authorize(caller->principal, verb, method);
      if (!allowed.ok()) {
        return allowed;
      }
    }
    return std::move(caller->principal);
  }

  Peers& peers_;
  const Authority& authority_;
  Calls& calls_;
  const Inside& inside_;
  const Rules rules_;
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
                 const Authority* authority, Calls* calls,
                 const Inside* inside) {
  builder.SetContextAllocator(std::make_unique<ContextMaker>());
  std::vector<
      std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>>
      gates;
  gates.push_back(std::make_unique<Gate>(peers, authority, calls, inside));
  builder.experimental().SetInterceptorCreators(std::move(gates));
}

}  // namespace farpoll::server
