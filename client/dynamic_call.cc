#include "client/dynamic_call.h"

#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include <thread>
#include <vector>

#include "base/mutex.h"
#include "client/connection.h"

namespace farpoll::client {
namespace {

grpc::ByteBuffer ToBuffer(absl::string_view message) {
  const grpc::Slice slice(message.data(), message.size());
  return grpc::ByteBuffer(&slice, 1);
}

std::string FromBuffer(const grpc::ByteBuffer& buffer) {
  std::vector<grpc::Slice> slices;
  std::string message;
  if (buffer.Dump(&slices).ok()) {
    for (const grpc::Slice& slice : slices) {
      message.append(reinterpret_cast<const char*>(slice.begin()),
                     slice.size());
    }
  }
  return message;
}

// One kind of completion; its address is the tag.
struct Step {};

// A stream whose reads happen in one thread and whose writes in another; the
// reading one turns the completion queue for both.
class StreamCall {
 public:
  StreamCall(Connection& connection, const std::string& method,
             absl::Duration limit)
      : call_(connection, limit),
        stub_(connection.channel()),
        stream_(stub_.PrepareCall(&call_.context(), method, &queue_)) {
    stream_->StartCall(&start_);
    started_ = Await(&start_);
  }

  ~StreamCall() {
    queue_.Shutdown();
    void* tag = nullptr;
    bool ok = false;
    while (queue_.Next(&tag, &ok)) {
    }
  }

  bool started() const { return started_; }
  void Cancel() { call_.context().TryCancel(); }

  // Blocks for the next response; false at the end. Threads: the reading one.
  bool Read(std::string* message) {
    grpc::ByteBuffer buffer;
    stream_->Read(&buffer, &read_);
    if (!Await(&read_)) {
      return false;
    }
    *message = FromBuffer(buffer);
    return true;
  }

  // Sends a request, or (without one) says that there are no more. False when
  // the call is over. Threads: the writing one, while the other reads.
  bool Write(const absl::optional<std::string>& message)
      ABSL_LOCKS_EXCLUDED(mutex_) {
    MutexLock lock(&mutex_);
    if (reading_over_) {
      return false;
    }
    write_done_ = false;
    if (message.has_value()) {
      stream_->Write(ToBuffer(*message), &write_);
    } else {
      stream_->WritesDone(&write_);
    }
    while (!write_done_) {
      written_.Wait(&mutex_);
    }
    return write_ok_;
  }

  // Ends the call. After it Write() returns at once.
  absl::Status Finish() ABSL_LOCKS_EXCLUDED(mutex_) {
    {
      MutexLock lock(&mutex_);
      reading_over_ = true;
    }
    grpc::Status status;
    stream_->Finish(&status, &finish_);
    Await(&finish_);
    // A write that was under way has failed by now; its thread must hear of it.
    while (WriteInProgress()) {
      Turn();
    }
    return FromGrpc(status);
  }

 private:
  bool WriteInProgress() ABSL_LOCKS_EXCLUDED(mutex_) {
    MutexLock lock(&mutex_);
    return !write_done_;
  }

  // Turns the queue until `step` is complete; tells whether it went well.
  bool Await(const Step* step) {
    for (;;) {
      const Completion done = Turn();
      if (done.step == step || done.step == nullptr) {
        return done.ok;
      }
    }
  }

  struct Completion {
    const Step* step;
    bool ok;
  };

  // Takes one completion, and wakes the writer when it is the writer's.
  Completion Turn() ABSL_LOCKS_EXCLUDED(mutex_) {
    void* tag = nullptr;
    bool ok = false;
    if (!queue_.Next(&tag, &ok)) {
      return {nullptr, false};
    }
    if (tag == &write_) {
      MutexLock lock(&mutex_);
      write_done_ = true;
      write_ok_ = ok;
      written_.SignalAll();
    }
    return {static_cast<const Step*>(tag), ok};
  }

  Step start_;
  Step read_;
  Step write_;
  Step finish_;

  grpc::CompletionQueue queue_;
  Connection::Call call_;
  grpc::GenericStub stub_;
  const std::unique_ptr<grpc::GenericClientAsyncReaderWriter> stream_;
  bool started_ = false;

  Mutex mutex_;
  CondVar written_;
  bool write_done_ ABSL_GUARDED_BY(mutex_) = true;
  bool write_ok_ ABSL_GUARDED_BY(mutex_) = false;
  bool reading_over_ ABSL_GUARDED_BY(mutex_) = false;
};

// Sends requests until there are no more; returns what stopped it early.
absl::Status SendAll(StreamCall& call, const NextRequest& next_request) {
  for (;;) {
    absl::StatusOr<absl::optional<std::string>> request = next_request();
    if (!request.ok()) {
      call.Cancel();
      return request.status();
    }
    if (!call.Write(*request) || !request->has_value()) {
      return absl::OkStatus();
    }
  }
}

}  // namespace

absl::StatusOr<std::string> DynamicCaller::Unary(const std::string& method,
                                                 absl::string_view request,
                                                 absl::Duration limit) {
  Connection::Call call(*connection_, limit);
  grpc::CompletionQueue queue;
  grpc::GenericStub stub(connection_->channel());
  const auto reader =
      stub.PrepareUnaryCall(&call.context(), method, ToBuffer(request), &queue);
  reader->StartCall();
  grpc::ByteBuffer response;
  grpc::Status status;
  reader->Finish(&response, &status, nullptr);
  void* tag = nullptr;
  bool ok = false;
  (void)queue.Next(&tag, &ok);
  if (!status.ok()) {
    return FromGrpc(status);
  }
  return FromBuffer(response);
}

absl::Status DynamicCaller::Stream(const std::string& method,
                                   NextRequest next_request,
                                   const std::function<void()>& stop_requests,
                                   const OnResponse& on_response,
                                   absl::Duration limit) {
  StreamCall call(*connection_, method, limit);
  absl::Status sent;
  absl::Status received;
  std::thread sender;
  if (call.started()) {
    sender = std::thread([&] { sent = SendAll(call, next_request); });
    std::string response;
    while (received.ok() && call.Read(&response)) {
      received = on_response(response);
    }
  }
  if (!received.ok()) {
    call.Cancel();
  }
  const absl::Status status = call.Finish();
  if (sender.joinable()) {
    stop_requests();
    sender.join();
  }
  return !received.ok() ? received : !sent.ok() ? sent : status;
}

}  // namespace farpoll::client
