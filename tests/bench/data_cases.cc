// D1: events that bring their data: how many bytes a second, and how much later
// they are in hand than an event alone.
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "farpoll/v1/selector.grpc.pb.h"
#include "tests/bench/bare_service.h"
#include "tests/bench/measure.h"
#include "tests/bench/one_core.h"
#include "tests/bench/service_cases.h"

namespace farpoll {
namespace {

constexpr int kRepetitions = 7;
constexpr std::int64_t kSampleBytes = std::int64_t{256} << 20;
constexpr std::int32_t kEventBytes = 64 << 10;
constexpr std::int32_t kCredits = 16;
// Results that a grant acknowledges.
constexpr std::int32_t kResultsToAGrant = 4;

// A pipe that holds as many bytes as it may, and blocks.
struct WidePipe {
  WidePipe() {
    int fds[2];
    OrDie(pipe2(fds, O_CLOEXEC) == 0, "no pipe");
    reader.Reset(fds[0]);
    writer.Reset(fds[1]);
    OrDie(fcntl(writer.get(), F_SETPIPE_SZ, 1 << 20) > 0, "no wide pipe");
  }

  UniqueFd reader;
  UniqueFd writer;
};

// Writes a sample's worth of bytes in a thread of its own.
std::thread WriteSample(const WidePipe& pipe) {
  return std::thread([&pipe] {
    const std::string piece(kEventBytes, 'x');
    for (std::int64_t left = kSampleBytes; left > 0;) {
      const ssize_t wrote =
          write(pipe.writer.get(), piece.data(), piece.size());
      OrDie(wrote > 0, "cannot write");
      left -= wrote;
    }
  });
}

// Takes a sample's worth of bytes of what `open` asks for; bytes a second.
double BytesASecond(const std::shared_ptr<grpc::Channel>& channel,
                    const v1::WaitRequest& open,
                    const std::function<void()>& begin) {
  const auto stub = v1::SelectorService::NewStub(channel);
  grpc::ClientContext context;
  const auto stream = stub->Wait(&context);
  OrDie(stream->Write(open), "no stream");
  stream->WaitForInitialMetadata();
  begin();
  v1::WaitResponse response;
  std::int64_t taken = 0;
  std::int32_t results = 0;
  const SteadyClock::time_point start = SteadyClock::now();
  while (taken < kSampleBytes) {
    OrDie(stream->Read(&response), "the stream ended");
    for (const v1::Event& event : response.events()) {
      taken += static_cast<std::int64_t>(event.data().data().size());
    }
    if (response.sequence() != 0 && ++results % kResultsToAGrant == 0) {
      v1::WaitRequest grant;
      grant.mutable_grant()->set_acknowledge(response.sequence());
      grant.mutable_grant()->set_credits(kResultsToAGrant);
      stream->Write(grant);
    }
  }
  const double seconds = MicrosSince(start) / 1e6;
  context.TryCancel();
  while (stream->Read(&response)) {
  }
  (void)stream->Finish();
  return static_cast<double>(taken) / seconds;
}

// As much as the stream takes of one message.
double BareStream(BareServer& bare) {
  v1::WaitRequest open;
  open.mutable_open()->set_credits(kCredits);
  open.add_changes()->mutable_add()->set_read_bytes(kEventBytes);
  const auto channel = ChannelTo(bare.address());
  return BytesASecond(channel, open, [] {});
}

// A thread that reads a pipe and sends what it read.
double BarePipe(BareServer& bare) {
  const WidePipe pipe;
  v1::WaitRequest open;
  open.mutable_open()->set_credits(1);
  std::thread writer;
  std::thread reader;
  const auto channel = ChannelTo(bare.address());
  const double rate = BytesASecond(channel, open, [&] {
    writer = WriteSample(pipe);
    reader = std::thread([&] {
      std::string piece;
      for (std::int64_t left = kSampleBytes; left > 0;) {
        piece.resize(kEventBytes);
        const ssize_t got = read(pipe.reader.get(), piece.data(), piece.size());
        OrDie(got > 0, "cannot read");
        piece.resize(static_cast<std::size_t>(got));
        bare.service().Push(piece);
        left -= got;
      }
    });
  });
  writer.join();
  reader.join();
  while (bare.service().streaming()) {
    std::this_thread::yield();
  }
  return rate;
}

// A pipe that a selector of this name takes the bytes of.
class DataSelector {
 public:
  DataSelector(FarpollPeer& farpoll, const std::string& name, int reader)
      : handle_(OrDie(farpoll.session().Pass(reader))),
        selector_(OrDie(
            farpoll.session().CreateSelector(v1::SELECTOR_KIND_POLL, name))) {
    (void)OrDie(
        selector_.Register(handle_, kIn, Trigger::kLevel, 0, kEventBytes));
  }

 private:
  Handle handle_;
  Selector selector_;
};

double FarpollPipe(FarpollPeer& farpoll) {
  const WidePipe pipe;
  const DataSelector data(farpoll, "bytes", pipe.reader.get());
  std::thread writer;
  const double rate =
      BytesASecond(farpoll.channel(), farpoll.OpenRequest("bytes", kCredits),
                   [&] { writer = WriteSample(pipe); });
  writer.join();
  farpoll.AwaitIdle("bytes");
  return rate;
}

// write(2) to the byte in the client's hands, the median, in us.
double FarpollDataMicros(FarpollPeer& farpoll) {
  const LocalPipe pipe;
  const DataSelector data(farpoll, "data", pipe.reader.get());
  const auto stub = v1::SelectorService::NewStub(farpoll.channel());
  grpc::ClientContext context;
  const auto stream = stub->Wait(&context);
  stream->Write(farpoll.OpenRequest("data"));
  v1::WaitResponse response;
  const double median = MedianLatency(
      [&] { pipe.Write(); },
      [&] {
        stream->Read(&response);
        OrDie(response.events(0).data().data().size() == 1, "no byte");
      },
      [&] {
        v1::WaitRequest request;
        request.mutable_grant()->set_acknowledge(response.sequence());
        request.mutable_grant()->set_credits(1);
        stream->Write(request);
      });
  context.TryCancel();
  (void)stream->Finish();
  farpoll.AwaitIdle("data");
  return median;
}

}  // namespace

void BenchData(Report& report) {
  {
    BareServer bare;
    FarpollPeer farpoll;
    report.Compare("D1", "256 MiB of a pipe, 64 KiB to an event", "bytes/s",
                   kRepetitions,
                   {{"bare stream", [&] { return BareStream(bare); }},
                    {"bare pipe and stream", [&] { return BarePipe(bare); }},
                    {"farpoll", [&] { return FarpollPipe(farpoll); }}});
  }
  const OneCore one_core;
  FarpollPeer farpoll;
  report.Compare("D1", "write to data in hand, p50", "us", kRepetitions,
                 {{"push alone", [&] { return FarpollPushMicros(farpoll); }},
                  {"farpoll", [&] { return FarpollDataMicros(farpoll); }}});
}

}  // namespace farpoll
