// G2 and G9: unary calls, many in flight, and one whose answer is ready.
#include <condition_variable>
#include <memory>
#include <mutex>
#include <utility>

#include "absl/strings/str_cat.h"
#include "farpoll/v1/selector.grpc.pb.h"
#include "tests/bench/bare_service.h"
#include "tests/bench/measure.h"
#include "tests/bench/one_core.h"
#include "tests/bench/service_cases.h"

namespace farpoll {
namespace {

constexpr int kRepetitions = 7;
constexpr auto kThroughputTime = std::chrono::milliseconds(400);

// Register, so many in flight.
class RegisterLoad {
 public:
  RegisterLoad(const std::shared_ptr<grpc::Channel>& channel,
               v1::RegisterRequest request, int in_flight)
      : stub_(v1::SelectorService::NewStub(channel)),
        request_(std::move(request)),
        in_flight_(in_flight) {}

  // Calls a second.
  double Run() {
    const SteadyClock::time_point start = SteadyClock::now();
    end_ = start + kThroughputTime;
    done_ = 0;
    running_ = in_flight_;
    for (int i = 0; i < in_flight_; ++i) {
      Call();
    }
    std::unique_lock<std::mutex> lock(mutex_);
    idle_.wait(lock, [this] { return running_ == 0; });
    return static_cast<double>(done_) / (MicrosSince(start) / 1e6);
  }

 private:
  struct OneCall {
    grpc::ClientContext context;
    v1::RegisterResponse response;
  };

  void Call() {
    auto* const call = new OneCall;
    stub_->async()->Register(&call->context, &request_, &call->response,
                             [this, call](const grpc::Status& status) {
                               OrDie(status);
                               delete call;
                               ++done_;
                               if (SteadyClock::now() < end_) {
                                 Call();
                                 return;
                               }
                               const std::lock_guard<std::mutex> lock(mutex_);
                               if (--running_ == 0) {
                                 idle_.notify_all();
                               }
                             });
  }

  const std::unique_ptr<v1::SelectorService::Stub> stub_;
  const v1::RegisterRequest request_;
  const int in_flight_;
  SteadyClock::time_point end_;
  std::atomic<int> done_{0};
  std::mutex mutex_;
  std::condition_variable idle_;
  int running_ = 0;
};

template <class Call>
double UnaryMicros(Call call) {
  const auto nothing = [] {};
  return MedianLatency(call, nothing, nothing);
}

}  // namespace

void BenchRegister(Report& report) {
  const OneCore one_core;
  BareServer bare;
  const FarpollPeer farpoll;
  const auto bare_channel = ChannelTo(bare.address());
  for (const int in_flight : {1, 8, 64}) {
    RegisterLoad bare_load(bare_channel, farpoll.RegisterRequest(), in_flight);
    RegisterLoad farpoll_load(farpoll.channel(), farpoll.RegisterRequest(),
                              in_flight);
    report.Compare("G2", absl::StrCat("Register, ", in_flight, " in flight"),
                   "calls/s", kRepetitions,
                   {{"bare unary", [&] { return bare_load.Run(); }},
                    {"farpoll", [&] { return farpoll_load.Run(); }}});
  }
}

void BenchReady(Report& report) {
  const OneCore one_core;
  BareServer bare;
  const FarpollPeer farpoll;
  const auto bare_stub =
      v1::SelectorService::NewStub(ChannelTo(bare.address()));
  const auto farpoll_stub = v1::SelectorService::NewStub(farpoll.channel());
  v1::PollRequest poll;
  poll.set_session(farpoll.session_id());
  poll.mutable_selector()->set_name("s");
  v1::SelectRequest select;
  select.set_session(farpoll.session_id());
  select.add_read()->set_name("in");
  const auto poll_with = [&](v1::SelectorService::Stub& stub) {
    return UnaryMicros([&] {
      grpc::ClientContext context;
      v1::PollResponse response;
      OrDie(stub.Poll(&context, poll, &response));
    });
  };
  const auto select_with = [&](v1::SelectorService::Stub& stub) {
    return UnaryMicros([&] {
      grpc::ClientContext context;
      v1::SelectResponse response;
      OrDie(stub.Select(&context, select, &response));
    });
  };
  farpoll.Write();
  report.Compare("G9", "Poll, ready, p50", "us", kRepetitions,
                 {{"bare unary", [&] { return poll_with(*bare_stub); }},
                  {"farpoll", [&] { return poll_with(*farpoll_stub); }}});
  report.Compare("G9", "Select, ready, p50", "us", kRepetitions,
                 {{"bare unary", [&] { return select_with(*bare_stub); }},
                  {"farpoll", [&] { return select_with(*farpoll_stub); }}});
  farpoll.Drain();
}

}  // namespace farpoll
