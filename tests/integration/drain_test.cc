// tests/integration/drain_test.cc: room: tests. What clients see of a server
// that is told to stop, from the first sign to its exit.
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <signal.h>

#include <chrono>
#include <memory>
#include <string>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "farpoll/v1/error.pb.h"
#include "gmock/gmock.h"
#include "google/rpc/error_details.pb.h"
#include "gtest/gtest.h"
#include "tests/integration/farpolld.h"
#include "tests/integration/peer.h"
#include "tests/support/stopwatch.h"

namespace farpoll {
namespace {

// A stream of grpc.health.v1.Health.Watch.
class HealthWatch {
 public:
  explicit HealthWatch(const std::string& address)
      : stub_(
            grpc::CreateChannel(address, grpc::InsecureChannelCredentials())) {
    context_.set_deadline(absl::ToChronoTime(absl::Now() + kPatience));
    call_ =
        stub_.PrepareCall(&context_, "/grpc.health.v1.Health/Watch", &queue_);
    call_->StartCall(nullptr);
    EXPECT_TRUE(Done());
    const grpc::Slice of_all;
    call_->WriteLast(grpc::ByteBuffer(&of_all, 1), grpc::WriteOptions(),
                     nullptr);
    EXPECT_TRUE(Done());
  }
  ~HealthWatch() {
    context_.TryCancel();
    grpc::Status status;
    call_->Finish(&status, nullptr);
    (void)Done();
  }

  // The next HealthCheckResponse, as its bytes; empty at the end.
  std::string Next() {
    grpc::ByteBuffer message;
    call_->Read(&message, nullptr);
    grpc::Slice bytes;
    if (!Done() || !message.DumpToSingleSlice(&bytes).ok()) {
      return "";
    }
    return std::string(bytes.begin(), bytes.end());
  }

 private:
  bool Done() {
    void* tag = nullptr;
    bool ok = false;
    return queue_.Next(&tag, &ok) && ok;
  }

  grpc::GenericStub stub_;
  grpc::ClientContext context_;
  grpc::CompletionQueue queue_;
  std::unique_ptr<grpc::GenericClientAsyncReaderWriter> call_;
};

// HealthCheckResponse { status: ... }
constexpr char kServing[] = "\x08\x01";
constexpr char kNotServing[] = "\x08\x02";

absl::Duration RetryDelayIn(const grpc::Status& status) {
  v1::StatusDetail details;
  details.ParseFromString(status.error_details());
  google::rpc::RetryInfo info;
  for (const google::protobuf::Any& detail : details.details()) {
    if (detail.UnpackTo(&info)) {
      return absl::Seconds(info.retry_delay().seconds());
    }
  }
  return absl::ZeroDuration();
}

using Drain = FarpolldTest;

TEST_F(Drain, AHealthWatchSeesNotServingBeforeTheEnd) {
  Farpolld farpolld({UnixFlag(), "--grace=500ms"});
  HealthWatch health(farpolld.AwaitAddress());
  ASSERT_EQ(health.Next(), kServing);

  farpolld.Signal(SIGTERM);

  EXPECT_EQ(health.Next(), kNotServing);
  EXPECT_EQ(health.Next(), "");
  EXPECT_EQ(farpolld.Wait(), 0);
}

TEST_F(Drain, WaitsEndWithTheTimeToTryAgain) {
  Farpolld farpolld({UnixFlag(), "--grace=500ms"});
  Peer peer(farpolld.AwaitAddress());
  peer.MakeSelector("poll");
  WaitStream wait(peer, "poll");
  wait.AwaitOpen();

  farpolld.Signal(SIGTERM);

  const grpc::Status status = wait.Finish();
  EXPECT_THAT(status, Fails(grpc::UNAVAILABLE, "", "SERVER_STOPPING"));
  EXPECT_EQ(RetryDelayIn(status), absl::Seconds(1));
  EXPECT_EQ(farpolld.Wait(), 0);
}

TEST_F(Drain, NewCallsAreRefusedWhileOldOnesAreInProgress) {
  Farpolld farpolld({UnixFlag(), "--grace=20s"});
  const std::string address = farpolld.AwaitAddress();
  Peer peer(address);
  const Stopwatch stopwatch;
  {
    HealthWatch in_progress(address);
    ASSERT_EQ(in_progress.Next(), kServing);
    farpolld.Signal(SIGTERM);
    ASSERT_EQ(in_progress.Next(), kNotServing);

    // By the session, or, as CANCELLED, by gRPC before anybody saw the call.
    // Health is told first, so that a call may still come between.
    Await([&] { return !peer.Call(&Handles::CreatePipe, "").status.ok(); },
          "new calls are refused");
    EXPECT_EQ(
        Peer(address, "").Call(&ServerInfo::GetServer, "").status.error_code(),
        grpc::UNAVAILABLE);
  }

  EXPECT_EQ(farpolld.Wait(), 0);
  EXPECT_LT(stopwatch.elapsed(), absl::Seconds(20));
}

TEST_F(Drain, WhoDoesNotLetGoHoldsItUpForTheGraceTimeAtMost) {
  Farpolld farpolld({UnixFlag(), "--grace=300ms"});
  HealthWatch health(farpolld.AwaitAddress());
  ASSERT_EQ(health.Next(), kServing);
  const Stopwatch stopwatch;

  EXPECT_EQ(farpolld.Stop(), 0);

  EXPECT_LT(stopwatch.elapsed(), absl::Milliseconds(300) + kAtOnce);
}

}  // namespace
}  // namespace farpoll
