// tests/bench/bare_service.h: room: tests. The floor of the service's
// benchmarks: a gRPC server with farpoll's messages and nothing behind them.
#ifndef FARPOLL_TESTS_BENCH_BARE_SERVICE_H_
#define FARPOLL_TESTS_BENCH_BARE_SERVICE_H_

#include <grpcpp/grpcpp.h>

#include <memory>
#include <mutex>
#include <string>
#include <unordered_set>

#include "farpoll/v1/selector.grpc.pb.h"
#include "tests/support/temporary_folder.h"

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

  // Sends one event on each open stream, with these bytes.
  void Push(const std::string& bytes = "");
  bool streaming();

 private:
  class Stream;
  void Add(Stream* stream);
  void Remove(Stream* stream);

  std::mutex mutex_;
  // Each owns itself until gRPC is done with it.
  std::unordered_set<Stream*> streams_;
};

// A BareService listening on a Unix socket.
class BareServer {
 public:
  BareServer();
  ~BareServer();

  BareService& service() { return service_; }
  std::string address() const;

 private:
  const TemporaryFolder folder_;
  BareService service_;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace farpoll

#endif  // FARPOLL_TESTS_BENCH_BARE_SERVICE_H_
