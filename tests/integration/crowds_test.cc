// tests/integration/crowds_test.cc: room: tests. Clients that do not keep up,
// and many that come and go: what they cost is bounded, and none of it stays.
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/substitute.h"
#include "client/client.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/integration/cuts.h"
#include "tests/integration/peer.h"
#include "tests/integration/server_fixture.h"
#include "tests/support/memory.h"

namespace farpoll {
namespace {

// ---- A reader that stalls.

class Stalled : public ProxyTest {
 protected:
  static constexpr int kCounters = 200;
  static constexpr int kChanges = 1'000'000;

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

  Counters counters_{kCounters};
  absl::optional<Selector> selector_;
};

INSTANTIATE_PROXY_TESTS(Stalled);

TEST_P(Stalled, AMillionChangesPassAndTheNewestStateIsSeen) {
  absl::StatusOr<EventStream> stream = Far().WaitFor({.credits = 64}, Hasty());
  ASSERT_THAT(stream, IsOk());
  proxy_->Stall(FaultProxy::Way::kToClient);
  const std::int64_t before = AllocatedBytes();

  for (int i = 0; i < kChanges; ++i) {
    counters_.Write(i % kCounters);
  }

  EXPECT_LT(AllocatedBytes() - before, 256 << 10);
  proxy_->Flow(FaultProxy::Way::kToClient);
  std::int64_t taken = 0;
  while (taken < kChanges) {
    const WaitResult* const result = stream->Next();
    ASSERT_NE(result, nullptr) << stream->status();
    for (const client::Event& event : result->events) {
      taken += counters_.Take(static_cast<int>(event.cookie));
    }
  }
  EXPECT_EQ(taken, kChanges);
}

// ---- A client that never acknowledges.

// A pipe "in"/"out" and a POLL selector "poll" with "in" registered by edges.
class Crowds : public ServerTest {
 protected:
  static constexpr int kWindow = 64;

  void SetUp() override {
    ServerTest::SetUp();
    peer().MakePipe("in", "out");
    peer().MakeSelector("poll");
    peer().Register("poll", "in", kIn, "EDGE");
  }

  void AwaitNoStreams() {
    Await(
        [&] {
          return peer().Must(&Sessions::GetSession, "").session().streams() ==
                 0;
        },
        "every stream is gone");
  }
};

INSTANTIATE_SERVER_TESTS(Crowds);

TEST_P(Crowds, WhoNeverAcknowledgesGetsAWindowAndLosesNothing) {
  std::int64_t epoch = 0;
  {
    WaitStream wait(peer(), "poll", absl::StrCat("credits: ", kWindow));
    wait.AwaitOpen();
    for (int i = 1; i <= kWindow; ++i) {
      peer().Write("out", "x");
      const absl::optional<v1::WaitResponse> result = wait.Read();
      ASSERT_TRUE(result.has_value());
      ASSERT_EQ(result->sequence(), i);
      epoch = result->epoch();
    }
    peer().Write("out", "x");
    wait.ExpectNothingSent();
    wait.Grant(0);
    EXPECT_THAT(wait.Finish(),
                Fails(grpc::INVALID_ARGUMENT, "EINVAL", "BAD_CREDITS"));
  }
  AwaitNoStreams();

  WaitStream again(
      peer(), "poll",
      absl::Substitute("credits: $0 resume_after { epoch: $1 sequence: 0 }",
                       kWindow, epoch));
  for (int i = 1; i <= kWindow; ++i) {
    EXPECT_EQ(again.Next(i), "in:1");
  }
  again.Grant(kWindow);
  EXPECT_EQ(again.Next(kWindow + 1), "in:1") << "the write that came too late";
}

// ---- Streams by the thousand.

TEST_P(Crowds, TenThousandStreamsComeAndGo) {
  constexpr int kAtOnce = 100;
  constexpr int kRounds = 100;
  for (int i = 0; i < kAtOnce; ++i) {
    peer().MakeSelector(absl::StrCat("s", i));
  }

  for (int round = 0; round < kRounds; ++round) {
    std::vector<std::unique_ptr<WaitStream>> streams;
    for (int i = 0; i < kAtOnce; ++i) {
      if (i % 4 == 0) {  // says nothing at all
        streams.push_back(std::make_unique<WaitStream>(peer()));
        continue;
      }
      // Some of the last round may be on their way out.
      streams.push_back(std::make_unique<WaitStream>(
          peer(), absl::StrCat("s", i), "credits: 1"));
      if (i % 4 == 1) {
        streams.back()->AwaitOpen();
      } else if (i % 4 == 2) {
        streams.back()->HalfClose();
      }
    }
  }

  AwaitNoStreams();
  peer().Write("out", "x");
  EXPECT_EQ(peer().Poll("poll", kPatience), "in:1");
}

}  // namespace
}  // namespace farpoll
