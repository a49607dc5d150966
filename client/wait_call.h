// client/wait_call.h: room: client, private to it. One Wait over one
// connection, from its opening to its end. It has a completion queue of its own
// rather than the blocking stubs, since those know no deadline but the whole
// call's.
// Threads: one; Cancel() from any.
// Source: farpoll/v1/selector.proto, Wait.
#ifndef FARPOLL_CLIENT_WAIT_CALL_H_
#define FARPOLL_CLIENT_WAIT_CALL_H_

#include <grpcpp/grpcpp.h>

#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "absl/types/optional.h"
#include "base/clock.h"
#include "client/connection.h"
#include "farpoll/v1/selector.grpc.pb.h"

namespace farpoll::client {

class WaitCall {
 public:
  // Starts the call; `open` goes out with the next step. A patient one waits
  // for a server that is away, as long as its steps do; another is over at
  // once.
  WaitCall(Connection& connection, const v1::WaitOpen& open, bool patient);
  // Cancels it when it is not over.
  ~WaitCall();
  WaitCall(const WaitCall&) = delete;
  WaitCall& operator=(const WaitCall&) = delete;

  // What a step came to: a message is there, all is sent, the call is over, or
  // the deadline came first and the step may be taken again.
  enum class Step { kMessage, kSent, kOver, kDeadline };

  // Sends what is to be sent: kSent, kOver or kDeadline.
  Step Send(MonotonicTime deadline);
  // The next message, after sending: kMessage, kOver or kDeadline.
  Step Read(v1::WaitResponse* response, MonotonicTime deadline);
  // Acknowledges results up to `sequence` and grants a credit, with the next
  // step.
  void Grant(std::int64_t sequence);

  void Cancel() { call_.context().TryCancel(); }

  // Since when the server has the wait on; kNever: it has not said so.
  MonotonicTime on_since() const { return on_since_; }
  // How it ended, once it is over.
  const absl::Status& status() const { return status_; }

 private:
  enum class Tag : std::intptr_t { kStart = 1, kWrite, kOn, kRead, kFinish };

  static void* Of(Tag tag) { return reinterpret_cast<void*>(tag); }

  // Starts what can be started, and waits for one thing to be done; false when
  // the deadline comes first.
  bool Advance(MonotonicTime deadline);
  void OnDone(Tag tag, bool ok);
  void StartWrite();
  void StartFinish();

  grpc::CompletionQueue queue_;
  Connection::Call call_;
  const std::unique_ptr<
      grpc::ClientAsyncReaderWriter<v1::WaitRequest, v1::WaitResponse>>
      stream_;

  bool started_ = false;
  bool writing_ = false;
  bool reading_ = false;
  bool broken_ = false;     // nothing more can be sent
  bool finishing_ = false;  // no more messages
  bool over_ = false;
  MonotonicTime on_since_ = kNever;
  bool answered_ = false;  // the wait is on, or the call is over
  absl::optional<v1::WaitRequest> to_send_;
  v1::WaitResponse incoming_;
  bool has_message_ = false;
  grpc::Status grpc_status_;
  absl::Status status_;
};

}  // namespace farpoll::client

#endif  // FARPOLL_CLIENT_WAIT_CALL_H_
