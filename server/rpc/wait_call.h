// server/rpc/wait_call.h: room: server/rpc. Unary calls that wait: Poll, Select
// and Control, each a wait of one result.
// Threads: gRPC's pool; OnReady and OnEnded from any.
#ifndef FARPOLL_SERVER_RPC_WAIT_CALL_H_
#define FARPOLL_SERVER_RPC_WAIT_CALL_H_

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/optional.h"
#include "base/timeout.h"
#include "farpoll/v1/selector.pb.h"
#include "server/policy/principal.h"
#include "server/rpc/unary_end.h"
#include "server/session/session_table.h"

namespace farpoll::server {

// What they share: the call finishes once, by the first of a result, the end of
// what it waits on, or its client's cancellation (unary_end.h).
class WaitCall : public grpc::ServerUnaryReactor,
                 public WaitSink,
                 public std::enable_shared_from_this<WaitCall> {
 public:
  void OnCancel() override;
  void OnDone() override;
  void OnReady() override { Look(); }
  void OnEnded(absl::Status why) override { Fail(why); }

 protected:
  // Begins `call` for `request` and lets gRPC hold it until OnDone().
  template <class Call, class Request>
  static grpc::ServerUnaryReactor* Run(std::shared_ptr<Call> call,
                                       SessionTable& table,
                                       const absl::StatusOr<Principal>& caller,
                                       const Request& request);

  // Judges the form of the request's timeout and finds its session, which must
  // be the caller's.
  //   Errors: INVALID_ARGUMENT, NOT_FOUND.
  template <class Request>
  absl::StatusOr<Timeout> Open(SessionTable& table, const Principal& caller,
                               const Request& request);

  // Answers if there is a result by now.
  virtual void Look() = 0;
  // Finishes the call without an answer, unless it is finished already.
  virtual void Fail(const absl::Status& why) = 0;
  // The client did not get the answer that was sent.
  virtual void OnUndelivered() {}

  std::shared_ptr<Session> session_;  // shared with the session table
  std::atomic<StreamId> wait_{0};

 private:
  std::shared_ptr<WaitCall> self_;  // shared with gRPC, until OnDone
  std::atomic<bool> cancelled_{false};
};

// A call that answers with a `Response`.
template <class Response>
class WaitCallOf : public WaitCall {
 protected:
  explicit WaitCallOf(Response* response) : end_(this, response) {}

  void Fail(const absl::Status& why) final {
    if (auto claim = end_.TryClaim()) {
      std::move(*claim).Finish(why);
    }
  }

  UnaryEnd<Response> end_;
};

// A call that answers with one result of a selector. Should the client not get
// it, the result goes back to the selector.
template <class Response>
class ResultCall : public WaitCallOf<Response> {
 protected:
  using WaitCallOf<Response>::WaitCallOf;

  void Look() final;
  void OnUndelivered() final;
  // Finishes the call with this result.
  void Answer(NamedResult named);

  // Writes the result into the call's response.
  virtual void Fill(const NamedResult& named, Response& response) = 0;

  Reference selector_;

 private:
  absl::optional<Result> sent_;
};

class PollCall final : public ResultCall<v1::PollResponse> {
 public:
  // `caller` is as the gate found it.
  static grpc::ServerUnaryReactor* Start(
      SessionTable& table, const absl::StatusOr<Principal>& caller,
      const v1::PollRequest& request, v1::PollResponse* response);

 private:
  friend class WaitCall;

  using ResultCall::ResultCall;

  absl::Status Begin(SessionTable& table, const Principal& caller,
                     const v1::PollRequest& request);
  void Fill(const NamedResult& named, v1::PollResponse& response) override;
};

class SelectCall final : public WaitCallOf<v1::SelectResponse> {
 public:
  // `caller` is as the gate found it.
  static grpc::ServerUnaryReactor* Start(
      SessionTable& table, const absl::StatusOr<Principal>& caller,
      const v1::SelectRequest& request, v1::SelectResponse* response);

 private:
  friend class WaitCall;

  using WaitCallOf::WaitCallOf;

  absl::Status Begin(SessionTable& table, const Principal& caller,
                     const v1::SelectRequest& request);
  void Look() override;
  void Answer(const SelectSets& sets);
};

class ControlCall final : public ResultCall<v1::ControlResponse> {
 public:
  // `caller` is as the gate found it.
  static grpc::ServerUnaryReactor* Start(
      SessionTable& table, const absl::StatusOr<Principal>& caller,
      const v1::ControlRequest& request, v1::ControlResponse* response);

 private:
  friend class WaitCall;

  using ResultCall::ResultCall;

  absl::Status Begin(SessionTable& table, const Principal& caller,
                     const v1::ControlRequest& request);
  void Fill(const NamedResult& named, v1::ControlResponse& response) override;
};

}  // namespace farpoll::server

#endif  // FARPOLL_SERVER_RPC_WAIT_CALL_H_
