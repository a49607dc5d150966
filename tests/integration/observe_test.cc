// tests/integration/observe_test.cc: room: tests. Observe over gRPC: what it
// shows, that it takes nothing, how it goes on and how it ends.
#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/substitute.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/integration/peer.h"
#include "tests/integration/server_fixture.h"

namespace farpoll {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// "PRESENT in ready 0", "CHANGED in ready 1 of 1".
std::string Text(const v1::ObservedHandle& handle) {
  std::string text =
      absl::StrCat(v1::ObservedChange_Name(handle.change())
                       .substr(std::string("OBSERVED_CHANGE_").size()),
                   " ", handle.name(), " ready ", handle.ready());
  if (handle.ready_changed() != 0) {
    absl::StrAppend(&text, " of ", handle.ready_changed());
  }
  return text;
}

// The client's end of an Observe.
// Threads: one.
class ObserveStream {
 public:
  // Observes `peer`'s session, or the one that `request` names.
  explicit ObserveStream(Peer& peer, absl::string_view request = "") {
    context_.set_deadline(absl::ToChronoTime(absl::Now() + kPatience));
    auto asked = Parse<v1::ObserveRequest>(request);
    if (asked.session().empty()) {
      asked.set_session(peer.session());
    }
    reader_ = peer.stub<Observations>()->Observe(&context_, asked);
  }
  ~ObserveStream() {
    if (!finished_) {
      context_.TryCancel();
      Finish();
    }
  }

  // What the next round says, up to its token.
  std::vector<std::string> Round() {
    std::vector<std::string> said;
    v1::ObserveResponse response;
    do {
      if (!reader_->Read(&response)) {
        ADD_FAILURE() << "the stream ended: " << Describe(Finish());
        break;
      }
      EXPECT_LE(response.handles_size(), 256);
      for (const v1::ObservedHandle& handle : response.handles()) {
        said.push_back(Text(handle));
        last_ = handle;
      }
    } while (response.token().empty());
    token_ = response.token();
    return said;
  }
  // Reads rounds until one has said `last`; all that was said.
  std::vector<std::string> Until(const std::string& last) {
    std::vector<std::string> said;
    while (!HasFailure() && (said.empty() || std::find(said.begin(), said.end(),
                                                       last) == said.end())) {
      const std::vector<std::string> round = Round();
      said.insert(said.end(), round.begin(), round.end());
    }
    return said;
  }

  grpc::Status Finish() {
    finished_ = true;
    v1::ObserveResponse response;
    while (reader_->Read(&response)) {
    }
    return reader_->Finish();
  }

  const std::string& token() const { return token_; }
  // The last handle that was told of.
  const v1::ObservedHandle& last() const { return last_; }

 private:
  static bool HasFailure() { return testing::Test::HasFailure(); }

  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReader<v1::ObserveResponse>> reader_;
  bool finished_ = false;
  std::string token_;
  v1::ObservedHandle last_;
};

class Observe : public ServerTest {
 protected:
  void SetUp() override {
    ServerTest::SetUp();
    peer().MakePipe("in", "out");
  }

  grpc::Status Refusal(const std::string& request) {
    return ObserveStream(peer(), request).Finish();
  }
};

INSTANTIATE_SERVER_TESTS(Observe);

constexpr int kWritable = kOut | kWriteNormal;
constexpr int kReadable = kIn | kReadNormal;

TEST_P(Observe, ASnapshotIsFollowedByWhatChanges) {
  ObserveStream stream(peer(), "max_rate: 60 names: 'in'");
  EXPECT_THAT(stream.Round(), ElementsAre("PRESENT in ready 0"));

  peer().Write("out", "hello");
  EXPECT_THAT(stream.Round(), ElementsAre(absl::Substitute(
                                  "CHANGED in ready $0 of $0", kReadable)));
  EXPECT_EQ(peer().Read("in"), "hello");
  stream.Until(absl::Substitute("CHANGED in ready 0 of $0", kReadable));
  EXPECT_EQ(stream.last().bytes_read(), 5);
  EXPECT_EQ(stream.last().kind(), v1::HANDLE_KIND_PIPE_READER);
  peer().Close("in");
  EXPECT_THAT(stream.Round(), ElementsAre("CLOSED in ready 0"));
  peer().MakePipe("in", "again");
  EXPECT_THAT(stream.Round(), ElementsAre("MADE in ready 0"));
}

TEST_P(Observe, ItTakesNoEventFromAWait) {
  peer().MakeSelector("sel");
  peer().Register("sel", "in", kIn, "EDGE");
  ObserveStream stream(peer(), "max_rate: 60");
  stream.Round();
  peer().Write("out", "x");
  stream.Until(absl::Substitute("CHANGED in ready $0 of $0", kReadable));

  WaitStream wait(peer(), "sel");

  EXPECT_EQ(wait.Next(1), "in:1");
  EXPECT_EQ(peer()
                .Must(&Handles::GetHandle, "handle { name: 'in' }")
                .handle()
                .readiness()
                .generation(),
            1)
      << "the Wait's report is the only one";
}

TEST_P(Observe, AResumedStreamGoesOnWhereItsTokenSays) {
  std::string token;
  {
    ObserveStream stream(peer());
    EXPECT_EQ(stream.Round().size(), 2u);
    token = stream.token();
  }
  peer().Close("in");
  peer().MakeSocketPair("left", "right");

  ObserveStream resumed(peer(), absl::Substitute("resume_token: '$0'", token));

  EXPECT_THAT(
      resumed.Round(),
      ElementsAre("CLOSED in ready 0",
                  absl::Substitute("CHANGED out ready $0 of $1",
                                   kWritable | kError, int{kError}),
                  absl::StrCat("MADE left ready ", kWritable | kWriteBand),
                  absl::StrCat("MADE right ready ", kWritable | kWriteBand)));
  ObserveStream again(peer(),
                      absl::Substitute("resume_token: '$0'", resumed.token()));
  EXPECT_THAT(again.Round(), IsEmpty());
}

TEST_P(Observe, ManyHandlesComeInBoundedFrames) {
  for (int i = 0; i < 300; ++i) {
    peer().Must(&Handles::CreateCounter, absl::Substitute("name: 'c$0'", i));
  }

  ObserveStream stream(peer(), "names: 'c*' names: 'out'");

  EXPECT_EQ(stream.Round().size(), 301u);  // Round() checks the frames
}

TEST_P(Observe, FiltersThatFitNothingOrEverything) {
  ObserveStream nothing(peer(),
                        "names: 'nobody' bookmark_interval {"
                        " nanos: 100000000 }");
  EXPECT_THAT(nothing.Round(), IsEmpty());
  const std::string first = nothing.token();
  peer().Write("out", "x");
  EXPECT_THAT(nothing.Round(), IsEmpty());  // a bookmark
  while (nothing.token() == first && !HasFailure()) {
    nothing.Round();
  }
  ObserveStream everything(peer(), "names: '*'");
  EXPECT_EQ(everything.Round().size(), 2u);
}

TEST_P(Observe, AStreamEndsWithItsSession) {
  peer().Must(&Sessions::CreateSession, "name: 'brief'");
  ObserveStream stream(peer(), "session: 'brief'");
  EXPECT_THAT(stream.Round(), IsEmpty());

  peer().Must(&Sessions::DeleteSession, "session: 'brief'");

  EXPECT_THAT(stream.Finish(),
              Fails(grpc::FAILED_PRECONDITION, "EBADF", "SESSION_DELETED"));
}

TEST_P(Observe, AStreamHoldsTheLeaseUntilItGoes) {
  const auto streams = [&] {
    return peer().Must(&Sessions::GetSession, "").session().streams();
  };
  {
    ObserveStream stream(peer());
    stream.Round();
    EXPECT_EQ(streams(), 1);
  }
  Await([&] { return streams() == 0; }, "the stream is detached");
}

TEST_P(Observe, BySelectorHandlesComeIntoSightAndLeave) {
  peer().MakePipe("a", "b");
  peer().MakeSelector("poll");
  peer().Must(&Selectors::CreateSelector,
              "kind: SELECTOR_KIND_KQUEUE name: 'queue'");
  peer().Register("poll", "a", kIn);
  ObserveStream stream(peer(),
                       "selectors { name: 'poll' } selectors { name: 'queue' } "
                       "max_rate: 60");
  EXPECT_THAT(stream.Round(), ElementsAre("PRESENT a ready 0"));
  EXPECT_EQ(stream.last().registrations(), 1);
  EXPECT_EQ(stream.last().registered_events(), kIn);

  peer().Must(&Selectors::Control,
              absl::Substitute("selector { name: 'queue' } "
                               "changes { ident: $0 filter: -2 flags: 1 }",
                               peer().IdOf("b")));
  stream.Until(absl::StrCat("PRESENT b ready ", kWritable));
  EXPECT_EQ(stream.last().registered_events(), kOut);
  peer().Modify("poll", "a", kIn | kPriority);
  stream.Until("CHANGED a ready 0");
  EXPECT_EQ(stream.last().registered_events(), kIn | kPriority);
  peer().Unregister("poll", "a");
  stream.Until("LEFT a ready 0");
  EXPECT_EQ(stream.last().registrations(), 0);
  peer().Must(&Selectors::CloseSelector, "selector { name: 'queue' }");
  stream.Until(absl::StrCat("LEFT b ready ", kWritable));
}

TEST_P(Observe, AOneShotLeavesWithItsReport) {
  peer().MakePipe("a", "b");
  peer().MakeSelector("poll");
  peer().Register("poll", "a", kIn, "ONESHOT");
  ObserveStream stream(peer(), "selectors { name: 'poll' } max_rate: 60");
  EXPECT_THAT(stream.Round(), ElementsAre("PRESENT a ready 0"));
  peer().Write("b", "x");
  EXPECT_EQ(peer().Poll("poll", kPatience), "a:1");
  while (!HasFailure() && stream.last().change() != v1::OBSERVED_CHANGE_LEFT) {
    stream.Round();  // in which its readiness may be seen first
  }
}

TEST_P(Observe, WhatCannotBeIsRefused) {
  ObserveStream stream(peer());
  stream.Round();
  const std::pair<const char*, const char*> bad[] = {
      {"max_rate: 61", "BAD_RATE"},
      {"max_rate: -1", "BAD_RATE"},
      {"max_rate: 1000", "BAD_RATE"},
      {"kinds: HANDLE_KIND_UNSPECIFIED", "BAD_KIND"},
      {"kinds: 99", "BAD_KIND"},
      {"names: ''", "BAD_PATTERN"},
      {"ready_bits: -1", "BAD_EVENTS"},
      {"ready_bits: 65536", "BAD_EVENTS"},
      {"bookmark_interval { nanos: 1 }", "BAD_INTERVAL"},
      {"bookmark_interval { seconds: 1 nanos: -1 }", "BAD_DURATION"},
      {"resume_token: 'forged'", "BAD_TOKEN"},
      {"resume_token: '1-2-3-4'", "BAD_TOKEN"}};
  for (const auto& [request, reason] : bad) {
    EXPECT_THAT(Refusal(request),
                Fails(grpc::INVALID_ARGUMENT, "EINVAL", reason))
        << request;
  }
  EXPECT_THAT(
      Refusal(absl::StrCat("resume_token: '", stream.token(), "000000'")),
      Fails(grpc::INVALID_ARGUMENT, "EINVAL", "BAD_TOKEN"))
      << "a place that was never reached";
  EXPECT_THAT(Refusal("resume_token: '1-1-1'"),
              Fails(grpc::OUT_OF_RANGE, "ESTALE", "SNAPSHOT_REQUIRED"))
      << "another server's";
  EXPECT_THAT(Refusal("selectors { name: 'nobody' }"),
              Fails(grpc::NOT_FOUND, "ENOENT", "SELECTOR_UNKNOWN"));
  Peer other(address());
  EXPECT_THAT(ObserveStream(
                  other, absl::Substitute("resume_token: '$0'", stream.token()))
                  .Finish(),
              Fails(grpc::OUT_OF_RANGE, "ESTALE", "SNAPSHOT_REQUIRED"))
      << "another session's";
  EXPECT_THAT(Refusal("session: 'nobody'"),
              Fails(grpc::NOT_FOUND, "ENOENT", "SESSION_UNKNOWN"));
}

}  // namespace
}  // namespace farpoll
