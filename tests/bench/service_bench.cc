// tests/bench/service_bench.cc: room: tests. The service beside bare gRPC with
// the same messages: G1, G2 and G9 of docs/performance.md. Servers and client
// are in one process, on one core, over loopback TCP.
//   ./bazelw run -c opt //tests/bench:service_bench -- --json FILE
#include <dirent.h>
#include <fcntl.h>
#include <grpcpp/grpcpp.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "base/unique_fd.h"
#include "farpoll/v1/handle.grpc.pb.h"
#include "farpoll/v1/selector.grpc.pb.h"
#include "farpoll/v1/session.grpc.pb.h"
#include "server/server.h"
#include "tests/bench/bare_service.h"
#include "tests/bench/one_core.h"
#include "tests/bench/report.h"
#include "tests/support/fd_fixtures.h"

namespace farpoll {
namespace {

using SteadyClock = std::chrono::steady_clock;
using WaitClientStream =
    grpc::ClientReaderWriter<v1::WaitRequest, v1::WaitResponse>;

constexpr int kRepetitions = 7;
constexpr int kRounds = 300;  // of a latency sample
constexpr auto kThroughputTime = std::chrono::milliseconds(400);
// Between rounds: long enough for everybody to go back to waiting.
constexpr auto kPause = std::chrono::microseconds(300);

double MicrosSince(SteadyClock::time_point start) {
  return std::chrono::duration<double, std::micro>(SteadyClock::now() - start)
      .count();
}

template <class T>
T OrDie(absl::StatusOr<T> value) {
  if (!value.ok()) {
    std::cerr << value.status() << "\n";
    exit(1);
  }
  return *std::move(value);
}

void OrDie(const grpc::Status& status) {
  if (!status.ok()) {
    std::cerr << status.error_code() << ": " << status.error_message() << "\n";
    exit(1);
  }
}

std::shared_ptr<grpc::Channel> ChannelTo(const std::string& address) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(),
                                   arguments);
}

// The descriptors that this process has open.
std::set<int> OpenDescriptors() {
  std::set<int> open;
  DIR* const folder = opendir("/proc/self/fd");
  while (const dirent* const entry = readdir(folder)) {
    if (entry->d_name[0] != '.') {
      open.insert(atoi(entry->d_name));
    }
  }
  open.erase(dirfd(folder));
  closedir(folder);
  return open;
}

// A farpoll server with a session, a pipe and a POLL selector that has its read
// end; and this process's own copies of the pipe's ends, so that a write is the
// kernel's and no RPC's.
class FarpollPeer {
 public:
  FarpollPeer() : server_(OrDie(StartServer())) {
    channel_ = ChannelTo(server_->addresses().front());
    v1::CreateSessionResponse session;
    grpc::ClientContext make_session;
    OrDie(v1::SessionService::NewStub(channel_)->CreateSession(
        &make_session, v1::CreateSessionRequest(), &session));
    session_ = session.session().id();
    MakePipe();
    v1::CreateSelectorRequest selector;
    selector.set_session(session_);
    selector.set_kind(v1::SELECTOR_KIND_POLL);
    selector.set_name("s");
    v1::CreateSelectorResponse made;
    grpc::ClientContext make_selector;
    stub_ = v1::SelectorService::NewStub(channel_);
    OrDie(stub_->CreateSelector(&make_selector, selector, &made));
    v1::RegisterResponse registered;
    grpc::ClientContext do_register;
    OrDie(stub_->Register(&do_register, RegisterRequest(), &registered));
  }

  const std::shared_ptr<grpc::Channel>& channel() const { return channel_; }
  const std::string& session() const { return session_; }

  void Write() const { (void)!write(writer_.get(), "x", 1); }
  void Drain() const {
    char byte;
    (void)!read(reader_.get(), &byte, 1);
  }

  v1::RegisterRequest RegisterRequest() const {
    v1::RegisterRequest request;
    request.set_session(session_);
    request.mutable_selector()->set_name("s");
    v1::Interest* const item = request.add_items();
    item->mutable_handle()->set_name("in");
    item->set_events(v1::EVENT_BIT_IN);
    return request;
  }

  v1::WaitRequest OpenRequest() const {
    v1::WaitRequest request;
    request.mutable_open()->set_session(session_);
    request.mutable_open()->mutable_selector()->set_name("s");
    request.mutable_open()->set_credits(1);
    return request;
  }

 private:
  static absl::StatusOr<std::unique_ptr<server::Server>> StartServer() {
    return server::Server::Start({.listen = {"127.0.0.1:0"}});
  }

  void MakePipe() {
    const std::set<int> before = OpenDescriptors();
    v1::CreatePipeRequest request;
    request.set_session(session_);
    request.set_reader_name("in");
    v1::CreatePipeResponse response;
    grpc::ClientContext context;
    OrDie(v1::HandleService::NewStub(channel_)->CreatePipe(&context, request,
                                                           &response));
    for (const int fd : OpenDescriptors()) {
      char link[64] = {};
      if (before.contains(fd) ||
          readlink(absl::StrCat("/proc/self/fd/", fd).c_str(), link,
                   sizeof(link) - 1) < 0 ||
          std::string(link).rfind("pipe:", 0) != 0) {
        continue;
      }
      const bool writer = (fcntl(fd, F_GETFL) & O_ACCMODE) == O_WRONLY;
      (writer ? writer_ : reader_).Reset(fcntl(fd, F_DUPFD_CLOEXEC, 0));
    }
  }

  const std::unique_ptr<server::Server> server_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::SelectorService::Stub> stub_;
  std::string session_;
  UniqueFd reader_;
  UniqueFd writer_;
};

// The median of kRounds latencies, each a `trigger` and an `arrival`, which
// blocks; `settle` puts things back.
double MedianLatency(const std::function<void()>& trigger,
                     const std::function<void()>& arrival,
                     const std::function<void()>& settle) {
  std::vector<double> latencies;
  for (int round = 0; round < kRounds; ++round) {
    std::this_thread::sleep_for(kPause);
    const SteadyClock::time_point start = SteadyClock::now();
    trigger();
    arrival();
    latencies.push_back(MicrosSince(start));
    settle();
  }
  return Median(std::move(latencies));
}

// ---- G1: push.

// write() to the return of epoll_wait() in another thread.
double WakeMicros() {
  const Pipe pipe;
  const UniqueFd answer(eventfd(0, EFD_CLOEXEC));  // reads block
  std::atomic<SteadyClock::rep> woken{0};
  std::thread waiter([&] {
    const UniqueFd set(epoll_create1(EPOLL_CLOEXEC));
    epoll_event event{.events = EPOLLIN, .data = {}};
    epoll_ctl(set.get(), EPOLL_CTL_ADD, pipe.reader(), &event);
    for (int round = 0; round < kRounds; ++round) {
      epoll_wait(set.get(), &event, 1, -1);
      woken = SteadyClock::now().time_since_epoch().count();
      char byte;
      (void)!read(pipe.reader(), &byte, 1);
      (void)eventfd_write(answer.get(), 1);
    }
  });
  std::vector<double> latencies;
  for (int round = 0; round < kRounds; ++round) {
    std::this_thread::sleep_for(kPause);
    const auto start = SteadyClock::now().time_since_epoch().count();
    (void)!write(pipe.writer(), "x", 1);
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
    stream_->Write(v1::WaitRequest());
    while (!bare_.service().streaming()) {
      std::this_thread::yield();
    }
  }
  ~BarePush() {
    stream_->WritesDone();
    (void)stream_->Finish();
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
  const Pipe pipe;
  std::thread waiter([&] {
    const UniqueFd set(epoll_create1(EPOLL_CLOEXEC));
    epoll_event event{.events = EPOLLIN, .data = {}};
    epoll_ctl(set.get(), EPOLL_CTL_ADD, pipe.reader(), &event);
    for (int round = 0; round < kRounds; ++round) {
      epoll_wait(set.get(), &event, 1, -1);
      char byte;
      (void)!read(pipe.reader(), &byte, 1);
      bare.service().Push();
    }
  });
  const double median =
      MedianLatency([&] { (void)!write(pipe.writer(), "x", 1); },
                    [&] { push.Read(); }, [&] { push.Grant(); });
  waiter.join();
  return median;
}

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
  return median;
}

void BenchPush(Report& report, BareServer& bare, const FarpollPeer& farpoll) {
  report.Compare(
      "G1", "push, open Wait stream, p50", "us", kRepetitions,
      {{"epoll wake + gRPC message",
        [&] { return WakeMicros() + BareMessageMicros(bare); }},
       {"bare epoll and push", [&] { return BareEpollPushMicros(bare); }},
       {"farpoll", [&] { return FarpollPushMicros(farpoll); }}});
}

// ---- G2: Register, unary, so many in flight.

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

void BenchRegister(Report& report, BareServer& bare,
                   const FarpollPeer& farpoll) {
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

// ---- G9: unary waits whose answer is ready.

template <class Call>
double UnaryMicros(Call call) {
  const auto nothing = [] {};
  return MedianLatency(call, nothing, nothing);
}

void BenchReady(Report& report, BareServer& bare, const FarpollPeer& farpoll) {
  const auto bare_stub =
      v1::SelectorService::NewStub(ChannelTo(bare.address()));
  const auto farpoll_stub = v1::SelectorService::NewStub(farpoll.channel());
  v1::PollRequest poll;
  poll.set_session(farpoll.session());
  poll.mutable_selector()->set_name("s");
  v1::SelectRequest select;
  select.set_session(farpoll.session());
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

int Main(int argc, char** argv) {
  Report report(argc, argv);
  const OneCore one_core;
  BareServer bare;
  const FarpollPeer farpoll;
  BenchPush(report, bare, farpoll);
  BenchRegister(report, bare, farpoll);
  BenchReady(report, bare, farpoll);
  return report.Finish();
}

}  // namespace
}  // namespace farpoll

int main(int argc, char** argv) { return farpoll::Main(argc, argv); }
