// G4 and G5: ten thousand Wait streams on one connection: what an idle one
// costs, and how long one event takes to reach them all. The servers are
// processes of their own.
#include <sys/resource.h>

#include <algorithm>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/client.h"
#include "farpoll/v1/selector.grpc.pb.h"
#include "tests/bench/measure.h"
#include "tests/bench/one_core.h"
#include "tests/bench/server_process.h"
#include "tests/bench/service_cases.h"

namespace farpoll {
namespace {

constexpr int kMostStreams = 10'000;
// Linux lets a file be in 500 epoll sets that are in another one (EINVAL).
constexpr int kStreamsToACounter = 400;
constexpr int kRepetitions = 7;
// A selector takes two descriptors of its server; so many are for the rest.
constexpr int kOtherDescriptors = 1000;
// Long enough for ten thousand grants to be dealt with.
constexpr auto kSettle = std::chrono::milliseconds(500);
constexpr auto kIdle = std::chrono::seconds(5);

// As many streams as the limit of descriptors lets a server wait on, ten
// thousand at most.
int CountStreams() {
  rlimit limit = {};
  (void)getrlimit(RLIMIT_NOFILE, &limit);
  const auto descriptors =
      static_cast<std::int64_t>(std::min<rlim_t>(limit.rlim_max, 1 << 20));
  return static_cast<int>(std::clamp<std::int64_t>(
      (descriptors - kOtherDescriptors) / 2, 1, kMostStreams));
}

// Lets a thread wait until something has happened on each stream.
class Tally {
 public:
  explicit Tally(int streams) : streams_(streams) {}

  void Count() {
    const std::lock_guard lock(mutex_);
    if (++count_ == streams_) {
      full_.notify_all();
    }
  }
  // Returns when it has happened on each since the last call.
  void Await() {
    std::unique_lock lock(mutex_);
    full_.wait(lock, [this] { return count_ >= streams_; });
    count_ -= streams_;
  }

 private:
  const int streams_;
  std::mutex mutex_;
  std::condition_variable full_;
  int count_ = 0;
};

struct Tallies {
  explicit Tallies(int streams)
      : open(streams), received(streams), over(streams) {}
  Tally open;
  Tally received;
  Tally over;
};

// The client's end of one stream.
class Watcher final
    : public grpc::ClientBidiReactor<v1::WaitRequest, v1::WaitResponse> {
 public:
  Watcher(v1::SelectorService::Stub& stub, v1::WaitRequest open,
          Tallies* tallies)
      : request_(std::move(open)), tallies_(*tallies) {
    stub.async()->Wait(&context_, this);
    StartWrite(&request_);
    StartRead(&response_);
    StartCall();
  }

  // Acknowledges what came last.
  void Grant() {
    request_.mutable_grant()->set_acknowledge(sequence_);
    request_.mutable_grant()->set_credits(1);
    StartWrite(&request_);
  }
  void Cancel() { context_.TryCancel(); }

  void OnReadInitialMetadataDone(bool /*ok*/) override {
    tallies_.open.Count();
  }
  void OnReadDone(bool ok) override {
    if (ok) {
      sequence_ = response_.sequence();
      StartRead(&response_);
      tallies_.received.Count();
    }
  }
  void OnDone(const grpc::Status& /*status*/) override {
    tallies_.over.Count();
  }

 private:
  grpc::ClientContext context_;
  v1::WaitRequest request_;
  v1::WaitResponse response_;
  std::int64_t sequence_ = 0;
  Tallies& tallies_;
};

// A server in a process of its own, and so many waits on it.
class Crowd {
 public:
  Crowd(ServerKind kind, int streams)
      : streams_(streams), server_(kind), tallies_(streams) {}
  virtual ~Crowd() = default;

  // Opens the streams; bytes that the server took for each.
  double Open() {
    stub_ = v1::SelectorService::NewStub(ChannelTo(server_.address()));
    const std::vector<v1::WaitRequest> opens = Prepare();
    const std::int64_t before = server_.ResidentBytes();
    for (const v1::WaitRequest& open : opens) {
      watchers_.push_back(std::make_unique<Watcher>(*stub_, open, &tallies_));
    }
    tallies_.open.Await();
    std::this_thread::sleep_for(kSettle);
    return static_cast<double>(server_.ResidentBytes() - before) / streams_;
  }

  // Percent of a core that the server takes for itself.
  double IdlePercent() const {
    const double before = server_.CpuSeconds();
    std::this_thread::sleep_for(kIdle);
    return (server_.CpuSeconds() - before) /
           std::chrono::duration<double>(kIdle).count() * 100;
  }

  // One event to all of them: us for each.
  double ReachAll() {
    const SteadyClock::time_point start = SteadyClock::now();
    Trigger();
    tallies_.received.Await();
    const double micros = MicrosSince(start) / streams_;
    Settle();
    for (const auto& watcher : watchers_) {
      watcher->Grant();
    }
    std::this_thread::sleep_for(kSettle);
    return micros;
  }

  void Close() {
    for (const auto& watcher : watchers_) {
      watcher->Cancel();
    }
    tallies_.over.Await();
  }

 protected:
  int streams() const { return streams_; }
  ServerProcess& server() { return server_; }

 private:
  // What opens each stream.
  virtual std::vector<v1::WaitRequest> Prepare() = 0;
  virtual void Trigger() = 0;
  virtual void Settle() = 0;

  const int streams_;
  ServerProcess server_;
  std::unique_ptr<v1::SelectorService::Stub> stub_;
  Tallies tallies_;
  std::vector<std::unique_ptr<Watcher>> watchers_;
};

class BareCrowd final : public Crowd {
 public:
  explicit BareCrowd(int streams) : Crowd(ServerKind::kBare, streams) {}

 private:
  std::vector<v1::WaitRequest> Prepare() override {
    v1::WaitRequest open;
    open.mutable_open()->set_credits(1);
    return std::vector<v1::WaitRequest>(streams(), open);
  }
  void Trigger() override { server().Push(); }
  void Settle() override {}
};

// Each stream waits on a selector of its own, which has one of a few counters;
// the event is one of each of them.
class FarpollCrowd final : public Crowd {
 public:
  explicit FarpollCrowd(int streams)
      : Crowd(ServerKind::kFarpoll, streams),
        counters_(streams / kStreamsToACounter + 1),
        session_(
            OrDie(OrDie(Client::Connect(server().address())).CreateSession())) {
    for (const LocalCounter& counter : counters_) {
      handles_.push_back(OrDie(session_.Pass(counter.fd.get())));
    }
  }

  // Bytes that the server took for each selector and its registration.
  double bytes_a_selector() const { return bytes_a_selector_; }

 private:
  std::vector<v1::WaitRequest> Prepare() override {
    std::vector<v1::WaitRequest> opens;
    const std::int64_t before = server().ResidentBytes();
    for (int i = 0; i < streams(); ++i) {
      Selector selector =
          OrDie(session_.CreateSelector(v1::SELECTOR_KIND_POLL));
      (void)OrDie(selector.Register(handles_[i / kStreamsToACounter], kIn));
      v1::WaitOpen* const open = opens.emplace_back().mutable_open();
      open->set_session(session_.id());
      *open->mutable_selector() = selector.ref();
      open->set_credits(1);
      selector.Release();
    }
    bytes_a_selector_ =
        static_cast<double>(server().ResidentBytes() - before) / streams();
    return opens;
  }
  void Trigger() override {
    for (const LocalCounter& counter : counters_) {
      counter.Raise();
    }
  }
  void Settle() override {
    for (const LocalCounter& counter : counters_) {
      counter.Drain();
    }
  }

  const std::vector<LocalCounter> counters_;
  Session session_;
  std::vector<Handle> handles_;
  double bytes_a_selector_ = 0;
};

}  // namespace

void BenchCrowd(Report& report) {
  const OneCore one_core;
  const int streams = CountStreams();
  BareCrowd bare(streams);
  FarpollCrowd farpoll(streams);
  const double bare_bytes = bare.Open();
  const double farpoll_bytes = farpoll.Open();
  const std::string memory = absl::StrCat(streams, " idle streams, memory");
  report.Add({"G4", memory, "bare streams", bare_bytes, "bytes each", 1});
  report.Add({"G4", memory, "farpoll", farpoll_bytes, "bytes each",
              farpoll_bytes / bare_bytes});
  const double whole = farpoll_bytes + farpoll.bytes_a_selector();
  report.Add({"G4", memory, "farpoll, each with a selector of its own", whole,
              "bytes each", whole / bare_bytes});
  const std::string idle = absl::StrCat(streams, " idle streams, processor");
  report.Add(
      {"G4", idle, "bare streams", bare.IdlePercent(), "% of a core", {}});
  report.Add({"G4", idle, "farpoll", farpoll.IdlePercent(), "% of a core", {}});
  report.Compare("G5", absl::StrCat("one event to ", streams, " streams"),
                 "us each", kRepetitions,
                 {{"bare streams", [&] { return bare.ReachAll(); }},
                  {"farpoll", [&] { return farpoll.ReachAll(); }}});
  bare.Close();
  farpoll.Close();
}

}  // namespace farpoll
