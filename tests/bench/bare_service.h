// tests/bench/bare_service.h: room: tests. The floor of the service's
// benchmarks: a gRPC server with farpoll's messages and nothing behind them.
#ifndef FARPOLL_TESTS_BENCH_BARE_SERVICE_H_
#define FARPOLL_TESTS_BENCH_BARE_SERVICE_H_

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <memory>
#include <string>

#include "farpoll/v1/selector.grpc.pb.h"

namespace farpoll {

// Answers at once what farpoll would answer, with the same callback API.
class BareService final : public v1::SelectorService::CallbackService {
 public:
  grpc::ServerUnaryReactor* Register(grpc::CallbackServerContext* context,
                                     const v1::RegisterRequest* request,
                                     v1::RegisterResponse* response) override;
  grpc::ServerUnaryReactor* Poll(grpc::CallbackServerContext* context,
                                 const v1::PollRequest* request,
                                 v1::PollResponse* response) override;
  grpc::ServerUnaryReactor* Select(grpc::CallbackServerContext* context,
                                   const v1::SelectRequest* request,
                                   v1::SelectResponse* response) override;
  grpc::ServerBidiReactor<v1::WaitRequest, v1::WaitResponse>* Wait(
      grpc::CallbackServerContext* context) override;

  // Sends one event on the stream opened last. One push at a time: the client
  // reads it before the next.
  void Push();
  bool streaming() const { return stream_ != nullptr; }

 private:
  class Stream;
  std::atomic<Stream*> stream_{nullptr};  // owns itself until gRPC is done
};

// A BareService listening on a free port of loopback.
class BareServer {
 public:
  BareServer();
  ~BareServer();

  BareService& service() { return service_; }
  std::string address() const;

 private:
  BareService service_;
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace farpoll

#endif  // FARPOLL_TESTS_BENCH_BARE_SERVICE_H_
