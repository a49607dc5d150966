// client/connection.h: room: client, private to it. One channel, its stubs and
// the calls in progress on it.
// Threads: any.
#ifndef FARPOLL_CLIENT_CONNECTION_H_
#define FARPOLL_CLIENT_CONNECTION_H_

#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "client/passing.h"
#include "client/pause.h"
#include "client/status.h"
#include "farpoll/v1/handle.grpc.pb.h"
#include "farpoll/v1/observer.grpc.pb.h"
#include "farpoll/v1/selector.grpc.pb.h"
#include "farpoll/v1/server.grpc.pb.h"
#include "farpoll/v1/session.grpc.pb.h"

namespace farpoll::client {

// A deadline as gRPC's queues and alarms take it.
gpr_timespec ToGpr(MonotonicTime deadline);

// Shared by a Client and everything made through it; the last one closes it.
class Connection {
 public:
  // `address` is where the channel goes; empty when nobody knows.
  Connection(std::shared_ptr<grpc::Channel> channel, std::string address,
             absl::Duration call_timeout);

  // One call, from construction to destruction; Cancel() reaches it meanwhile.
  class Call {
   public:
    // `limit`: how long it may take; infinite = for ever.
    Call(Connection& connection, absl::Duration limit);
    ~Call();
    Call(const Call&) = delete;
    Call& operator=(const Call&) = delete;

    grpc::ClientContext& context() { return context_; }

   private:
    Connection& connection_;
    grpc::ClientContext context_;
  };

  // Has Cancel() end `pause`, and ends it now when Cancel() was called.
  // Borrowed until Forget().
  void EndOnCancel(Pause* pause) ABSL_LOCKS_EXCLUDED(mutex_);
  void Forget(Pause* pause) ABSL_LOCKS_EXCLUDED(mutex_);

  // A unary call: Unary(handles(), &v1::HandleService::Stub::Read, request).
  template <typename Stub, typename Request, typename Response>
  absl::StatusOr<Response> Unary(
      Stub& stub,
      grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                   Response*),
      const Request& request, absl::Duration limit) {
    Call call(*this, limit);
    Response response;
    const grpc::Status status =
        (stub.*method)(&call.context(), request, &response);
    if (!status.ok()) {
      return FromGrpc(status);
    }
    return response;
  }

  template <typename Stub, typename Request, typename Response>
  absl::StatusOr<Response> Unary(
      Stub& stub,
      grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                   Response*),
      const Request& request) {
    return Unary(stub, method, request, call_timeout_);
  }

  // As Unary, for what makes something. Cancel() ends it only before it begins:
  // what a call makes that nobody waits for any more would have no owner.
  template <typename Stub, typename Request, typename Response>
  absl::StatusOr<Response> Make(
      Stub& stub,
      grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                   Response*),
      const Request& request) {
    if (cancelled()) {
      return absl::CancelledError("the client was cancelled");
    }
    grpc::ClientContext context;
    SetLimit(context, call_timeout_);
    Response response;
    const grpc::Status status = (stub.*method)(&context, request, &response);
    if (!status.ok()) {
      return FromGrpc(status);
    }
    return response;
  }

  // As Unary, for closing what a destructor owns: Cancel() does not stop it,
  // and it takes no longer than two seconds.
  template <typename Stub, typename Request, typename Response>
  absl::Status CleanUp(Stub& stub,
                       grpc::Status (Stub::*method)(grpc::ClientContext*,
                                                    const Request&, Response*),
                       const Request& request) {
    grpc::ClientContext context;
    SetLimit(context, absl::Seconds(2));
    Response response;
    return FromGrpc((stub.*method)(&context, request, &response));
  }

  // Ends the calls in progress and those to come with CANCELLED, but for those
  // in progress that make something.
  void Cancel() ABSL_LOCKS_EXCLUDED(mutex_);

  // A request by which descriptors travel; see passing.h.
  absl::StatusOr<PassingAnswer> Passing(const v1::PassingRequest& request,
                                        absl::Span<const int> descriptors) {
    return CallPassing(address_, call_timeout_, request, descriptors);
  }

  // The descriptor that `request` asks for.
  absl::StatusOr<UniqueFd> Fetch(const v1::PassingRequest& request);

  absl::Duration call_timeout() const { return call_timeout_; }
  const std::shared_ptr<grpc::Channel>& channel() const { return channel_; }
  v1::SessionService::Stub& sessions() { return *sessions_; }
  v1::HandleService::Stub& handles() { return *handles_; }
  v1::SelectorService::Stub& selectors() { return *selectors_; }
  v1::ObserverService::Stub& observers() { return *observers_; }
  v1::ServerService::Stub& server() { return *server_; }

 private:
  static void SetLimit(grpc::ClientContext& context, absl::Duration limit);
  bool cancelled() ABSL_LOCKS_EXCLUDED(mutex_) {
    MutexLock lock(&mutex_);
    return cancelled_;
  }

  const std::shared_ptr<grpc::Channel> channel_;
  const std::string address_;
  const absl::Duration call_timeout_;
  const std::unique_ptr<v1::SessionService::Stub> sessions_;
  const std::unique_ptr<v1::HandleService::Stub> handles_;
  const std::unique_ptr<v1::SelectorService::Stub> selectors_;
  const std::unique_ptr<v1::ObserverService::Stub> observers_;
  const std::unique_ptr<v1::ServerService::Stub> server_;

  Mutex mutex_;
  bool cancelled_ ABSL_GUARDED_BY(mutex_) = false;
  absl::flat_hash_set<grpc::ClientContext*> in_progress_
      ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_set<Pause*> pauses_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace farpoll::client

#endif  // FARPOLL_CLIENT_CONNECTION_H_
