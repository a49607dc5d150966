// server/rpc/wait_call.h: room: server/rpc. Unary calls that wait: Poll, Select
// and Control, each a wait of one result.
// Threads: gRPC's pool; OnReady and OnEnded from any.
#ifndef FARPOLL_SERVER_RPC_WAIT_CALL_H_
#define FARPOLL_SERVER_RPC_WAIT_CALL_H_

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/optional.h"
#include "base/timeout.h"
#include "farpoll/v1/selector.pb.h"
#include "server/policy/principal.h"
#include "server/session/session_table.h"

namespace farpoll::server {

// What they share: the call finishes once, by the first of a result,
// the end of what it waits on, or its client's cancellation.
class WaitCall : public grpc::ServerUnaryReactor,
                 public WaitSink,
                 public std::enable_shared_from_this<WaitCall> {
 public:
  void OnCancel() override;
  void OnDone() override;
  void OnReady() override { Look(); }
  void OnEnded(absl::Status why) override { FinishOnce(why); }

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
  // The client did not get the answer that was sent.
  virtual void OnUndelivered() {}

  // Finishes the call; false when it is finished already.
  bool FinishOnce(const absl::Status& status);

  std::shared_ptr<Session> session_;  // shared with the session table
  std::atomic<StreamId> wait_{0};

 private:
  std::shared_ptr<WaitCall> self_;  // shared with gRPC, until OnDone
  std::atomic<bool> finished_{false};
  std::atomic<bool> cancelled_{false};
};

// A call that answers with one result of a selector. Should the client not get
// it, the result goes back to the selector.
class ResultCall : public WaitCall {
 protected:
  void Look() final;
  void OnUndelivered() final;
  // Finishes the call with this result.
  void Answer(NamedResult named);

  // Writes the result into the call's response.
  virtual void Fill(const NamedResult& named) = 0;

  Reference selector_;

 private:
  absl::optional<Result> sent_;
};

class PollCall final : public ResultCall {
 public:
  // `caller` is as the gate found it.
  static grpc::ServerUnaryReactor* Start(
      SessionTable& table, const absl::StatusOr<Principal>& caller,
      const v1::PollRequest& request, v1::PollResponse* response);

 private:
  friend class WaitCall;

  explicit PollCall(v1::PollResponse* response) : response_(response) {}

  absl::Status Begin(SessionTable& table, const Principal& caller,
                     const v1::PollRequest& request);
  void Fill(const NamedResult& named) override;

  v1::PollResponse* const response_;
};

class SelectCall final : public WaitCall {
 public:
  // `caller` is as the gate found it.
  static grpc::ServerUnaryReactor* Start(
      SessionTable& table, const absl::StatusOr<Principal>& caller,
      const v1::SelectRequest& request, v1::SelectResponse* response);

 private:
  friend class WaitCall;

  explicit SelectCall(v1::SelectResponse* response) : response_(response) {}

  absl::Status Begin(SessionTable& table, const Principal& caller,
                     const v1::SelectRequest& request);
  void Look() override;
  void Answer(const SelectSets& sets);

  v1::SelectResponse* const response_;
};

class ControlCall final : public ResultCall {
 public:
  // `caller` is as the gate found it.
  static grpc::ServerUnaryReactor* Start(
      SessionTable& table, const absl::StatusOr<Principal>& caller,
      const v1::ControlRequest& request, v1::ControlResponse* response);

 private:
  friend class WaitCall;

  explicit ControlCall(v1::ControlResponse* response) : response_(response) {}

  absl::Status Begin(SessionTable& table, const Principal& caller,
                     const v1::ControlRequest& request);
  void Fill(const NamedResult& named) override;

  v1::ControlResponse* const response_;
};

}  // namespace farpoll::server

#endif  // FARPOLL_SERVER_RPC_WAIT_CALL_H_
