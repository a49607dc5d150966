// tests/integration/connections_test.cc: room: tests. How long connections
// live: through silence, not behind a peer that is gone, and to their age.
#include <future>

#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "client/client.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/integration/cuts.h"
#include "tests/integration/peer.h"
#include "tests/integration/server_fixture.h"
#include "tests/support/stopwatch.h"

namespace farpoll {
namespace {

// ---- Silence.

// A selector "far" with a timer, the only thing that breaks the silence, and a
// counter.
class Silence : public ProxyTest {
 protected:
  // The server asks five times a second, and is asked once a second.
  server::Limits ServerLimits() override {
    return {.max_peer_silence_ms = 300, .min_ping_interval_ms = 500};
  }
  void SetUp() override {
    ProxyTest::SetUp();
    StartProxy({});
    selector_.emplace(MakeSelector());
    Pass(counters_);
    RegisterAll(*selector_, Trigger::kEdge);
  }
  void TearDown() override {
    selector_.reset();
    ProxyTest::TearDown();
  }

  // Has "far" fire once, after `span`.
  void FireAfter(absl::Duration span) {
    v1::CreateTimerRequest request;
    request.mutable_after()->set_seconds(absl::ToInt64Seconds(span));
    handles_.push_back(*session_->CreateTimer(request));
    ASSERT_THAT(selector_->Register(handles_.back(), kIn, Trigger::kEdge),
                IsOk());
  }
  bool Waiting() { return selector_->Describe()->waiting(); }

  Counters counters_{1};
  absl::optional<Selector> selector_;
};

INSTANTIATE_PROXY_TESTS(Silence);

TEST_P(Silence, AnIdleStreamLivesThroughIt) {
  absl::StatusOr<EventStream> stream =
      Far({.max_peer_silence = absl::Seconds(1)}).WaitFor({}, Hasty());
  ASSERT_THAT(stream, IsOk());
  FireAfter(absl::Seconds(3));  // ten times what a peer may be silent

  const WaitResult* const result = stream->Next();

  ASSERT_NE(result, nullptr) << stream->status();
  EXPECT_EQ(result->events.size(), 1u);
  EXPECT_EQ(stream->reconnects(), 0);
  EXPECT_EQ(proxy_->connections(), 1);
}

TEST_P(Silence, AClientThatIsGoneIsNoticedAndLosesNothing) {
  absl::StatusOr<EventStream> stream = Far().WaitFor({}, Hasty());
  ASSERT_THAT(stream, IsOk());
  FireAfter(absl::Seconds(1));  // the server has asked more than once by then
  ASSERT_NE(stream->Next(), nullptr) << stream->status();
  ASSERT_TRUE(Waiting());

  proxy_->Stall(FaultProxy::Way::kToServer);

  Await([&] { return !Waiting(); }, "the wait is dropped");
  counters_.Write(0);
  proxy_->Flow(FaultProxy::Way::kToServer);
  const WaitResult* const result = stream->Next();
  ASSERT_NE(result, nullptr) << stream->status();
  ASSERT_EQ(result->events.size(), 1u);
  EXPECT_EQ(result->events[0].handle_id, handles_[0].id());
  EXPECT_EQ(stream->reconnects(), 1);
}

TEST_P(Silence, AServerThatIsGoneIsNoticed) {
  absl::StatusOr<EventStream> stream =
      Far({.max_peer_silence = absl::Seconds(1)}).Wait();
  ASSERT_THAT(stream, IsOk());
  counters_.Write(0);
  ASSERT_NE(stream->Next(), nullptr) << stream->status();

  proxy_->Stall(FaultProxy::Way::kToClient);

  EXPECT_EQ(stream->Next(), nullptr);
  EXPECT_THAT(stream->status(), StatusIs(absl::StatusCode::kUnavailable));
}

TEST_P(Silence, AStreamMovesOnFromAServerThatIsGone) {
  absl::StatusOr<EventStream> stream =
      Far({.max_peer_silence = absl::Seconds(1)}).WaitFor({}, Hasty());
  ASSERT_THAT(stream, IsOk());
  counters_.Write(0);
  ASSERT_NE(stream->Next(), nullptr) << stream->status();

  proxy_->Stall(FaultProxy::Way::kToClient);
  counters_.Write(0);
  // Once the client has given the old connection up, it makes another.
  auto next = std::async(std::launch::async, [&] { return stream->Next(); });
  Await([&] { return proxy_->connections() == 2; }, "it connects again");
  proxy_->Flow(FaultProxy::Way::kToClient);

  const WaitResult* const result = next.get();
  ASSERT_NE(result, nullptr) << stream->status();
  EXPECT_EQ(result->events.size(), 1u);
}

// ---- Signs of life asked for too often.

class ManyPings : public Silence {
 protected:
  server::Limits ServerLimits() override {
    return {.min_ping_interval_ms = 60'000};
  }
};

INSTANTIATE_PROXY_TESTS(ManyPings);

TEST_P(ManyPings, AreAnsweredWithANewConnection) {
  absl::StatusOr<EventStream> stream =
      Far({.max_peer_silence = absl::Seconds(1)}).WaitFor({}, Hasty());
  ASSERT_THAT(stream, IsOk());
  auto next = std::async(std::launch::async, [&] { return stream->Next(); });

  Await([&] { return proxy_->connections() == 2; }, "it is sent away");

  counters_.Write(0);
  const WaitResult* const result = next.get();
  ASSERT_NE(result, nullptr) << stream->status();
  EXPECT_EQ(result->events.size(), 1u);
}

// ---- Age.

// By each way in which the server hands connections to gRPC.
class Age : public ServerTest {
 protected:
  void SetUp() override {
    Start({.max_connection_age_ms = 100, .max_connection_age_grace_ms = 50});
  }
};

INSTANTIATE_SERVER_TESTS(Age);

TEST_P(Age, AWaitOnAnAgedConnectionEndsAfterTheGraceTime) {
  peer().MakeSelector("poll");
  WaitStream wait(peer(), "poll");
  wait.AwaitOpen();

  EXPECT_THAT(wait.Finish(), Fails(grpc::UNAVAILABLE, "", ""));

  Await([&] { return !peer().Waiting("poll"); }, "the wait is dropped");
}

TEST_P(Age, CallsThatFollowOneAnotherDoNotMindIt) {
  peer().MakePipe("in", "out");
  const Stopwatch stopwatch;
  while (stopwatch.elapsed() < absl::Seconds(1)) {
    peer().Write("out", "x");
    EXPECT_EQ(peer().Read("in"), "x");
  }
}

}  // namespace
}  // namespace farpoll
