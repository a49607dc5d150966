// tests/server/observe/observers_test.cc: room: tests. Observing a session:
// looks at real handles, shared, at a clock that the test moves.
#include "server/observe/observers.h"

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/session/session_fixture.h"

namespace farpoll::server {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr absl::Duration kPeriod = absl::Milliseconds(100);

class ObserversTest : public SessionTest {
 protected:
  ObserversTest() { EXPECT_THAT(session_->CreatePipe("in", "out", 0), IsOk()); }

  absl::StatusOr<std::unique_ptr<Observing>> Observe(
      const ObserveRequest& request) {
    return observers_.Observe(session_, request, sink_);
  }
  // One that has had its first look.
  std::unique_ptr<Observing> Begin(const ObserveRequest& request = {}) {
    auto observing = Observe(request);
    EXPECT_THAT(observing, IsOk());
    LetLook();
    return *std::move(observing);
  }
  // Lets a look that is due come to its end, all pages of it.
  void LetLook() {
    for (int page = 0; page < 4; ++page) {
      Advance(absl::ZeroDuration());
    }
  }
  void NextLook() {
    Advance(kPeriod);
    LetLook();
  }

  // Names of what is told now, with what became of them: "changed in".
  std::vector<std::string> Told(Observing& observing) {
    static constexpr const char* kWhat[] = {"present", "made", "changed",
                                            "closed"};
    std::vector<std::string> told;
    for (;;) {
      const auto frame = observing.Take();
      EXPECT_THAT(frame, IsOk());
      if (!frame.ok() || !frame->has_value()) {
        return told;
      }
      for (const ObservedChange& change : (*frame)->changes) {
        told.push_back(absl::StrCat(kWhat[static_cast<int>(change.what)], " ",
                                    change.handle.name));
      }
      if ((*frame)->known.has_value()) {
        token_ = observing.TokenOf(*(*frame)->known);
      }
    }
  }

  void PutByte() {
    EXPECT_THAT(WriteNow(*session_, {.name = "out"}, {.data = "x"}), IsOk());
  }

  std::shared_ptr<Session> session_ = Make("observed");
  Observers observers_{91, &clock_, reactor_.get()};
  const std::shared_ptr<NotingSink> sink_ = std::make_shared<NotingSink>();
  std::string token_;
};

TEST_F(ObserversTest, ReadinessComesAndGoes) {
  const auto observing = Begin();
  EXPECT_EQ(sink_->ready(), 1);
  EXPECT_THAT(Told(*observing), ElementsAre("present in", "present out"));

  PutByte();
  NextLook();
  EXPECT_THAT(Told(*observing), ElementsAre("changed in", "changed out"));
  EXPECT_THAT(ReadNow(*session_, {.name = "in"}, {.max_bytes = 9}), IsOk());
  NextLook();
  EXPECT_THAT(Told(*observing), ElementsAre("changed in"));
  EXPECT_THAT(session_->CloseHandle({.name = "out"}), IsOk());
  NextLook();
  EXPECT_THAT(Told(*observing), ElementsAre("changed in", "closed out"));
  const int woken = sink_->ready();
  NextLook();
  EXPECT_EQ(sink_->ready(), woken) << "nothing changed";
}

TEST_F(ObserversTest, NothingIsToldBeforeTheFirstLook) {
  const auto observing = Observe({});
  ASSERT_THAT(observing, IsOk());
  // Whoever joins later is not told of things older than that either.
  LetLook();
  ASSERT_EQ(Told(**observing).size(), 2u);
  PutByte();
  EXPECT_THAT(Told(**observing), IsEmpty());

  const auto joined = Begin();

  EXPECT_EQ(Told(*joined).size(), 2u);
  EXPECT_EQ(sink_->ready(), 2);
}

TEST_F(ObserversTest, ObserversShareTheirLooks) {
  const std::int64_t before = observers_.size();
  const auto first = Begin({.max_rate = 10});
  const auto second = Begin({.max_rate = 1});
  const auto third = Begin({.max_rate = 2});
  EXPECT_EQ(observers_.size(), before + 1);
  for (Observing* const one : {first.get(), second.get(), third.get()}) {
    EXPECT_EQ(Told(*one).size(), 2u);
  }
  const std::int64_t looks = observers_.looks();

  for (int i = 0; i < 10; ++i) {
    NextLook();
  }

  EXPECT_EQ(observers_.looks() - looks, 10);
}

TEST_F(ObserversTest, NobodyLooksWhenNobodyObserves) {
  auto observing = Begin();
  NextLook();
  const std::int64_t looks = observers_.looks();
  observing.reset();

  NextLook();
  NextLook();

  EXPECT_EQ(observers_.looks(), looks);
  EXPECT_EQ(session_->Info().streams, 0u);
}

TEST_F(ObserversTest, WhatChangedMeanwhileIsToldOnReturn) {
  auto observing = Begin();
  EXPECT_EQ(Told(*observing).size(), 2u);
  observing.reset();
  EXPECT_THAT(session_->CreateCounter("count", 0, false), IsOk());
  EXPECT_THAT(session_->CloseHandle({.name = "in"}), IsOk());

  const auto resumed = Begin({.resume_token = token_});

  EXPECT_THAT(Told(*resumed),
              ElementsAre("closed in", "changed out", "made count"));
}

TEST_F(ObserversTest, TokensOfOthersAndForgedOnesAreRefused) {
  const auto observing = Begin();
  Told(*observing);
  const auto refused = [&](const std::string& token) {
    return ReasonOf(Observe({.resume_token = token}));
  };

  EXPECT_EQ(refused("nonsense"), "BAD_TOKEN");
  EXPECT_EQ(refused("91-1-1000000"), "BAD_TOKEN");
  EXPECT_EQ(refused("91-1--1"), "BAD_TOKEN");
  EXPECT_EQ(refused("90-1-1"), "SNAPSHOT_REQUIRED") << "another server";
  EXPECT_EQ(refused("91-2-1"), "SNAPSHOT_REQUIRED") << "another session";
  EXPECT_EQ(session_->Info().streams, 1u);
}

TEST_F(ObserversTest, AHandleClosedBeyondMemoryNeedsASnapshot) {
  Limits limits;
  limits.max_observed_closed = 1;
  Limit(limits);
  session_ = Make("forgetful");
  for (const char* const name : {"a", "b", "c"}) {
    EXPECT_THAT(session_->CreateCounter(name, 0, false), IsOk());
  }
  const auto observing = Begin();
  EXPECT_EQ(Told(*observing).size(), 3u);

  EXPECT_THAT(session_->CloseHandle({.name = "a"}), IsOk());
  EXPECT_THAT(session_->CloseHandle({.name = "b"}), IsOk());
  NextLook();

  EXPECT_EQ(ReasonOf(observing->Take()), "SNAPSHOT_REQUIRED");
}

TEST_F(ObserversTest, PagesMakeOneLook) {
  for (int i = 0; i < 600; ++i) {
    EXPECT_THAT(session_->CreateCounter(absl::StrCat("c", i), 0, false),
                IsOk());
  }
  const auto observing = Begin();
  EXPECT_EQ(Told(*observing).size(), 602u);
  EXPECT_EQ(observers_.looks(), 1);

  EXPECT_THAT(WriteNow(*session_, {.name = "c599"}, {.count = 1}), IsOk());
  NextLook();

  EXPECT_THAT(Told(*observing), ElementsAre("changed c599"));
}

TEST_F(ObserversTest, AnEndedSessionTellsAndIsForgotten) {
  const auto observing = Begin();
  Told(*observing);

  session_->End(absl::NotFoundError("gone"));
  observers_.Forget(session_->id());
  NextLook();

  ASSERT_EQ(sink_->ended().size(), 1u);
  EXPECT_EQ(observers_.size(), 0u);
  EXPECT_THAT(Observe({}), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_EQ(observers_.size(), 0u) << "what began too late leaves nothing";
}

TEST_F(ObserversTest, ObserversCountAsStreams) {
  Limits limits;
  limits.max_session_streams = 1;
  Limit(limits);
  session_ = Make("narrow");
  const auto observing = Begin();

  EXPECT_EQ(ReasonOf(Observe({})), "LIMIT_SESSION_STREAMS");
  EXPECT_EQ(session_->lease_end(), kNever);
}

}  // namespace
}  // namespace farpoll::server
