// G1: push, on an open Wait stream: farpoll beside what it is made of.
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <atomic>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "base/unique_fd.h"
#include "farpoll/v1/selector.grpc.pb.h"
#include "tests/bench/bare_service.h"
#include "tests/bench/measure.h"
#include "tests/bench/one_core.h"
#include "tests/bench/service_cases.h"

namespace farpoll {
namespace {

using WaitClientStream =
    grpc::ClientReaderWriter<v1::WaitRequest, v1::WaitResponse>;

constexpr int kRepetitions = 7;

// write() to the return of epoll_wait() in another thread.
double WakeMicros() {
  const LocalPipe pipe;
  const UniqueFd answer(eventfd(0, EFD_CLOEXEC));  // reads block
  std::atomic<SteadyClock::rep> woken{0};
  std::thread waiter([&] {
    const UniqueFd set(epoll_create1(EPOLL_CLOEXEC));
    epoll_event event{.events = EPOLLIN, .data = {}};
    epoll_ctl(set.get(), EPOLL_CTL_ADD, pipe.reader.get(), &event);
    for (int round = 0; round < kRounds; ++round) {
      epoll_wait(set.get(), &event, 1, -1);
      woken = SteadyClock::now().time_since_epoch().count();
      pipe.Drain();
      (void)eventfd_write(answer.get(), 1);
    }
  });
  std::vector<double> latencies;
  for (int round = 0; round < kRounds; ++round) {
    std::this_thread::sleep_for(kPause);
    const auto start = SteadyClock::now().time_since_epoch().count();
    pipe.Write();
    eventfd_t value;
    (void)eventfd_read(answer.get(), &value);
    latencies.push_back(static_cast<double>(woken.load() - start) / 1e3);
  }
  waiter.join();
  return Median(std::move(latencies));
}

// A stream to a bare server, ready for pushes.
class BarePush {
 public:
  explicit BarePush(BareServer& bare)
      : bare_(bare),
        stub_(v1::SelectorService::NewStub(ChannelTo(bare.address()))),
        stream_(stub_->Wait(&context_)) {
    v1::WaitRequest request;
    request.mutable_open()->set_credits(1);
    stream_->Write(request);
    while (!bare_.service().streaming()) {
      std::this_thread::yield();
    }
  }
  ~BarePush() {
    stream_->WritesDone();
    (void)stream_->Finish();
    while (bare_.service().streaming()) {
      std::this_thread::yield();
    }
  }

  void Read() {
    v1::WaitResponse response;
    stream_->Read(&response);
  }
  void Grant() {
    v1::WaitRequest request;
    request.mutable_grant()->set_acknowledge(1);
    request.mutable_grant()->set_credits(1);
    stream_->Write(request);
  }

 private:
  BareServer& bare_;
  grpc::ClientContext context_;
  std::unique_ptr<v1::SelectorService::Stub> stub_;
  std::unique_ptr<WaitClientStream> stream_;
};

// A push from this thread to the client.
double BareMessageMicros(BareServer& bare) {
  BarePush push(bare);
  return MedianLatency([&] { bare.service().Push(); }, [&] { push.Read(); },
                       [&] { push.Grant(); });
}

// write() -> epoll_wait() in a thread -> push -> client.
double BareEpollPushMicros(BareServer& bare) {
  BarePush push(bare);
  const LocalPipe pipe;
  std::thread waiter([&] {
    const UniqueFd set(epoll_create1(EPOLL_CLOEXEC));
    epoll_event event{.events = EPOLLIN, .data = {}};
    epoll_ctl(set.get(), EPOLL_CTL_ADD, pipe.reader.get(), &event);
    for (int round = 0; round < kRounds; ++round) {
      epoll_wait(set.get(), &event, 1, -1);
      pipe.Drain();
      bare.service().Push();
    }
  });
  const double median = MedianLatency(
      [&] { pipe.Write(); }, [&] { push.Read(); }, [&] { push.Grant(); });
  waiter.join();
  return median;
}

}  // namespace

double FarpollPushMicros(const FarpollPeer& farpoll) {
  const auto stub = v1::SelectorService::NewStub(farpoll.channel());
  grpc::ClientContext context;
  const auto stream = stub->Wait(&context);
  stream->Write(farpoll.OpenRequest());
  v1::WaitResponse response;
  const double median = MedianLatency(
      [&] { farpoll.Write(); }, [&] { stream->Read(&response); },
      [&] {
        farpoll.Drain();
        v1::WaitRequest request;
        request.mutable_grant()->set_acknowledge(response.sequence());
        request.mutable_grant()->set_credits(1);
        stream->Write(request);
      });
  context.TryCancel();
  (void)stream->Finish();
  farpoll.AwaitIdle("s");
  return median;
}

void BenchPush(Report& report) {
  const OneCore one_core;
  BareServer bare;
  const FarpollPeer farpoll;
  report.Compare(
      "G1", "push, open Wait stream, p50", "us", kRepetitions,
      {{"epoll wake + gRPC message",
        [&] { return WakeMicros() + BareMessageMicros(bare); }},
       {"bare epoll and push", [&] { return BareEpollPushMicros(bare); }},
       {"farpoll", [&] { return FarpollPushMicros(farpoll); }}});
}

}  // namespace farpoll
