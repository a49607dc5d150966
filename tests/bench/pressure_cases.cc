// G3: events a second of one stream whose client asks for all it can get, and
// the batches that form by themselves when a client is behind.
#include <algorithm>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "farpoll/v1/selector.grpc.pb.h"
#include "tests/bench/bare_service.h"
#include "tests/bench/measure.h"
#include "tests/bench/one_core.h"
#include "tests/bench/service_cases.h"

namespace farpoll {
namespace {

constexpr int kRepetitions = 7;
constexpr auto kSampleTime = std::chrono::milliseconds(400);
constexpr std::int32_t kCredits = 64;
// A grant acknowledges so many results at once, and no more than so many
// events.
constexpr std::int32_t kResultsToAGrant = 16;
constexpr std::int32_t kEventsToAGrant = 128;
// Ready ones for so many results: those in results on the way are quiet.
constexpr int kResultsReady = 48;

struct Flow {
  double events_a_second = 0;
  double events_a_message = 0;
};

// Reads for kSampleTime what `open` asks for.
Flow Measure(const std::shared_ptr<grpc::Channel>& channel,
             const v1::WaitRequest& open) {
  const auto stub = v1::SelectorService::NewStub(channel);
  grpc::ClientContext context;
  const auto stream = stub->Wait(&context);
  OrDie(stream->Write(open), "no stream");
  const std::int32_t batch = std::max(open.open().max_events(), 1);
  const std::int32_t grant_at =
      std::min({kResultsToAGrant, kEventsToAGrant / batch,
                static_cast<std::int32_t>(open.open().credits())});
  v1::WaitResponse response;
  std::int64_t messages = 0;
  std::int64_t events = 0;
  const SteadyClock::time_point start = SteadyClock::now();
  while (SteadyClock::now() - start < kSampleTime) {
    OrDie(stream->Read(&response), "the stream ended");
    events += response.events_size();
    if (++messages % grant_at == 0) {
      v1::WaitRequest grant;
      grant.mutable_grant()->set_acknowledge(response.sequence());
      grant.mutable_grant()->set_credits(grant_at);
      stream->Write(grant);
    }
  }
  const double seconds = MicrosSince(start) / 1e6;
  context.TryCancel();
  while (stream->Read(&response)) {
  }
  (void)stream->Finish();
  return {static_cast<double>(events) / seconds,
          static_cast<double>(events) / static_cast<double>(messages)};
}

// Registers with a new selector so many counters, which stand at one, so that
// each is ready for as long as nobody reads it.
class ReadyCounters {
 public:
  ReadyCounters(FarpollPeer& farpoll, const std::string& name, int count)
      : selector_(OrDie(
            farpoll.session().CreateSelector(v1::SELECTOR_KIND_POLL, name))) {
    for (int i = 0; i < count; ++i) {
      v1::CreateCounterRequest request;
      request.set_initial(1);
      counters_.push_back(OrDie(farpoll.session().CreateCounter(request)));
      (void)OrDie(selector_.Register(counters_.back(), kIn));
    }
  }

 private:
  std::vector<Handle> counters_;
  Selector selector_;
};

void BenchBatches(Report& report, BareServer& bare, FarpollPeer& farpoll) {
  const auto bare_channel = ChannelTo(bare.address());
  for (const int batch : {1, 16, 128}) {
    const std::string name = absl::StrCat("batches-of-", batch);
    const ReadyCounters counters(farpoll, name, batch * kResultsReady);
    const v1::WaitRequest open = farpoll.OpenRequest(name, kCredits, batch);
    report.Compare(
        "G3", absl::StrCat("one stream, events a message: ", batch), "events/s",
        kRepetitions,
        {{"bare stream",
          [&] { return Measure(bare_channel, open).events_a_second; }},
         {"farpoll", [&] {
            const Flow flow = Measure(farpoll.channel(), open);
            farpoll.AwaitIdle(name);
            return flow.events_a_second;
          }}});
  }
}

// Counters whose every write is an edge, written without a pause.
void BenchEdges(Report& report, FarpollPeer& farpoll) {
  constexpr int kCounters = 256;
  const std::vector<LocalCounter> counters(kCounters);
  Selector selector =
      OrDie(farpoll.session().CreateSelector(v1::SELECTOR_KIND_POLL, "edges"));
  std::vector<Handle> handles;
  for (const LocalCounter& counter : counters) {
    handles.push_back(OrDie(farpoll.session().Pass(counter.fd.get())));
    (void)OrDie(selector.Register(handles.back(), kIn, Trigger::kEdge));
  }
  std::atomic<bool> done{false};
  std::thread writer([&] {
    for (std::size_t i = 0; !done; ++i) {
      counters[i % kCounters].Raise();
    }
  });
  const Flow flow =
      Measure(farpoll.channel(), farpoll.OpenRequest("edges", /*credits=*/4));
  done = true;
  writer.join();
  const std::string name = "256 counters written without pause";
  report.Add({"G3", name, "farpoll", flow.events_a_second, "events/s", {}});
  report.Add(
      {"G3", name + ": batch", "farpoll", flow.events_a_message, "events", {}});
}

}  // namespace

void BenchPressure(Report& report) {
  const OneCore one_core;
  BareServer bare;
  FarpollPeer farpoll;
  BenchBatches(report, bare, farpoll);
  BenchEdges(report, farpoll);
}

}  // namespace farpoll
