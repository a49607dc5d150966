// G8: a reader that does not read while a million readiness changes pass: what
// the server holds for it, and what the others feel of it.
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
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

constexpr int kRepetitions = 5;
constexpr int kOthers = 8;
constexpr int kRoundsOfASample = 2000;
constexpr int kChangesARound = 500;
constexpr char kSelectorName[] = "changes";

using WaitClientStream =
    grpc::ClientReaderWriter<v1::WaitRequest, v1::WaitResponse>;

v1::WaitRequest OpenRequest(const std::string& session,
                            const v1::SelectorRef& selector,
                            std::int32_t credits) {
  v1::WaitRequest request;
  request.mutable_open()->set_session(session);
  *request.mutable_open()->mutable_selector() = selector;
  request.mutable_open()->set_credits(credits);
  return request;
}

// Counters that change, and a selector that sees each change as an edge.
class Changing {
 public:
  Changing(Session& session, int count)
      : counters_(static_cast<std::size_t>(count)),
        selector_(OrDie(
            session.CreateSelector(v1::SELECTOR_KIND_POLL, kSelectorName))) {
    for (const LocalCounter& counter : counters_) {
      handles_.push_back(OrDie(session.Pass(counter.fd.get())));
      (void)OrDie(selector_.Register(handles_.back(), kIn, Trigger::kEdge));
    }
  }

  void Change(int times) {
    for (int i = 0; i < times; ++i) {
      counters_[next_++ % counters_.size()].Raise();
    }
  }

 private:
  const std::vector<LocalCounter> counters_;
  std::vector<Handle> handles_;
  Selector selector_;
  std::size_t next_ = 0;
};

// One of those who read.
class Other {
 public:
  Other(Session& session, const std::shared_ptr<grpc::Channel>& channel)
      : handle_(OrDie(session.Pass(counter_.fd.get()))),
        selector_(OrDie(session.CreateSelector(v1::SELECTOR_KIND_POLL))),
        stub_(v1::SelectorService::NewStub(channel)) {
    (void)OrDie(selector_.Register(handle_, kIn));
    stream_ = stub_->Wait(&context_);
    stream_->Write(OpenRequest(session.id(), selector_.ref(), 1));
  }
  ~Other() {
    context_.TryCancel();
    (void)stream_->Finish();
  }

  void Trigger() { counter_.Raise(); }
  void Await() { OrDie(stream_->Read(&response_), "the stream ended"); }
  void Settle() {
    counter_.Drain();
    v1::WaitRequest grant;
    grant.mutable_grant()->set_acknowledge(response_.sequence());
    grant.mutable_grant()->set_credits(1);
    stream_->Write(grant);
  }

 private:
  const LocalCounter counter_;
  Handle handle_;
  Selector selector_;
  const std::unique_ptr<v1::SelectorService::Stub> stub_;
  grpc::ClientContext context_;
  std::unique_ptr<WaitClientStream> stream_;
  v1::WaitResponse response_;
};

// A server in a process of its own, with others that read.
class Scene {
 public:
  Scene(int counters, int credits)
      : credits_(absl::StrCat(credits)),
        server_(ServerKind::kFarpoll),
        session_(
            OrDie(OrDie(Client::Connect(server_.address())).CreateSession())),
        changing_(session_, counters) {
    const std::int64_t alone = server_.HeapBytes();
    connected_ = StartReader("0");
    connection_bytes_ = static_cast<double>(server_.HeapBytes() - alone);
    const auto channel = ChannelTo(server_.address());
    for (int i = 0; i < kOthers; ++i) {
      others_.push_back(std::make_unique<Other>(session_, channel));
    }
  }

  // The others' p99 in us, while a million changes pass.
  double Pass() {
    std::size_t turn = 0;
    Other* other = nullptr;
    return Percentile(Latencies(
                          kRoundsOfASample,
                          [&] {
                            other = others_[turn++ % others_.size()].get();
                            other->Trigger();
                          },
                          [&] { other->Await(); },
                          [&] {
                            other->Settle();
                            changing_.Change(kChangesARound);
                          }),
                      0.99);
  }

  // The same beside a reader that is stopped.
  double PassStalled() {
    const std::int64_t alone = server_.HeapBytes();
    const std::unique_ptr<Program> reader = StartReader(credits_);
    (void)kill(reader->pid(), SIGSTOP);
    const std::int64_t open = server_.HeapBytes();
    const double p99 = Pass();
    const std::int64_t passed = server_.HeapBytes();
    open_bytes_ = std::max(open_bytes_, static_cast<double>(open - alone));
    held_bytes_ = std::max(held_bytes_, static_cast<double>(passed - open));
    return p99;
  }
  // The most that the server took for a stalled reader's connection, stream and
  // first results, and that it held for it beside that after the changes.
  double open_bytes() const { return open_bytes_; }
  double held_bytes() const { return held_bytes_; }
  // What a connection costs that has no stream.
  double connection_bytes() const { return connection_bytes_; }

 private:
  // With zero credits: one that connects and opens no stream.
  std::unique_ptr<Program> StartReader(const std::string& credits) {
    auto reader = std::make_unique<Program>(
        std::vector<std::string>{"/proc/self/exe", kStallFlag,
                                 server_.address(), session_.id(), credits});
    OrDie(reader->Hear() == "open", "the reader to be stalled did not start");
    return reader;
  }

  const std::string credits_;
  ServerProcess server_;
  Session session_;
  Changing changing_;
  std::vector<std::unique_ptr<Other>> others_;
  std::unique_ptr<Program> connected_;
  double connection_bytes_ = 0;
  double open_bytes_ = 0;
  double held_bytes_ = 0;
};

}  // namespace

int StallBeside(const std::string& address, const std::string& session,
                const std::string& credits) {
  const auto channel = ChannelTo(address);
  const auto stub = v1::SelectorService::NewStub(channel);
  grpc::ClientContext context;
  std::unique_ptr<WaitClientStream> stream;
  if (const int wanted = std::stoi(credits); wanted == 0) {
    OrDie(channel->WaitForConnected(std::chrono::system_clock::now() +
                                    std::chrono::seconds(10)),
          "no connection");
  } else {
    stream = stub->Wait(&context);
    v1::SelectorRef selector;
    selector.set_name(kSelectorName);
    stream->Write(OpenRequest(session, selector, wanted));
    stream->WaitForInitialMetadata();
  }
  std::cout << "open" << std::endl;
  pause();  // until it is stopped, and killed
  return 0;
}

void BenchStalled(Report& report) {
  const OneCore one_core;
  struct Case {
    int counters;
    int credits;
  };
  for (const auto& [counters, credits] :
       {Case{16, 64}, Case{1000, 1}, Case{1000, 64}}) {
    Scene scene(counters, credits);
    const std::string name = absl::StrCat("a million changes, ", counters,
                                          " counters, ", credits, " credits");
    report.Compare(
        "G8", "others' p99: " + name, "us", kRepetitions,
        {{"nobody stalled", [&] { return scene.Pass(); }},
         {"one reader stalled", [&] { return scene.PassStalled(); }}});
    const std::string held = "held for it: " + name;
    const auto add = [&](const char* what, double bytes) {
      report.Add({"G8", held, what, bytes, "bytes", {}});
    };
    add("for its stream",
        scene.open_bytes() + scene.held_bytes() - scene.connection_bytes());
    add("of that before the changes",
        scene.open_bytes() - scene.connection_bytes());
    add("for its connection", scene.connection_bytes());
  }
}

}  // namespace farpoll
