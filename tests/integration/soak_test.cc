// tests/integration/soak_test.cc: room: tests. Everything at once, again and
// again: sessions, selectors, children, streams that are cut, dropped and
// observed. A few rounds, or with --config=soak ten minutes of them. What is
// left after a round is what was left after the ones before.
#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "base/clock.h"
#include "client/client.h"
#include "client/observe_stream.h"
#include "gtest/gtest.h"
#include "selector/kqueue/kevent.h"
#include "tests/integration/cuts.h"
#include "tests/integration/peer.h"
#include "tests/support/memory.h"

namespace farpoll {
namespace {

// What the process has of things that may leak.
struct Sample {
  std::int64_t descriptors = 0;
  std::int64_t threads = 0;
  std::int64_t allocated_bytes = 0;
  std::int64_t resident_kb = 0;
};

std::int64_t EntriesOf(const char* folder) {
  return std::distance(std::filesystem::directory_iterator(folder),
                       std::filesystem::directory_iterator());
}

Sample TakeSample() {
  Sample sample{.descriptors = EntriesOf("/proc/self/fd"),
                .threads = EntriesOf("/proc/self/task"),
                .allocated_bytes = AllocatedBytes()};
  std::int64_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages >> pages;
  sample.resident_kb = pages * sysconf(_SC_PAGESIZE) / 1024;
  return sample;
}

// How much more may be allocated at the end than after the first rounds, in
// which pools and caches fill. Ten minutes make over two thousand rounds, so
// that a leak of half a kilobyte a round shows.
constexpr std::int64_t kMostGrowth = 1 << 20;
constexpr int kWarmUpRounds = 3;
constexpr int kLongWarmUpRounds = 200;

class Soak : public ProxyTest {
 protected:
  static constexpr int kCounters = 64;

  // The launcher of children comes with the first one, and stays.
  void WarmUpWith(Peer& host) override {
    host.Must(&Sessions::CreateSession, "name: 'warm'");
    host.Must(&Handles::Spawn, "session: 'warm' argv: 'true'");
    host.Must(&Sessions::DeleteSession, "session: 'warm'");
  }
  void SetUp() override {
    (void)std::signal(SIGPIPE, SIG_IGN);
    ProxyTest::SetUp();
    StartCutting(/*most_bytes_to_cut=*/20'000);
    client_.emplace(*Client::Connect(address()));
  }
  void TearDown() override {
    client_.reset();
    ProxyTest::TearDown();
  }

  // Each part has a session of its own, which takes all that it made along.
  Session MakeSession() {
    absl::StatusOr<Session> session = client_->CreateSession();
    EXPECT_THAT(session, IsOk());
    return *std::move(session);
  }
  // The selector, reached through the proxy.
  Selector Beyond(const Session& session, absl::string_view selector) {
    return Client::Connect(proxy_->address())
        ->AttachSession(session.id())
        .AttachSelector(selector);
  }

  // Edges of counters, each seen once, over connections that are cut.
  void FollowEdges() {
    Session session = MakeSession();
    Counters counters(kCounters);
    Selector selector = *session.CreateSelector(v1::SELECTOR_KIND_POLL, "far");
    std::vector<Handle> handles;
    for (int i = 0; i < kCounters; ++i) {
      handles.push_back(*session.Pass(counters.fd(i)));
      ASSERT_THAT(selector.Register(handles.back(), kIn, Trigger::kEdge, i),
                  IsOk());
    }
    absl::StatusOr<EventStream> stream =
        Beyond(session, "far").WaitFor({.credits = 8}, Hasty());
    ASSERT_THAT(stream, IsOk());
    for (int turn = 0; turn < 10; ++turn) {
      for (int i = 0; i < kCounters; ++i) {
        counters.Write(i);
      }
      for (std::int64_t taken = 0; taken < kCounters;) {
        const WaitResult* const result = stream->Next();
        ASSERT_NE(result, nullptr) << stream->status() << " " << seed_;
        for (const client::Event& event : result->events) {
          taken += counters.Take(static_cast<int>(event.cookie));
          ++events_;
        }
      }
    }
  }

  // Bytes of a remote pipe, inside events, over connections that are cut.
  void FollowBytes() {
    constexpr std::size_t kBytes = 256 << 10;
    Session session = MakeSession();
    absl::StatusOr<Pipe> pipe = session.CreatePipe({.capacity_bytes = kBytes});
    ASSERT_THAT(pipe, IsOk());
    ASSERT_THAT(pipe->writer.Write(std::string(kBytes, 'x')), IsOk());
    ASSERT_THAT(pipe->writer.Close(), IsOk());
    Selector selector = *session.CreateSelector(v1::SELECTOR_KIND_POLL, "far");
    ASSERT_THAT(selector.Register(pipe->reader, kIn, Trigger::kLevel, 0, 4096),
                IsOk());
    absl::StatusOr<EventStream> stream =
        Beyond(session, "far").WaitFor({.credits = 4}, Hasty());
    ASSERT_THAT(stream, IsOk());
    std::size_t seen = 0;
    for (bool ended = false; !ended;) {
      const WaitResult* const result = stream->Next();
      ASSERT_NE(result, nullptr) << stream->status() << " " << seed_;
      for (const client::Event& event : result->events) {
        ASSERT_TRUE(event.data.has_value());
        seen += event.data->data.size();
        ended |= event.data->end_of_file;
        ++events_;
      }
    }
    EXPECT_EQ(seen, kBytes);
  }

  // A child, seen to end by a kqueue; and a timer.
  void AwaitChildAndTimer() {
    Session session = MakeSession();
    v1::SpawnRequest request;
    request.add_argv("/bin/true");
    absl::StatusOr<Child> child = session.Spawn(request);
    ASSERT_THAT(child, IsOk());
    Selector queue = *session.CreateSelector(v1::SELECTOR_KIND_KQUEUE);
    const NamedKevent ended =
        client::KeventOn(child->process, {.filter = evfilt::kProcdesc,
                                          .flags = ev::kAdd | ev::kOneShot,
                                          .fflags = note::kExit});
    const auto kevents = queue.Control({ended}, 1);
    ASSERT_THAT(kevents, IsOk());
    EXPECT_EQ(kevents->size(), 1u);
    const NamedKevent tick{.kevent = {.ident = 1,
                                      .filter = evfilt::kTimer,
                                      .flags = ev::kAdd | ev::kOneShot,
                                      .data = 1}};
    EXPECT_THAT(queue.Control({tick}, 1), IsOk());
    events_ += 2;
  }

  // Streams that are begun and dropped, and an observer among them.
  void DropStreams() {
    Session session = MakeSession();
    absl::StatusOr<Pipe> pipe = session.CreatePipe();
    ASSERT_THAT(pipe, IsOk());
    client::ObserveStream observer = session.Observe({});
    ASSERT_NE(observer.Next(), nullptr) << observer.status();
    std::vector<Selector> selectors;
    std::vector<EventStream> streams;
    for (int i = 0; i < 20; ++i) {
      selectors.push_back(*session.CreateSelector(v1::SELECTOR_KIND_DEFAULT));
      ASSERT_THAT(selectors.back().Register(pipe->reader, kIn), IsOk());
      absl::StatusOr<EventStream> stream = selectors.back().Wait();
      ASSERT_THAT(stream, IsOk());
      streams.push_back(*std::move(stream));
    }
    ASSERT_THAT(pipe->writer.Write("x"), IsOk());
    for (int i = 0; i < 10; ++i) {
      ASSERT_NE(streams[i].Next(), nullptr) << streams[i].status();
      ++events_;
    }
  }

  void Round() {
    FollowEdges();
    FollowBytes();
    AwaitChildAndTimer();
    DropStreams();
    ++rounds_;
  }

  void PrintLine(MonotonicTime start, const Sample& sample) const {
    absl::PrintF(
        "%7.1f s %7d rounds %9d events %4d descriptors %3d threads "
        "%8d B allocated %7d kB resident\n",
        absl::ToDoubleSeconds(absl::FromChrono(clock_.Now() - start)), rounds_,
        events_, sample.descriptors, sample.threads, sample.allocated_bytes,
        sample.resident_kb);
    std::fflush(stdout);
  }

  RealClock clock_;
  absl::optional<Client> client_;
  std::int64_t rounds_ = 0;
  std::int64_t events_ = 0;
};

INSTANTIATE_PROXY_TESTS(Soak);

TEST_P(Soak, NothingGrows) {
  const bool long_run = std::getenv("FARPOLL_SOAK") != nullptr;
  const MonotonicTime start = clock_.Now();
  const MonotonicTime end =
      DeadlineAfter(start, long_run ? absl::Minutes(10) : absl::ZeroDuration());
  const int warm_up = long_run ? kLongWarmUpRounds : kWarmUpRounds;
  while (rounds_ < warm_up) {
    ASSERT_NO_FATAL_FAILURE(Round());
  }
  const Sample first = TakeSample();
  PrintLine(start, first);
  MonotonicTime next_line = start;
  do {
    ASSERT_NO_FATAL_FAILURE(Round());
    if (clock_.Now() >= next_line) {
      next_line = DeadlineAfter(next_line, absl::Minutes(1));
      PrintLine(start, TakeSample());
    }
  } while (clock_.Now() < end);

  // Connections that were cut may be on their way out still.
  Await([&] { return TakeSample().descriptors <= first.descriptors; },
        "as many descriptors as after the first rounds");
  const Sample last = TakeSample();
  PrintLine(start, last);
  EXPECT_LT(last.allocated_bytes, first.allocated_bytes + kMostGrowth);
}

}  // namespace
}  // namespace farpoll
