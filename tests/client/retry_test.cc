// The rules by which a wait that was cut is taken up again.
#include "client/retry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <string>

#include "base/errno_status.h"
#include "client/status.h"
#include "farpoll/v1/error.pb.h"
#include "google/rpc/error_details.pb.h"
#include "tests/support/fake_clock.h"
#include "tests/support/status_matchers.h"

namespace farpoll::client {
namespace {

using ::testing::Optional;

const absl::Status kCut = absl::UnavailableError("Socket closed");

class RetryTest : public testing::Test {
 protected:
  Retry Make(RetryOptions options) {
    options.random = [this] { return random_; };
    return Retry(options);
  }
  absl::optional<absl::Duration> PauseAfter(Retry& retry,
                                            const absl::Status& failure) {
    return retry.PauseAfter(failure, clock_.Now());
  }

  FakeClock clock_;
  double random_ = 1;
};

TEST_F(RetryTest, PausesGrowToTheLongestAndBeginAnewAfterSuccess) {
  Retry retry = Make({.first_pause = absl::Milliseconds(100),
                      .longest_pause = absl::Milliseconds(350)});

  EXPECT_THAT(PauseAfter(retry, kCut), Optional(absl::Milliseconds(100)));
  EXPECT_THAT(PauseAfter(retry, kCut), Optional(absl::Milliseconds(200)));
  EXPECT_THAT(PauseAfter(retry, kCut), Optional(absl::Milliseconds(350)));
  EXPECT_THAT(PauseAfter(retry, kCut), Optional(absl::Milliseconds(350)));
  retry.Succeeded();
  EXPECT_THAT(PauseAfter(retry, kCut), Optional(absl::Milliseconds(100)));
}

TEST_F(RetryTest, PausesGrowOnWhenAWaitWasHardlyOn) {
  Retry retry = Make({.first_pause = absl::Milliseconds(100),
                      .longest_pause = absl::Seconds(1)});
  EXPECT_THAT(PauseAfter(retry, kCut), Optional(absl::Milliseconds(100)));

  retry.Connected(clock_.Now());
  clock_.Advance(absl::Milliseconds(999));

  EXPECT_THAT(PauseAfter(retry, kCut), Optional(absl::Milliseconds(200)));
  retry.Connected(clock_.Now());
  clock_.Advance(absl::Seconds(1));
  EXPECT_THAT(PauseAfter(retry, kCut), Optional(absl::Milliseconds(100)));
}

TEST_F(RetryTest, ARowIsOverWhenTheWaitIsOn) {
  Retry retry = Make({.give_up_after = absl::Seconds(10)});
  EXPECT_EQ(retry.gives_up_at(), kNever);
  ASSERT_TRUE(PauseAfter(retry, kCut).has_value());
  EXPECT_EQ(retry.gives_up_at(), clock_.Now() + std::chrono::seconds(10));
  EXPECT_EQ(retry.failure(), kCut);

  retry.Connected(clock_.Now());

  EXPECT_EQ(retry.gives_up_at(), kNever);
  clock_.Advance(absl::Hours(1));
  EXPECT_TRUE(PauseAfter(retry, kCut).has_value());
}

TEST_F(RetryTest, APauseIsARandomPartOfWhatItMayBe) {
  Retry retry = Make({.first_pause = absl::Milliseconds(100)});

  random_ = 0.25;

  EXPECT_THAT(PauseAfter(retry, kCut), Optional(absl::Milliseconds(25)));
}

TEST_F(RetryTest, WithoutARandomOfTheCallersItIsTheSystems) {
  Retry retry({.first_pause = absl::Milliseconds(100)});

  const absl::optional<absl::Duration> pause =
      retry.PauseAfter(kCut, clock_.Now());

  ASSERT_TRUE(pause.has_value());
  EXPECT_GE(*pause, absl::ZeroDuration());
  EXPECT_LE(*pause, absl::Milliseconds(100));
}

TEST_F(RetryTest, WhatTheServerAsksForComesOnTop) {
  google::rpc::RetryInfo info;
  info.mutable_retry_delay()->set_seconds(3);
  Retry retry = Make({.first_pause = absl::Milliseconds(100)});

  EXPECT_THAT(PauseAfter(retry, WithRetryInfo(kCut, info.SerializeAsString())),
              Optional(absl::Milliseconds(3100)));
}

TEST_F(RetryTest, NonsenseForADelayIsNone) {
  google::rpc::RetryInfo negative;
  negative.mutable_retry_delay()->set_seconds(-3);

  EXPECT_EQ(RetryDelayOf(WithRetryInfo(kCut, negative.SerializeAsString())),
            absl::ZeroDuration());
  EXPECT_EQ(RetryDelayOf(WithRetryInfo(kCut, "\xff")), absl::ZeroDuration());
  EXPECT_EQ(RetryDelayOf(kCut), absl::ZeroDuration());
}

TEST_F(RetryTest, TheServersWordIsReadFromTheStatus) {
  v1::StatusDetail detail;
  v1::ErrorInfo error;
  error.set_reason("SERVER_STOPPING");
  google::rpc::RetryInfo info;
  info.mutable_retry_delay()->set_nanos(5'000'000);
  detail.add_details()->PackFrom(error);
  detail.add_details()->PackFrom(info);

  const absl::Status status =
      FromGrpc(grpc::Status(grpc::StatusCode::UNAVAILABLE, "the server stops",
                            detail.SerializeAsString()));

  EXPECT_EQ(DetailOf(status).reason, "SERVER_STOPPING");
  EXPECT_EQ(RetryDelayOf(status), absl::Milliseconds(5));
}

TEST_F(RetryTest, ARowHasItsTime) {
  Retry retry = Make({.first_pause = absl::Seconds(1),
                      .longest_pause = absl::Seconds(1),
                      .give_up_after = absl::Seconds(10)});

  EXPECT_TRUE(PauseAfter(retry, kCut).has_value());
  clock_.Advance(absl::Seconds(9));
  EXPECT_TRUE(PauseAfter(retry, kCut).has_value());
  clock_.Advance(absl::Milliseconds(1));
  EXPECT_FALSE(PauseAfter(retry, kCut).has_value());
}

TEST_F(RetryTest, InUseIsTakenForTheEchoOfACutAndForAWhile) {
  const absl::Status busy = MakeError(EBUSY, "WAIT_IN_PROGRESS", "selector",
                                      "another wait is in progress");
  Retry retry = Make({.first_pause = absl::Seconds(1),
                      .longest_pause = absl::Seconds(1),
                      .busy_patience = absl::Seconds(10)});

  EXPECT_FALSE(PauseAfter(retry, busy).has_value());
  EXPECT_TRUE(PauseAfter(retry, kCut).has_value());
  EXPECT_TRUE(PauseAfter(retry, busy).has_value());
  clock_.Advance(absl::Seconds(10));
  EXPECT_FALSE(PauseAfter(retry, busy).has_value());
  EXPECT_TRUE(PauseAfter(retry, kCut).has_value());
}

TEST_F(RetryTest, InUseIsAnEchoAlsoAfterAnAnswer) {
  const absl::Status busy = MakeError(EBUSY, "WAIT_IN_PROGRESS", "selector",
                                      "another wait is in progress");
  Retry retry = Make({.first_pause = absl::Seconds(1),
                      .longest_pause = absl::Seconds(1),
                      .busy_patience = absl::Seconds(10)});
  for (int second = 0; second < 10; ++second) {
    retry.Connected(clock_.Now());
    EXPECT_TRUE(PauseAfter(retry, busy).has_value());
    clock_.Advance(absl::Seconds(1));
  }
  EXPECT_FALSE(PauseAfter(retry, busy).has_value());

  // It was on, and was cut: the patience begins anew.
  retry.Connected(clock_.Now());
  EXPECT_TRUE(PauseAfter(retry, kCut).has_value());
  EXPECT_TRUE(PauseAfter(retry, busy).has_value());
}

TEST_F(RetryTest, AResultEndsTheTimeThatInUseIsTakenForAnEcho) {
  const absl::Status busy = MakeError(EBUSY, "WAIT_IN_PROGRESS", "selector",
                                      "another wait is in progress");
  Retry retry = Make({.first_pause = absl::Seconds(1),
                      .longest_pause = absl::Seconds(1),
                      .busy_patience = absl::Seconds(10)});
  EXPECT_TRUE(PauseAfter(retry, kCut).has_value());
  EXPECT_TRUE(PauseAfter(retry, busy).has_value());
  retry.Succeeded();
  clock_.Advance(absl::Minutes(1));

  EXPECT_TRUE(PauseAfter(retry, busy).has_value());
  clock_.Advance(absl::Seconds(10));
  EXPECT_FALSE(PauseAfter(retry, busy).has_value());
}

TEST_F(RetryTest, WhatIsRefusedForGoodIsNotTriedAgain) {
  Retry retry = Make({});
  ASSERT_TRUE(PauseAfter(retry, kCut).has_value());

  for (const absl::Status& refusal :
       {absl::NotFoundError(""), absl::InvalidArgumentError(""),
        absl::PermissionDeniedError(""), absl::AbortedError(""),
        absl::FailedPreconditionError(""), absl::ResourceExhaustedError("")}) {
    EXPECT_FALSE(PauseAfter(retry, refusal).has_value()) << refusal;
  }
}

TEST_F(RetryTest, WhatIsGoneIsNotFoundWhateverTheServerCalledIt) {
  for (const char* const reason :
       {"SESSION_UNKNOWN", "LEASE_EXPIRED", "SESSION_DELETED", "EPOCH_CHANGED",
        "SELECTOR_UNKNOWN", "CLOSED"}) {
    const absl::Status told =
        Told(MakeError(absl::StatusCode::kFailedPrecondition, EBADF, reason,
                       "s1", "it is gone"));
    EXPECT_THAT(told, StatusIs(absl::StatusCode::kNotFound));
    EXPECT_EQ(DetailOf(told).reason, reason);
    EXPECT_EQ(DetailOf(told).subject, "s1");
    EXPECT_EQ(told.message(), "it is gone");
  }
  EXPECT_EQ(Told(kCut), kCut);
}

}  // namespace
}  // namespace farpoll::client
