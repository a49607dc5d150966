// G6: how late the first push, or the first call, is after a second or two of
// silence. Each sampler is a client in a process of its own, with a server in
// another, so that nobody else keeps their pollers awake; all sample at once,
// as they sleep nearly all the time.
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <functional>
#include <iostream>
#include <memory>
#include <random>
#include <semaphore>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/client.h"
#include "farpoll/v1/selector.grpc.pb.h"
#include "tests/bench/measure.h"
#include "tests/bench/program.h"
#include "tests/bench/server_process.h"
#include "tests/bench/service_cases.h"

namespace farpoll {
namespace {

constexpr int kSamplers = 4;  // of each kind and way
constexpr int kSamples = 24;  // of each sampler
constexpr double kLateMicros = 5000;

// Somebody whose event is waited for.
class Quiet {
 public:
  explicit Quiet(ServerKind kind)
      : server_(kind),
        stub_(v1::SelectorService::NewStub(ChannelTo(server_.address()))) {}
  virtual ~Quiet() = default;

  virtual void Trigger() = 0;
  virtual void Settle() = 0;
  virtual v1::WaitRequest OpenRequest() const = 0;
  // Asks for readiness once, without waiting.
  virtual v1::PollRequest PollRequest() const = 0;

  v1::SelectorService::Stub& stub() { return *stub_; }

 protected:
  ServerProcess& server() { return server_; }

 private:
  ServerProcess server_;
  const std::unique_ptr<v1::SelectorService::Stub> stub_;
};

class QuietBare final : public Quiet {
 public:
  QuietBare() : Quiet(ServerKind::kBare) {}
  void Trigger() override { server().Push(); }
  void Settle() override {}
  v1::WaitRequest OpenRequest() const override {
    v1::WaitRequest request;
    request.mutable_open()->set_credits(1);
    return request;
  }
  v1::PollRequest PollRequest() const override { return {}; }
};

class QuietFarpoll final : public Quiet {
 public:
  QuietFarpoll()
      : Quiet(ServerKind::kFarpoll),
        session_(
            OrDie(OrDie(Client::Connect(server().address())).CreateSession())),
        handle_(OrDie(session_.Pass(counter_.fd.get()))),
        selector_(OrDie(session_.CreateSelector(v1::SELECTOR_KIND_POLL))) {
    (void)OrDie(selector_.Register(handle_, kIn));
  }
  void Trigger() override { counter_.Raise(); }
  void Settle() override { counter_.Drain(); }
  v1::WaitRequest OpenRequest() const override {
    v1::WaitRequest request;
    request.mutable_open()->set_session(session_.id());
    *request.mutable_open()->mutable_selector() = selector_.ref();
    request.mutable_open()->set_credits(1);
    return request;
  }
  v1::PollRequest PollRequest() const override {
    v1::PollRequest request;
    request.set_session(session_.id());
    *request.mutable_selector() = selector_.ref();
    request.mutable_timeout();
    return request;
  }

 private:
  const LocalCounter counter_;
  Session session_;
  Handle handle_;
  Selector selector_;
};

class Silences {
 public:
  void Keep() {
    std::this_thread::sleep_for(
        std::chrono::milliseconds(milliseconds_(random_)));
  }

 private:
  std::mt19937 random_{static_cast<std::mt19937::result_type>(getpid())};
  std::uniform_int_distribution<int> milliseconds_{1000, 2200};
};

std::vector<double> SamplePushes(Quiet& quiet) {
  grpc::ClientContext context;
  const auto stream = quiet.stub().Wait(&context);
  stream->Write(quiet.OpenRequest());
  stream->WaitForInitialMetadata();
  std::atomic<SteadyClock::time_point> start;
  std::binary_semaphore arrived(0);
  std::thread trigger([&] {
    Silences silences;
    for (int i = 0; i < kSamples; ++i) {
      silences.Keep();
      start = SteadyClock::now();
      quiet.Trigger();
      arrived.acquire();
    }
  });
  std::vector<double> micros;
  for (int i = 0; i < kSamples; ++i) {
    v1::WaitResponse response;
    OrDie(stream->Read(&response), "the stream ended");
    micros.push_back(MicrosSince(start));
    quiet.Settle();
    v1::WaitRequest grant;
    grant.mutable_grant()->set_acknowledge(response.sequence());
    grant.mutable_grant()->set_credits(1);
    stream->Write(grant);
    arrived.release();
  }
  trigger.join();
  context.TryCancel();
  (void)stream->Finish();
  return micros;
}

std::vector<double> SampleCalls(Quiet& quiet) {
  Silences silences;
  std::vector<double> micros;
  for (int i = -1; i < kSamples; ++i) {
    silences.Keep();
    grpc::ClientContext context;
    v1::PollResponse response;
    const SteadyClock::time_point start = SteadyClock::now();
    OrDie(quiet.stub().Poll(&context, quiet.PollRequest(), &response));
    if (i >= 0) {  // the first connects
      micros.push_back(MicrosSince(start));
    }
  }
  return micros;
}

// What the samplers of one kind and way saw.
struct Seen {
  int late = 0;
  double slowest_micros = 0;
};

}  // namespace

int SampleSilence(const std::string& kind, const std::string& way) {
  std::unique_ptr<Quiet> quiet;
  if (kind == "farpoll") {
    quiet = std::make_unique<QuietFarpoll>();
  } else {
    quiet = std::make_unique<QuietBare>();
  }
  for (const double micros :
       way == "push" ? SamplePushes(*quiet) : SampleCalls(*quiet)) {
    std::cout << micros << "\n";
  }
  return 0;
}

void BenchSilence(Report& report) {
  const char* const kinds[] = {"bare", "farpoll"};
  const char* const ways[] = {"push", "unary"};
  std::vector<std::unique_ptr<Program>> samplers;
  for (const char* const way : ways) {
    for (const char* const kind : kinds) {
      for (int i = 0; i < kSamplers; ++i) {
        samplers.push_back(std::make_unique<Program>(std::vector<std::string>{
            "/proc/self/exe", kSilenceFlag, kind, way}));
      }
    }
  }
  auto sampler = samplers.begin();
  for (const char* const way : ways) {
    std::vector<BenchRow> slowest;
    for (const char* const kind : kinds) {
      Seen seen;
      for (int i = 0; i < kSamplers; ++i, ++sampler) {
        for (int sample = 0; sample < kSamples; ++sample) {
          const std::string line = (*sampler)->Hear();
          OrDie(!line.empty(), "a sampler ended too soon");
          const double micros = std::stod(line);
          seen.late += micros > kLateMicros ? 1 : 0;
          seen.slowest_micros = std::max(seen.slowest_micros, micros);
        }
      }
      const std::string peer =
          std::string(kind) == "bare" ? "bare gRPC, callback API" : "farpoll";
      report.Add({"G6",
                  absl::StrCat(way, " after silence, over 5 ms"),
                  peer,
                  static_cast<double>(seen.late),
                  absl::StrCat("of ", kSamplers * kSamples),
                  {}});
      slowest.push_back({"G6",
                         absl::StrCat(way, " after silence, slowest"),
                         peer,
                         seen.slowest_micros / 1000,
                         "ms",
                         {}});
    }
    for (BenchRow& row : slowest) {
      report.Add(std::move(row));
    }
  }
}

}  // namespace farpoll
