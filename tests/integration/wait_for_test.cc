// tests/integration/wait_for_test.cc: room: tests. A wait that outlives its
// connections: what its caller is told, and what not.
#include <atomic>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "client/client.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/server.h"
#include "tests/integration/cuts.h"
#include "tests/integration/peer.h"
#include "tests/support/stopwatch.h"

namespace farpoll {
namespace {

class WaitFor : public ProxyTest {
 protected:
  // Pauses longer than any test.
  static RetryOptions InAnHour() {
    RetryOptions retry;
    retry.first_pause = retry.longest_pause = absl::Hours(1);
    retry.random = [] { return 1.0; };
    return retry;
  }
};

INSTANTIATE_PROXY_TESTS(WaitFor);

TEST_P(WaitFor, AResultHandedOutBeforeACutIsNotHandedOutAgain) {
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

TEST_P(WaitFor, AWaitWithoutRetryEndsWithItsConnection) {
  StartProxy({});
  Selector selector = MakeSelector();
  absl::StatusOr<EventStream> stream = Far().Wait();
  ASSERT_THAT(stream, IsOk());

  proxy_->CutAll();

  EXPECT_EQ(stream->Next(), nullptr);
  EXPECT_THAT(stream->status(), StatusIs(absl::StatusCode::kUnavailable));
}

TEST_P(WaitFor, AServerOutOfReachIsToldAfterTheTimeAllowed) {
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

TEST_P(WaitFor, ATimeoutPassesWhileTheServerIsOutOfReach) {
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

TEST_P(WaitFor, ATimeoutPassesWhileTheConnectionIsStalled) {
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

TEST_P(WaitFor, CancelEndsAPause) {
  StartProxy({});
  proxy_->Refuse();
  Selector selector = MakeSelector();
  absl::StatusOr<EventStream> stream = Far().WaitFor({}, InAnHour());
  ASSERT_THAT(stream, IsOk());

  std::thread canceller([&] { stream->Cancel(); });
  const WaitResult* const result = stream->Next();
  canceller.join();

  EXPECT_EQ(result, nullptr);
  EXPECT_THAT(stream->status(), StatusIs(absl::StatusCode::kCancelled));
}

TEST_P(WaitFor, CancellingTheClientEndsAPause) {
  StartProxy({});
  proxy_->Refuse();
  Selector selector = MakeSelector();
  Client client = *Client::Connect(proxy_->address());
  absl::StatusOr<EventStream> stream = client.AttachSession(session_->id())
                                           .AttachSelector("far")
                                           .WaitFor({}, InAnHour());
  ASSERT_THAT(stream, IsOk());

  std::thread canceller([&] { client.Cancel(); });
  const WaitResult* const result = stream->Next();
  canceller.join();

  EXPECT_EQ(result, nullptr);
  EXPECT_THAT(stream->status(), StatusIs(absl::StatusCode::kCancelled));
}

TEST_P(WaitFor, ASelectorThatSomebodyElseTookIsTold) {
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

TEST_P(WaitFor, AStreamThatWasTakenOverIsToldAndStaysAway) {
  StartProxy({});
  Counters counters(1);
  Selector selector = MakeSelector();
  Pass(counters);
  RegisterAll(selector, Trigger::kEdge);
  WaitOptions options;
  options.take_over = true;
  absl::StatusOr<EventStream> first = Far().WaitFor(options, Hasty());
  ASSERT_THAT(first, IsOk());
  counters.Write(0);
  const WaitResult* result = first->Next();
  ASSERT_NE(result, nullptr);
  options.resume_after = WaitPosition{result->position.epoch, 0};

  absl::StatusOr<EventStream> second = selector.WaitFor(options, Hasty());
  ASSERT_THAT(second, IsOk());
  result = second->Next();

  ASSERT_NE(result, nullptr) << second->status();
  EXPECT_EQ(result->events.size(), 1u);
  EXPECT_EQ(first->Next(), nullptr);
  EXPECT_THAT(first->status(), StatusIs(absl::StatusCode::kAborted));
  EXPECT_EQ(DetailOf(first->status()).reason, "TAKEN_OVER");
}

TEST_P(WaitFor, ANoticeIsNoTimeoutAndMovesNone) {
  StartProxy({});
  Counters counters(1);
  Selector selector = MakeSelector();
  Pass(counters);
  RegisterAll(selector, Trigger::kEdge);
  counters.Write(0);
  WaitOptions options;
  options.timeout = absl::Milliseconds(350);
  options.progress_interval = absl::Milliseconds(100);
  absl::StatusOr<EventStream> stream = Far().WaitFor(options, Hasty());
  ASSERT_THAT(stream, IsOk());
  const WaitResult* result = stream->Next();
  ASSERT_NE(result, nullptr);
  EXPECT_EQ(result->events.size(), 1u);
  const WaitPosition position = result->position;

  const Stopwatch watch;
  int notices = 0;
  while ((result = stream->Next()) != nullptr && result->progress) {
    EXPECT_EQ(result->position.sequence, position.sequence);
    EXPECT_EQ(result->position.epoch, position.epoch);
    EXPECT_TRUE(result->events.empty());
    ++notices;
  }

  ASSERT_NE(result, nullptr) << stream->status();
  EXPECT_TRUE(result->events.empty());
  EXPECT_GE(notices, 2);
  EXPECT_GE(watch.elapsed(), options.timeout.span());
  EXPECT_LT(watch.elapsed(), kAtOnce);
}

TEST_P(WaitFor, ASelectorOrSessionThatIsGoneIsToldAsSuch) {
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

TEST_P(WaitFor, WhatWentDuringTheCutIsToldAsGone) {
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

TEST_P(WaitFor, ARestartUnderLoadIsToldToEachAsItsOwnError) {
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
