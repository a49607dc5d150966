// server/rpc/unary_end.h: room: server/rpc. The end of a unary call that is
// answered later, by whichever thread comes first.
//
// gRPC owns the response of a unary call and frees it once the call has
// finished. A call that waits may be finished by its answer, by its client's
// cancellation or by the end of what it waits for, each on a thread of its own.
// So the end is claimed first, and the response is filled afterwards: it can be
// reached through the claim alone, and only one thread ever gets that.
//
// A stream needs none of this: its messages belong to the stream, which lives
// until gRPC's OnDone().
// Threads: any.
#ifndef FARPOLL_SERVER_RPC_UNARY_END_H_
#define FARPOLL_SERVER_RPC_UNARY_END_H_

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <utility>

#include "absl/status/status.h"
#include "absl/types/optional.h"
#include "server/rpc/convert.h"

namespace farpoll::server {

template <class Response>
class UnaryEnd {
 public:
  // The right to finish the call. Whoever holds it must call Finish(), once.
  class Claim {
   public:
    Claim(const Claim&) = delete;
    Claim& operator=(const Claim&) = delete;
    Claim(Claim&& other) noexcept
        : call_(std::exchange(other.call_, nullptr)),
          response_(std::exchange(other.response_, nullptr)) {}
    Claim& operator=(Claim&&) = delete;

    // To be filled before Finish().
    Response& response() { return *response_; }

    // Ends the call. gRPC may free the response and the call right away.
    void Finish(const absl::Status& status) && {
      response_ = nullptr;
      std::exchange(call_, nullptr)->Finish(ToGrpc(status));
    }

   private:
    friend class UnaryEnd;
    Claim(grpc::ServerUnaryReactor* call, Response* response)
        : call_(call), response_(response) {}

    grpc::ServerUnaryReactor* call_;
    Response* response_;
  };

  // Borrows both, which gRPC keeps until the call has finished.
  UnaryEnd(grpc::ServerUnaryReactor* call, Response* response)
      : call_(call), response_(response) {}

  // The end of the call, for the first who asks; nothing for everybody else.
  absl::optional<Claim> TryClaim() {
    if (claimed_.exchange(true)) {
      return absl::nullopt;
    }
    return Claim(call_, response_);
  }

 private:
  grpc::ServerUnaryReactor* const call_;
  Response* const response_;
  std::atomic<bool> claimed_{false};
};

}  // namespace farpoll::server

#endif  // FARPOLL_SERVER_RPC_UNARY_END_H_
