// tests/integration/cuts_test.cc: room: tests. Connections that are cut at
// random between a client and its server: what the client saw against what was
// written, each event exactly once.
#include "tests/integration/cuts.h"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <functional>
#include <future>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "base/mutex.h"
#include "client/client.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "selector/kqueue/kevent.h"

namespace farpoll {
namespace {

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

class Cuts : public ProxyTest {
 protected:
  // How a game between the writer and the client goes.
  struct Game {
    std::int64_t least_events = 0;
    int least_cuts = 0;
    int least_connections = 0;
    std::int32_t credits = 1;
    std::int32_t max_events = 0;
    // Deals with an event of counter i, so that its next write is seen anew.
    std::function<void(int i)> deal = [](int) {};
  };

  // Writes each counter, and again each time that its event was seen, until
  // there were events, cuts and connections enough. At the end each write was
  // answered by one event, and each event by one write.
  void Play(Counters& counters, const Game& game);
};

INSTANTIATE_PROXY_TESTS(Cuts);

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
    if (all_seen < game.least_events || proxy_->cuts() < game.least_cuts ||
        proxy_->connections() < game.least_connections) {
      all_asked += static_cast<std::int64_t>(about.size());
      writer.Ask(about);
    }
  }

  for (int i = 0; i < counters.size(); ++i) {
    EXPECT_EQ(seen[i], counters.written(i)) << "of counter " << i;
  }
  EXPECT_GE(all_seen, game.least_events);
  EXPECT_GE(proxy_->cuts(), game.least_cuts);
  // Not as many as cuts: some come before the first result of a call.
  EXPECT_GT(stream->reconnects(), 0);
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

// ---- Connections that come of age.

class AgedConnections : public Cuts {
 protected:
  server::Limits ServerLimits() override {
    return {.max_connection_age_ms = 40, .max_connection_age_grace_ms = 10};
  }
};

INSTANTIATE_PROXY_TESTS(AgedConnections);

TEST_P(AgedConnections, EdgesAreSeenOnceEachThroughManyOfThem) {
  StartProxy({});
  Counters counters(32);
  Selector selector = MakeSelector();
  Pass(counters);
  RegisterAll(selector, Trigger::kEdge);

  Play(counters, {.least_events = 2'000,
                  .least_connections = 25,
                  .credits = 4,
                  .max_events = 8});

  EXPECT_EQ(proxy_->cuts(), 0);
}

// ---- Events of a kqueue.

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

INSTANTIATE_PROXY_TESTS(KqueueCuts);

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

}  // namespace
}  // namespace farpoll
