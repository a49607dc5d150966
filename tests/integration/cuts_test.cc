// tests/integration/cuts_test.cc: room: tests. Connections that are cut,
// stalled and delayed between a client and its server: what the client saw
// against what was written, each event exactly once.
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <future>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "base/mutex.h"
#include "base/unique_fd.h"
#include "client/client.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "selector/kqueue/kevent.h"
#include "server/server.h"
#include "tests/integration/peer.h"
#include "tests/integration/server_fixture.h"
#include "tests/support/fault_proxy.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temporary_folder.h"

namespace farpoll {
namespace {

// Of this run's faults; FAULT_SEED in the environment repeats a run's.
std::uint64_t FaultSeed() {
  std::uint64_t seed = 0;
  const char* const given = std::getenv("FAULT_SEED");
  return given != nullptr && absl::SimpleAtoi(given, &seed)
             ? seed
             : std::random_device()();
}

// Counters, eventfd(2), that are written here and waited on in the server. Each
// write is an edge.
class Counters {
 public:
  explicit Counters(int count) : written_(count) {
    for (int i = 0; i < count; ++i) {
      fds_.emplace_back(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    }
  }

  int size() const { return static_cast<int>(fds_.size()); }
  int fd(int i) const { return fds_[i].get(); }
  std::int64_t written(int i) const { return written_[i]; }

  void Write(int i) {
    ++written_[i];  // first: an event may be seen before write(2) returns
    const std::uint64_t one = 1;
    ASSERT_EQ(write(fd(i), &one, sizeof(one)), sizeof(one));
  }
  // What was written since the last Take().
  std::int64_t Take(int i) {
    std::uint64_t count = 0;
    return read(fd(i), &count, sizeof(count)) == sizeof(count)
               ? static_cast<std::int64_t>(count)
               : 0;
  }

 private:
  std::vector<UniqueFd> fds_;
  std::vector<std::atomic<std::int64_t>> written_;
};

// Writes counters in a thread of its own, as it is asked to.
class Writer {
 public:
  explicit Writer(Counters& counters)
      : counters_(counters), thread_([this] { Run(); }) {}
  ~Writer() {
    {
      MutexLock lock(&mutex_);
      over_ = true;
      changed_.SignalAll();
    }
    thread_.join();
  }

  void Ask(const std::vector<int>& which) {
    MutexLock lock(&mutex_);
    asked_.insert(asked_.end(), which.begin(), which.end());
    changed_.SignalAll();
  }

 private:
  void Run() {
    for (;;) {
      std::vector<int> asked;
      {
        MutexLock lock(&mutex_);
        while (asked_.empty() && !over_) {
          changed_.Wait(&mutex_);
        }
        if (asked_.empty()) {
          return;
        }
        asked.swap(asked_);
      }
      for (const int i : asked) {
        counters_.Write(i);
      }
    }
  }

  Counters& counters_;
  Mutex mutex_;
  CondVar changed_;
  std::vector<int> asked_ ABSL_GUARDED_BY(mutex_);
  bool over_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

// A server, a proxy before it, and a session made without the proxy.
class Cuts : public ServerTest {
 protected:
  void SetUp() override {
    ServerTest::SetUp();
    session_.emplace(*Client::Connect(address())->CreateSession());
  }
  void TearDown() override {
    handles_.clear();
    session_.reset();
    proxy_.reset();
    ServerTest::TearDown();
  }

  void StartProxy(const FaultSchedule& schedule) {
    proxy_.emplace(folder_.path() + "/p", address().substr(5), schedule);
  }
  // One that cuts connections by itself.
  void StartCutting(std::size_t most_bytes_to_cut) {
    const std::uint64_t seed = FaultSeed();
    seed_ = absl::StrCat("FAULT_SEED=", seed);
    StartProxy({.seed = seed,
                .least_bytes_to_cut = 300,
                .most_bytes_to_cut = most_bytes_to_cut,
                .hold_percent = 1,
                .longest_hold = absl::Milliseconds(5)});
  }

  Selector MakeSelector(v1::SelectorKind kind = v1::SELECTOR_KIND_POLL) {
    return *session_->CreateSelector(kind, "far");
  }
  // The same, reached through the proxy.
  Selector Far(const ClientOptions& options = {}) {
    return Client::Connect(proxy_->address(), options)
        ->AttachSession(session_->id())
        .AttachSelector("far");
  }
  // Hands the counters over to the server.
  void Pass(const Counters& counters) {
    for (int i = 0; i < counters.size(); ++i) {
      handles_.push_back(*session_->Pass(counters.fd(i)));
    }
  }
  void RegisterAll(Selector& selector, Trigger trigger) {
    for (std::size_t i = 0; i < handles_.size(); ++i) {
      ASSERT_THAT(selector.Register(handles_[i], kIn, trigger, i), IsOk());
    }
  }

  // How a game between the writer and the client goes.
  struct Game {
    std::int64_t least_events = 0;
    int least_cuts = 0;
    std::int32_t credits = 1;
    std::int32_t max_events = 0;
    // Deals with an event of counter i, so that its next write is seen anew.
    std::function<void(int i)> deal = [](int) {};
  };

  // Writes each counter, and again each time that its event was seen, until
  // there were events and cuts enough. At the end each write was answered by
  // one event, and each event by one write.
  void Play(Counters& counters, const Game& game);

  TemporaryFolder folder_;
  absl::optional<FaultProxy> proxy_;
  absl::optional<Session> session_;
  std::vector<Handle> handles_;
  std::string seed_;
};

INSTANTIATE_TEST_SUITE_P(Over, Cuts, testing::Values(Transport::kUnix),
                         [](const auto&) { return std::string("Unix"); });

// Which counters a result is about.
std::vector<int> CountersIn(const WaitResult& result) {
  std::vector<int> counters;
  for (const client::Event& event : result.events) {
    counters.push_back(static_cast<int>(event.cookie));
  }
  for (const NamedKevent& event : result.kevents) {
    counters.push_back(static_cast<int>(event.kevent.udata));
  }
  return counters;
}

// Attempts follow one another as fast as they can.
RetryOptions Hasty() {
  RetryOptions retry;
  retry.first_pause = absl::Milliseconds(2);
  retry.longest_pause = absl::Milliseconds(20);
  return retry;
}

void Cuts::Play(Counters& counters, const Game& game) {
  SCOPED_TRACE(seed_);
  Selector far = Far();
  WaitOptions options;
  options.credits = game.credits;
  options.max_events = game.max_events;
  options.timeout = absl::Seconds(20);
  absl::StatusOr<EventStream> stream = far.WaitFor(options, Hasty());
  ASSERT_THAT(stream, IsOk());
  std::vector<std::int64_t> seen(counters.size());
  std::int64_t all_seen = 0;
  std::int64_t all_asked = counters.size();
  absl::optional<std::int64_t> sequence;
  Writer writer(counters);
  std::vector<int> all;
  for (int i = 0; i < counters.size(); ++i) {
    all.push_back(i);
  }
  writer.Ask(all);

  while (all_seen < all_asked) {
    const WaitResult* const result = stream->Next();
    ASSERT_NE(result, nullptr) << stream->status();
    const std::vector<int> about = CountersIn(*result);
    if (about.empty()) {
      break;  // whatever is missing was lost
    }
    const std::int64_t is = result->position.sequence;
    ASSERT_EQ(is, sequence.value_or(is - 1) + 1);
    sequence = is;
    for (const int i : about) {
      ++all_seen;
      ASSERT_LE(++seen[i], counters.written(i)) << "doubled at " << is;
      game.deal(i);
    }
    if (all_seen < game.least_events || proxy_->cuts() < game.least_cuts) {
      all_asked += static_cast<std::int64_t>(about.size());
      writer.Ask(about);
    }
  }

  for (int i = 0; i < counters.size(); ++i) {
    EXPECT_EQ(seen[i], counters.written(i)) << "of counter " << i;
  }
  EXPECT_GE(all_seen, game.least_events);
  EXPECT_GE(proxy_->cuts(), game.least_cuts);
  // Not each: a cut may come before the call is sent, or after the last result.
  EXPECT_GE(stream->reconnects(), game.least_cuts / 2);
  RecordProperty("events", absl::StrCat(all_seen));
  RecordProperty("cuts", proxy_->cuts());
}

// ---- Nothing lost, nothing doubled.

TEST_P(Cuts, AHundredThousandEdgesThroughAHundredCutsAreSeenOnceEach) {
  StartCutting(/*most_bytes_to_cut=*/30'000);
  Counters counters(256);
  Selector selector = MakeSelector();
  Pass(counters);
  RegisterAll(selector, Trigger::kEdge);

  Play(counters, {.least_events = 100'000,
                  .least_cuts = 100,
                  .credits = 8,
                  .max_events = 16});
}

TEST_P(Cuts, EdgesOfAWriterThatDoesNotWaitAreAllAnswered) {
  StartCutting(/*most_bytes_to_cut=*/4'000);
  SCOPED_TRACE(seed_);
  Counters counters(32);
  Selector selector = MakeSelector();
  Pass(counters);
  RegisterAll(selector, Trigger::kEdge);
  Selector far = Far();
  WaitOptions options;
  options.credits = 4;
  options.timeout = absl::Seconds(20);
  absl::StatusOr<EventStream> stream = far.WaitFor(options, Hasty());
  ASSERT_THAT(stream, IsOk());

  std::atomic<std::int64_t> written{INT64_MAX};  // known at the end
  const std::future<void> writer = std::async(std::launch::async, [&] {
    std::int64_t writes = 1;
    for (; writes < 50'000 || proxy_->cuts() < 25; ++writes) {
      counters.Write(static_cast<int>(writes % counters.size()));
    }
    written = writes;
    counters.Write(0);  // its event finds the sum known
  });
  std::int64_t taken = 0;
  while (taken < written) {
    const WaitResult* const result = stream->Next();
    ASSERT_NE(result, nullptr) << stream->status();
    if (result->events.empty()) {
      break;  // whatever is missing was lost
    }
    for (const int i : CountersIn(*result)) {
      taken += counters.Take(i);
    }
  }

  writer.wait();
  EXPECT_EQ(taken, written);
}

TEST_P(Cuts, OneShotsAreSeenOnceForEachRegistration) {
  StartCutting(/*most_bytes_to_cut=*/3'000);
  Counters counters(32);
  Selector selector = MakeSelector();
  Pass(counters);
  RegisterAll(selector, Trigger::kOneShot);

  Play(counters,
       {.least_events = 2'000,
        .least_cuts = 20,
        .credits = 4,
        .max_events = 8,
        .deal = [&](int i) {
          EXPECT_EQ(counters.Take(i), 1);
          ASSERT_THAT(selector.Register(handles_[i], kIn, Trigger::kOneShot, i),
                      IsOk());
        }});
}

TEST_P(Cuts, LevelsAreSeenOnceForEachReadiness) {
  for (const int credits : {1, 4}) {
    StartCutting(/*most_bytes_to_cut=*/5'000);
    Counters counters(32);
    Selector selector = MakeSelector();
    Pass(counters);
    RegisterAll(selector, Trigger::kLevel);

    Play(counters, {.least_events = 5'000,
                    .least_cuts = 20,
                    .credits = credits,
                    .max_events = 8,
                    .deal = [&](int i) { EXPECT_EQ(counters.Take(i), 1); }});

    handles_.clear();
    proxy_.reset();
  }
}

class KqueueCuts : public Cuts {
 protected:
  void Change(Selector& queue, int i, std::uint16_t flags) {
    farpoll::Kevent change;
    change.filter = evfilt::kRead;
    change.flags = flags;
    change.udata = i;
    ASSERT_THAT(queue.Control({client::KeventOn(handles_[i], change)}, 0),
                IsOk());
  }
};

INSTANTIATE_TEST_SUITE_P(Over, KqueueCuts, testing::Values(Transport::kUnix),
                         [](const auto&) { return std::string("Unix"); });

TEST_P(KqueueCuts, EventsAreSeenOnceEach) {
  const std::pair<const char*, int> rows[] = {{"level", 0},
                                              {"clear", ev::kClear},
                                              {"dispatch", ev::kDispatch},
                                              {"oneshot", ev::kOneShot}};
  for (const auto& [name, flags] : rows) {
    SCOPED_TRACE(name);
    StartCutting(/*most_bytes_to_cut=*/4'000);
    Counters counters(32);
    Selector queue = MakeSelector(v1::SELECTOR_KIND_KQUEUE);
    Pass(counters);
    for (int i = 0; i < counters.size(); ++i) {
      Change(queue, i, static_cast<std::uint16_t>(ev::kAdd | flags));
    }
    const bool again = (flags & (ev::kDispatch | ev::kOneShot)) != 0;

    Play(counters, {.least_events = 2'000,
                    .least_cuts = 15,
                    .credits = 4,
                    .max_events = 8,
                    .deal = [&, flags = flags](int i) {
                      EXPECT_EQ(counters.Take(i), 1);
                      if (again) {
                        Change(queue, i,
                               static_cast<std::uint16_t>(ev::kAdd |
                                                          ev::kEnable | flags));
                      }
                    }});

    handles_.clear();
    proxy_.reset();
  }
}

// ---- What the caller is told.

TEST_P(Cuts, AResultHandedOutBeforeACutIsNotHandedOutAgain) {
  StartProxy({});
  Counters counters(1);
  Selector selector = MakeSelector();
  Pass(counters);
  RegisterAll(selector, Trigger::kEdge);
  absl::StatusOr<EventStream> stream = Far().WaitFor({}, Hasty());
  ASSERT_THAT(stream, IsOk());
  counters.Write(0);
  const WaitResult* result = stream->Next();
  ASSERT_NE(result, nullptr);
  const std::int64_t first = result->position.sequence;

  proxy_->CutAll();
  counters.Write(0);

  result = stream->Next();
  ASSERT_NE(result, nullptr) << stream->status();
  EXPECT_EQ(result->position.sequence, first + 1);
  EXPECT_EQ(stream->reconnects(), 1);
}

TEST_P(Cuts, AWaitWithoutRetryEndsWithItsConnection) {
  StartProxy({});
  Selector selector = MakeSelector();
  absl::StatusOr<EventStream> stream = Far().Wait();
  ASSERT_THAT(stream, IsOk());

  proxy_->CutAll();

  EXPECT_EQ(stream->Next(), nullptr);
  EXPECT_THAT(stream->status(), StatusIs(absl::StatusCode::kUnavailable));
}

TEST_P(Cuts, AServerOutOfReachIsToldAfterTheTimeAllowed) {
  StartProxy({});
  proxy_->Refuse();
  Selector selector = MakeSelector();
  RetryOptions retry = Hasty();
  retry.give_up_after = absl::Milliseconds(50);
  absl::StatusOr<EventStream> stream = Far().WaitFor({}, retry);
  ASSERT_THAT(stream, IsOk());

  EXPECT_EQ(stream->Next(), nullptr);

  EXPECT_THAT(stream->status(), StatusIs(absl::StatusCode::kUnavailable));
}

TEST_P(Cuts, ATimeoutPassesWhileTheServerIsOutOfReach) {
  StartProxy({});
  proxy_->Refuse();
  Counters counters(1);
  Selector selector = MakeSelector();
  Pass(counters);
  RegisterAll(selector, Trigger::kEdge);
  counters.Write(0);
  WaitOptions options;
  options.timeout = absl::Milliseconds(20);
  absl::StatusOr<EventStream> stream = Far().WaitFor(options, Hasty());
  ASSERT_THAT(stream, IsOk());
  for (int i = 0; i < 3; ++i) {
    const WaitResult* const nothing = stream->Next();
    ASSERT_NE(nothing, nullptr) << stream->status();
    EXPECT_THAT(nothing->events, testing::IsEmpty());
  }

  proxy_->Admit();

  const WaitResult* result = nullptr;
  do {
    result = stream->Next();
    ASSERT_NE(result, nullptr) << stream->status();
  } while (result->events.empty());
  EXPECT_EQ(result->events[0].handle_id, handles_[0].id());
}

TEST_P(Cuts, ATimeoutPassesWhileTheConnectionIsStalled) {
  StartProxy({});
  Counters counters(1);
  Selector selector = MakeSelector();
  Pass(counters);
  RegisterAll(selector, Trigger::kEdge);
  WaitOptions options;
  options.timeout = absl::Milliseconds(20);
  absl::StatusOr<EventStream> stream =
      Far({.call_timeout = absl::Milliseconds(20)}).WaitFor(options, Hasty());
  ASSERT_THAT(stream, IsOk());
  proxy_->Stall(FaultProxy::Way::kToClient);
  counters.Write(0);
  const WaitResult* result = stream->Next();
  ASSERT_NE(result, nullptr) << stream->status();
  EXPECT_THAT(result->events, testing::IsEmpty());

  proxy_->Flow(FaultProxy::Way::kToClient);

  do {
    result = stream->Next();
    ASSERT_NE(result, nullptr) << stream->status();
  } while (result->events.empty());
  EXPECT_EQ(stream->reconnects(), 0);
}

TEST_P(Cuts, CancelEndsAPause) {
  StartProxy({});
  proxy_->Refuse();
  Selector selector = MakeSelector();
  RetryOptions retry;
  retry.first_pause = retry.longest_pause = absl::Hours(1);
  retry.random = [] { return 1.0; };
  absl::StatusOr<EventStream> stream = Far().WaitFor({}, retry);
  ASSERT_THAT(stream, IsOk());

  std::thread canceller([&] { stream->Cancel(); });
  const WaitResult* const result = stream->Next();
  canceller.join();

  EXPECT_EQ(result, nullptr);
  EXPECT_THAT(stream->status(), StatusIs(absl::StatusCode::kCancelled));
}

TEST_P(Cuts, CancellingTheClientEndsAPause) {
  StartProxy({});
  proxy_->Refuse();
  Selector selector = MakeSelector();
  RetryOptions retry;
  retry.first_pause = retry.longest_pause = absl::Hours(1);
  retry.random = [] { return 1.0; };
  Client client = *Client::Connect(proxy_->address());
  absl::StatusOr<EventStream> stream = client.AttachSession(session_->id())
                                           .AttachSelector("far")
                                           .WaitFor({}, retry);
  ASSERT_THAT(stream, IsOk());

  std::thread canceller([&] { client.Cancel(); });
  const WaitResult* const result = stream->Next();
  canceller.join();

  EXPECT_EQ(result, nullptr);
  EXPECT_THAT(stream->status(), StatusIs(absl::StatusCode::kCancelled));
}

TEST_P(Cuts, ASelectorThatSomebodyElseTookIsTold) {
  StartProxy({});
  Counters counters(1);
  Selector selector = MakeSelector();
  Pass(counters);
  RegisterAll(selector, Trigger::kEdge);
  RetryOptions retry = Hasty();
  retry.busy_patience = absl::Milliseconds(50);
  absl::StatusOr<EventStream> stream = Far().WaitFor({}, retry);
  ASSERT_THAT(stream, IsOk());
  counters.Write(0);
  ASSERT_NE(stream->Next(), nullptr);

  proxy_->Refuse();
  proxy_->CutAll();
  Await([&] { return !selector.Describe()->waiting(); }, "the cut is noticed");
  absl::StatusOr<EventStream> other = selector.Wait();
  ASSERT_THAT(other, IsOk());
  Await([&] { return selector.Describe()->waiting(); }, "the other has it");
  proxy_->Admit();

  EXPECT_EQ(stream->Next(), nullptr);
  EXPECT_THAT(stream->status(),
              StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_EQ(DetailOf(stream->status()).reason, "WAIT_IN_PROGRESS");
}

TEST_P(Cuts, ASelectorOrSessionThatIsGoneIsToldAsSuch) {
  const std::pair<const char*, std::function<void(Selector&)>> rows[] = {
      {"CLOSED", [](Selector& selector) { selector.Close().IgnoreError(); }},
      {"SESSION_DELETED",
       [this](Selector&) { session_->Close().IgnoreError(); }}};
  StartProxy({});
  for (const auto& [reason, end] : rows) {
    Selector selector = MakeSelector();
    absl::StatusOr<EventStream> stream = Far().WaitFor({}, Hasty());
    ASSERT_THAT(stream, IsOk());
    Await([&] { return selector.Describe()->waiting(); }, "the wait is on");

    end(selector);

    EXPECT_EQ(stream->Next(), nullptr);
    EXPECT_THAT(stream->status(), StatusIs(absl::StatusCode::kNotFound));
    EXPECT_EQ(DetailOf(stream->status()).reason, reason);
  }
}

TEST_P(Cuts, WhatWentDuringTheCutIsToldAsGone) {
  StartProxy({});
  Selector selector = MakeSelector();
  absl::StatusOr<EventStream> stream = Far().WaitFor({}, Hasty());
  ASSERT_THAT(stream, IsOk());
  Await([&] { return selector.Describe()->waiting(); }, "the wait is on");

  proxy_->Refuse();
  proxy_->CutAll();
  ASSERT_THAT(selector.Close(), IsOk());
  proxy_->Admit();

  EXPECT_EQ(stream->Next(), nullptr);
  EXPECT_THAT(stream->status(), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_EQ(DetailOf(stream->status()).reason, "SELECTOR_UNKNOWN");
}

// ---- Another server.

TEST_P(Cuts, ARestartUnderLoadIsToldToEachAsItsOwnError) {
  constexpr int kStreams = 16;
  StartProxy({});
  Client client = *Client::Connect(proxy_->address());
  Counters counters(kStreams);
  std::vector<std::future<absl::Status>> ends;
  std::atomic<int> served{0};
  for (int i = 0; i < kStreams; ++i) {
    handles_.push_back(*session_->Pass(counters.fd(i)));
    Selector selector =
        *session_->CreateSelector(v1::SELECTOR_KIND_POLL, absl::StrCat("s", i));
    ASSERT_THAT(selector.Register(handles_[i], kIn, Trigger::kEdge), IsOk());
    selector.Release();
    ends.push_back(std::async(std::launch::async, [&, i] {
      absl::StatusOr<EventStream> stream =
          client.AttachSession(session_->id())
              .AttachSelector(absl::StrCat("s", i))
              .WaitFor({}, Hasty());
      counters.Write(i);
      while (stream->Next() != nullptr) {
        ++served;
        counters.Write(i);
      }
      return stream->status();
    }));
  }
  Await([&] { return served > 100 * kStreams; }, "all are served");

  Stop();
  absl::StatusOr<std::unique_ptr<server::Server>> next =
      server::Server::Start({.listen = {address()}});
  ASSERT_THAT(next, IsOk());

  for (std::future<absl::Status>& end : ends) {
    const absl::Status status = end.get();
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kNotFound));
    EXPECT_EQ(DetailOf(status).reason, "SESSION_UNKNOWN");
  }
  handles_.clear();
  session_.reset();
}

}  // namespace
}  // namespace farpoll
