// server/rpc/gate.h: room: server/rpc. Decides on every call before its handler
// runs: who calls, and whether the policy lets them call this method at all.
//
// gRPC shows each call to the gate as it starts; what the gate finds travels in
// the call's context. A handler gets its caller from there and nowhere else,
// and a call that the gate never saw is refused.
// Threads: gRPC's pool.
// Source: docs/security.md.
#ifndef FARPOLL_SERVER_RPC_GATE_H_
#define FARPOLL_SERVER_RPC_GATE_H_

#include <grpcpp/grpcpp.h>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/optional.h"
#include "server/accept/peers.h"
#include "server/authority/authority.h"
#include "server/policy/principal.h"
#include "server/rpc/calls.h"
#include "server/rpc/inside.h"

namespace farpoll::server {

class CallContext final : public grpc::CallbackServerContext {
 public:
  // Who calls, of a call that was let in.
  //   Errors: UNAUTHENTICATED (PEER_UNKNOWN), PERMISSION_DENIED (POLICY_VERB;
  //     NO_RULE for a method without a rule); those of Calls::Begin.
  static const absl::StatusOr<Principal>& CallerOf(
      grpc::CallbackServerContext* context) {
    return static_cast<CallContext*>(context)->caller_;
  }

 private:
  friend class Gate;
  // Of every call, refused or not, until it is over.
  absl::optional<Calls::Ticket> ticket_;
  absl::StatusOr<Principal> caller_ =
      absl::PermissionDeniedError("the gate did not see this call");
};

// Puts the gate in front of every service of `builder`. Borrows the others.
void InstallGate(grpc::ServerBuilder& builder, Peers* peers,
                 const Authority* authority, Calls* calls,
                 const Inside* inside);

}  // namespace farpoll::server

#endif  // FARPOLL_SERVER_RPC_GATE_H_
