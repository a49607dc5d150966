// tests/integration/async_wait_test.cc: room: tests. Waits that call back: many
// on one thread, over connections that are cut, and how they end.
#include <dirent.h>

#include <atomic>
#include <fstream>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/mutex.h"
#include "client/client.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/integration/cuts.h"
#include "tests/integration/peer.h"
#include "tests/integration/server_fixture.h"

namespace farpoll {
namespace {

// How many threads of this process have the name.
int CountThreads(const std::string& name) {
  int count = 0;
  DIR* const tasks = opendir("/proc/self/task");
  while (const dirent* const task = readdir(tasks)) {
    std::ifstream file(absl::StrCat("/proc/self/task/", task->d_name, "/comm"));
    std::string line;
    count += std::getline(file, line) && line == name ? 1 : 0;
  }
  closedir(tasks);
  return count;
}

// The end of a wait, to be waited for.
class Ending {
 public:
  void Tell(const absl::Status& status) {
    MutexLock lock(&mutex_);
    told_.push_back(status);
  }
  bool told() {
    MutexLock lock(&mutex_);
    return !told_.empty();
  }
  // What was told, once it was.
  absl::Status Await() {
    farpoll::Await([this] { return told(); }, "the wait's end is told");
    MutexLock lock(&mutex_);
    EXPECT_EQ(told_.size(), 1u);
    return told_.empty() ? absl::OkStatus() : told_.front();
  }

 private:
  Mutex mutex_;
  std::vector<absl::Status> told_ ABSL_GUARDED_BY(mutex_);
};

class AsyncWaits : public ProxyTest {
 protected:
  static constexpr int kMany = 1000;

  server::Limits ServerLimits() override {
    return {.max_session_selectors = 2 * kMany,
            .max_session_streams = 2 * kMany};
  }
};

INSTANTIATE_PROXY_TESTS(AsyncWaits);

TEST_P(AsyncWaits, AThousandSelectorsAreOneThreadAndOneChannel) {
  // The kernel lets a file be in five hundred sets at most.
  constexpr int kFiles = 10;
  Counters counters(kFiles);
  Pass(counters);
  std::atomic<int> seen{0};
  WaitLoop loop;
  std::vector<Selector> selectors;
  std::vector<AsyncWait> waits;
  for (int i = 0; i < kMany; ++i) {
    selectors.push_back(*session_->CreateSelector(v1::SELECTOR_KIND_POLL));
    ASSERT_THAT(
        selectors.back().Register(handles_[i % kFiles], kIn, Trigger::kEdge),
        IsOk());
    absl::StatusOr<AsyncWait> wait = selectors.back().WaitAsync(
        loop,
        {.on_result =
             [&seen](const WaitResult& result) {
               seen += static_cast<int>(result.events.size());
             },
         .on_end =
             [](const absl::Status& status) { ADD_FAILURE() << status; }});
    ASSERT_THAT(wait, IsOk());
    waits.push_back(*std::move(wait));
  }

  for (int round = 1; round <= 3; ++round) {
    for (int i = 0; i < kFiles; ++i) {
      counters.Write(i);
    }
    Await([&] { return seen == round * kMany; }, "each wait has its event");
  }

  EXPECT_EQ(CountThreads("farpoll-waits"), 1);
}

TEST_P(AsyncWaits, EdgesAreSeenOnceEachThroughCuts) {
  constexpr int kEvents = 5'000;
  Counters counters(16);
  Selector selector = MakeSelector();
  Pass(counters);
  RegisterAll(selector, Trigger::kEdge);
  StartProxy(
      {.seed = 5, .least_bytes_to_cut = 2'000, .most_bytes_to_cut = 20'000});
  Selector far = Far();
  std::vector<int> seen(16);
  std::atomic<int> total{0};
  Ending ending;
  WaitLoop loop;
  const auto wait = far.WaitAsync(
      loop,
      {.on_result =
           [&](const WaitResult& result) {
             // A write answers each event, so that no two edges are one.
             for (const client::Event& event : result.events) {
               const int i = static_cast<int>(event.cookie);
               ++seen[i];
               if (++total < kEvents) {
                 counters.Write(i);
               }
             }
           },
       .on_end = [&](const absl::Status& status) { ending.Tell(status); }},
      {.credits = 8}, Hasty());
  ASSERT_THAT(wait, IsOk());

  for (int i = 0; i < counters.size(); ++i) {
    counters.Write(i);
  }

  Await([&] { return total >= kEvents || ending.told(); }, "all are seen");
  EXPECT_FALSE(ending.told());
  EXPECT_GT(proxy_->connections(), 3);
  Await(
      [&] {
        std::int64_t written = 0;
        for (int i = 0; i < counters.size(); ++i) {
          written += counters.written(i);
        }
        return total == written;
      },
      "the account of the client is the writer's");
}

TEST_P(AsyncWaits, CancelFromOutsideIsTheLastWord) {
  Counters counters(1);
  Selector selector = MakeSelector();
  Pass(counters);
  RegisterAll(selector, Trigger::kLevel);
  std::atomic<int> seen{0};
  Ending ending;
  WaitLoop loop;
  absl::StatusOr<AsyncWait> wait = selector.WaitAsync(
      loop, {.on_result = [&](const WaitResult&) { ++seen; },
             .on_end = [&](const absl::Status& end) { ending.Tell(end); }});
  ASSERT_THAT(wait, IsOk());
  counters.Write(0);
  Await([&] { return seen > 3; }, "results come");

  wait->Cancel();

  const int at_return = seen;
  Await([&] { return !selector.Describe()->waiting(); }, "the wait is gone");
  EXPECT_EQ(seen, at_return);
  EXPECT_FALSE(ending.told());
}

TEST_P(AsyncWaits, CancelFromACallbackLeavesItsResultToTheNextWait) {
  Counters counters(1);
  Selector selector = MakeSelector();
  Pass(counters);
  RegisterAll(selector, Trigger::kEdge);
  std::atomic<int> seen{0};
  WaitLoop loop;
  absl::optional<AsyncWait> wait;
  Mutex mutex;
  {
    MutexLock lock(&mutex);  // until `wait` is there
    wait = *selector.WaitAsync(loop, {.on_result =
                                          [&](const WaitResult&) {
                                            MutexLock lock(&mutex);
                                            ++seen;
                                            wait->Cancel();
                                          },
                                      .on_end = [](const absl::Status&) {}});
  }
  counters.Write(0);
  Await([&] { return seen == 1 && !selector.Describe()->waiting(); },
        "it cancelled itself");

  const auto events = selector.Poll(kPatience);
  ASSERT_THAT(events, IsOk());
  EXPECT_EQ(events->size(), 1u);
}

TEST_P(AsyncWaits, TheEndIsToldOnce) {
  Selector selector = MakeSelector();
  Ending refused;
  Ending closed;
  WaitLoop loop;
  const WaitCallbacks holder{
      .on_result = [](const WaitResult&) {},
      .on_end = [&](const absl::Status& end) { closed.Tell(end); }};
  const auto wait = selector.WaitAsync(loop, holder);
  ASSERT_THAT(wait, IsOk());
  Await([&] { return selector.Describe()->waiting(); }, "the wait is on");

  RetryOptions impatient = Hasty();
  impatient.busy_patience = absl::Milliseconds(50);
  const auto second = selector.WaitAsync(
      loop,
      {.on_result = [](const WaitResult&) {},
       .on_end = [&](const absl::Status& end) { refused.Tell(end); }},
      {}, impatient);
  ASSERT_THAT(second, IsOk());
  EXPECT_THAT(refused.Await(), StatusIs(absl::StatusCode::kFailedPrecondition));

  ASSERT_THAT(selector.Close(), IsOk());
  EXPECT_THAT(closed.Await(), StatusIs(absl::StatusCode::kNotFound));
}

TEST_P(AsyncWaits, AServerThatStaysAwayIsToldAfterTheTimeAllowed) {
  Ending ending;
  WaitLoop loop;
  RetryOptions retry = Hasty();
  retry.give_up_after = absl::Milliseconds(100);
  Selector nowhere =
      Client::Connect(absl::StrCat("unix:", folder_.path(), "/nobody"))
          ->AttachSession("s")
          .AttachSelector("far");
  const auto wait = nowhere.WaitAsync(
      loop,
      {.on_result = [](const WaitResult&) {},
       .on_end = [&](const absl::Status& end) { ending.Tell(end); }},
      {}, retry);
  ASSERT_THAT(wait, IsOk());

  EXPECT_THAT(ending.Await(), StatusIs(absl::StatusCode::kUnavailable));
}

TEST_P(AsyncWaits, CancellingTheClientEndsThem) {
  MakeSelector().Release();
  Client client = *Client::Connect(address());
  Selector selector =
      client.AttachSession(session_->id()).AttachSelector("far");
  Ending ending;
  WaitLoop loop;
  const auto wait = selector.WaitAsync(
      loop, {.on_result = [](const WaitResult&) {},
             .on_end = [&](const absl::Status& end) { ending.Tell(end); }});
  ASSERT_THAT(wait, IsOk());

  client.Cancel();

  EXPECT_THAT(ending.Await(), StatusIs(absl::StatusCode::kCancelled));
}

TEST_P(AsyncWaits, ALoopThatGoesEndsItsWaits) {
  Selector selector = MakeSelector();
  absl::optional<AsyncWait> wait;
  {
    WaitLoop loop;
    wait = *selector.WaitAsync(
        loop,
        {.on_result = [](const WaitResult&) {},
         .on_end = [](const absl::Status& end) { ADD_FAILURE() << end; }});
    Await([&] { return selector.Describe()->waiting(); }, "the wait is on");
  }

  Await([&] { return !selector.Describe()->waiting(); }, "the wait is gone");
  wait->Cancel();
}

// ---- A blocking stream from several threads.

TEST_P(AsyncWaits, AStreamIsFedAndCancelledFromOtherThreads) {
  Counters counters(2);
  Selector selector = MakeSelector();
  Pass(counters);
  absl::StatusOr<EventStream> stream = selector.WaitFor();
  ASSERT_THAT(stream, IsOk());
  std::atomic<int> seen{0};
  std::thread reader([&] {
    while (stream->Next() != nullptr) {
      ++seen;
    }
  });

  for (int i = 0; i < counters.size(); ++i) {
    // While Next() is in progress.
    ASSERT_THAT(selector.Register(handles_[i], kIn, Trigger::kEdge), IsOk());
    counters.Write(i);
    Await([&] { return seen == i + 1; }, "its event comes");
    ASSERT_THAT(selector.Unregister(handles_[i]), IsOk());
  }
  stream->Cancel();
  reader.join();
  EXPECT_THAT(stream->status(), StatusIs(absl::StatusCode::kCancelled));
}

}  // namespace
}  // namespace farpoll
