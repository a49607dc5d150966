// tests/integration/many_waits_test.cc: room: tests. Many selectors on one Wait
// stream: each wait keeps its own row of results, they have their turns, and
// the end of one is not the end of the others.
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/substitute.h"
#include "absl/types/optional.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/integration/peer.h"
#include "tests/integration/server_fixture.h"

namespace farpoll {
namespace {

// A stream of many waits. The wait with id N is of the selector "sN", which has
// the pipe "inN"/"outN" registered.
class ManyWaits : public ServerTest {
 protected:
  void SetUp() override { Start({.max_stream_waits = 40}); }

  void MakePlaces(int count, absl::string_view trigger = "LEVEL") {
    for (int i = 1; i <= count; ++i) {
      peer().MakePipe(absl::StrCat("in", i), absl::StrCat("out", i));
      peer().MakeSelector(absl::StrCat("s", i));
      peer().Register(absl::StrCat("s", i), absl::StrCat("in", i), kIn,
                      trigger);
    }
  }

  // The message that opens wait `id` of `selector` with `more` of WaitOpen.
  std::string OpenText(int id, absl::string_view selector,
                       absl::string_view more = "credits: 1") {
    return absl::Substitute(
        "wait_id: $0 open { session: '$1' selector { name: '$2' } $3 "
        "with_names: true }",
        id, peer().session(), selector, more);
  }

  // Opens wait `id` of "sID" and reads that it is open.
  void Open(WaitStream& stream, int id, absl::string_view more = "credits: 1") {
    stream.Send(OpenText(id, absl::StrCat("s", id), more));
    EXPECT_EQ(Next(stream), absl::StrCat(id, " opened"));
  }

  static void Grant(WaitStream& stream, int id, std::int64_t acknowledge,
                    int credits = 1) {
    stream.Send(
        absl::Substitute("wait_id: $0 grant { acknowledge: $1 credits: $2 }",
                         id, acknowledge, credits));
  }

  // The next message, as "3 opened", "3 #1 in3:1", "3 closed",
  // "3 ended SELECTOR_UNKNOWN" or "3 changed"; "" at the end of the stream.
  std::string Next(WaitStream& stream) {
    const absl::optional<v1::WaitResponse> message = stream.Read();
    if (!message.has_value()) {
      return "";
    }
    epoch_ = message->epoch();
    const std::string id = absl::StrCat(message->wait_id());
    if (message->has_opened()) {
      EXPECT_GT(message->opened().selector_id(), 0);
      return id + " opened";
    }
    if (message->has_ended()) {
      return message->ended().has_error()
                 ? absl::StrCat(id, " ended ",
                                message->ended().error().info().reason())
                 : id + " closed";
    }
    if (message->change_results_size() != 0) {
      return id + " changed";
    }
    return absl::StrCat(id, " #", message->sequence(), " ", Seen(*message));
  }

  std::int64_t epoch_ = 0;  // of the last message
};

INSTANTIATE_SERVER_TESTS(ManyWaits);

TEST_P(ManyWaits, EachHasItsOwnRow) {
  MakePlaces(3);
  WaitStream stream(peer());
  for (int id = 1; id <= 3; ++id) {
    Open(stream, id);
  }

  peer().Write("out2", "x");
  EXPECT_EQ(Next(stream), "2 #1 in2:1");
  peer().Write("out3", "x");
  EXPECT_EQ(Next(stream), "3 #1 in3:1");
  Grant(stream, 2, 1);
  EXPECT_EQ(Next(stream), "2 #2 in2:1");

  // What was sent of the second does not count for the third.
  Grant(stream, 3, 2);
  EXPECT_EQ(Next(stream), "3 ended SEQUENCE_NEVER_SENT");
  peer().Write("out1", "x");
  EXPECT_EQ(Next(stream), "1 #1 in1:1");
}

TEST_P(ManyWaits, OneIsClosedAndResumedWhileTheOthersGoOn) {
  MakePlaces(2);
  WaitStream stream(peer());
  Open(stream, 1);
  Open(stream, 2);
  peer().Write("out1", "x");
  EXPECT_EQ(Next(stream), "1 #1 in1:1");

  stream.Send("wait_id: 1 close { }");
  EXPECT_EQ(Next(stream), "1 closed");
  EXPECT_FALSE(peer().Waiting("s1"));
  EXPECT_TRUE(peer().Waiting("s2"));
  // What was said of it meanwhile is of no consequence.
  Grant(stream, 1, 1);
  stream.Send("wait_id: 1 changes { remove { name: 'in1' } }");
  stream.Send("wait_id: 1 close { }");

  const auto selector =
      peer()
          .Must(&Selectors::GetSelector, "selector { name: 's1' }")
          .selector();
  EXPECT_EQ(selector.registrations(), 1);
  peer().Write("out2", "x");
  EXPECT_EQ(Next(stream), "2 #1 in2:1");

  stream.Send(OpenText(
      3, "s1",
      absl::Substitute("credits: 1 resume_after { epoch: $0 sequence: 0 }",
                       epoch_)));
  EXPECT_EQ(Next(stream), "3 opened");
  EXPECT_EQ(Next(stream), "3 #1 in1:1");
}

TEST_P(ManyWaits, WhatEndsOneIsToldAndTheOthersGoOn) {
  MakePlaces(4);
  WaitStream stream(peer());
  for (int id = 1; id <= 4; ++id) {
    Open(stream, id);
  }

  peer().Must(&Selectors::CloseSelector, "selector { name: 's1' }");
  EXPECT_EQ(Next(stream), "1 ended CLOSED");
  Grant(stream, 2, 0, 64);
  EXPECT_EQ(Next(stream), "2 ended BAD_CREDITS");
  EXPECT_FALSE(peer().Waiting("s2"));
  {
    WaitStream other(peer(), "s3", "credits: 1 take_over: true");
    EXPECT_EQ(Next(stream), "3 ended TAKEN_OVER");
  }
  peer().Write("out4", "x");
  EXPECT_EQ(Next(stream), "4 #1 in4:1");

  stream.HalfClose();
  EXPECT_THAT(stream.Finish(), Succeeds());
}

TEST_P(ManyWaits, OneThatCannotBeginIsToldAndTheOthersGoOn) {
  MakePlaces(1);
  WaitStream stream(peer());
  stream.Send(OpenText(1, "nobody"));
  EXPECT_EQ(Next(stream), "1 ended SELECTOR_UNKNOWN");
  stream.Send(OpenText(2, "s1", "credits: 0"));
  EXPECT_EQ(Next(stream), "2 ended BAD_CREDITS");
  stream.Send(OpenText(3, "s1"));
  EXPECT_EQ(Next(stream), "3 opened");
  stream.Send(OpenText(4, "s1"));
  EXPECT_EQ(Next(stream), "4 ended WAIT_IN_PROGRESS");
  // From the stream itself too.
  stream.Send(OpenText(5, "s1", "credits: 1 take_over: true"));
  std::vector<std::string> both{Next(stream), Next(stream)};
  EXPECT_THAT(both,
              testing::UnorderedElementsAre("3 ended TAKEN_OVER", "5 opened"));
  peer().Write("out1", "x");
  EXPECT_EQ(Next(stream), "5 #1 in1:1");
}

TEST_P(ManyWaits, ChangesGoToTheirOwnSelector) {
  MakePlaces(2);
  peer().MakePipe("in", "out");
  WaitStream stream(peer());
  Open(stream, 1);
  Open(stream, 2);

  stream.Send(
      "wait_id: 2 changes { add { handle { name: 'in' } events: 1 } } "
      "changes { remove { name: 'in2' } }");
  EXPECT_EQ(Next(stream), "2 changed");
  peer().Write("out2", "x");
  peer().Write("out", "x");
  EXPECT_EQ(Next(stream), "2 #1 in:1");
  // With the opening, they are answered by one message.
  stream.Send("wait_id: 2 close { }");
  EXPECT_EQ(Next(stream), "2 closed");
  stream.Send(
      absl::StrCat(OpenText(3, "s2"), " changes { remove { name: 'in' } }"));
  const absl::optional<v1::WaitResponse> opened = stream.Read();
  ASSERT_TRUE(opened.has_value());
  EXPECT_TRUE(opened->has_opened());
  EXPECT_EQ(opened->change_results_size(), 1);
}

TEST_P(ManyWaits, AreBounded) {
  MakePlaces(41);
  WaitStream stream(peer());
  for (int id = 1; id <= 40; ++id) {
    Open(stream, id);
  }
  stream.Send(OpenText(41, "s41"));
  EXPECT_EQ(Next(stream), "41 ended LIMIT_STREAM_WAITS");
  stream.Send("wait_id: 7 close { }");
  EXPECT_EQ(Next(stream), "7 closed");
  stream.Send(OpenText(42, "s41"));
  EXPECT_EQ(Next(stream), "42 opened");
}

TEST_P(ManyWaits, OfManySessionsEndWithTheirs) {
  MakePlaces(1);
  absl::optional<Peer> other(address());
  other->MakeSelector("s2");
  WaitStream stream(peer());
  Open(stream, 1);
  stream.Send(absl::Substitute(
      "wait_id: 2 open { session: '$0' selector { name: 's2' } credits: 1 }",
      other->session()));
  EXPECT_EQ(Next(stream), "2 opened");

  other->EndSession();
  EXPECT_EQ(Next(stream), "2 ended SESSION_DELETED");
  other.reset();
  peer().Write("out1", "x");
  EXPECT_EQ(Next(stream), "1 #1 in1:1");
}

TEST_P(ManyWaits, HonourTheirCreditsAfterTheClientsLastWord) {
  MakePlaces(2);
  WaitStream stream(peer());
  Open(stream, 1);
  Open(stream, 2);
  stream.HalfClose();

  peer().Write("out2", "x");
  EXPECT_EQ(Next(stream), "2 #1 in2:1");
  peer().Write("out1", "x");
  EXPECT_EQ(Next(stream), "1 #1 in1:1");
  EXPECT_THAT(stream.Finish(), Succeeds());
}

TEST_P(ManyWaits, AllEndWithTheServer) {
  MakePlaces(2);
  WaitStream stream(peer());
  Open(stream, 1);
  Open(stream, 2);

  Stop();

  EXPECT_THAT(stream.Finish(), Fails(grpc::UNAVAILABLE, "", "SERVER_STOPPING"));
}

TEST_P(ManyWaits, IdsAreThoseOfTheStream) {
  struct Row {
    const char* name;
    std::vector<std::string> messages;
    const char* reason;
  };
  MakePlaces(1);
  const std::string one = OpenText(1, "s1");
  const Row rows[] = {
      {"Negative", {OpenText(-1, "s1")}, "BAD_WAIT_ID"},
      {"OpenedTwice", {one, OpenText(1, "s1")}, "BAD_WAIT_ID"},
      {"Smaller", {OpenText(7, "s1"), OpenText(3, "s1")}, "BAD_WAIT_ID"},
      {"NoneAmongMany", {one, OpenText(0, "s1")}, "BAD_WAIT_ID"},
      {"GrantToNobody",
       {one, "wait_id: 2 grant { credits: 1 }"},
       "BAD_WAIT_ID"},
      {"GrantToNone", {one, "grant { credits: 1 }"}, "BAD_WAIT_ID"},
      {"GrantFirst", {"wait_id: 1 grant { credits: 1 }"}, "BAD_WAIT_MESSAGE"},
      {"OneAmongNone",
       {OpenText(0, "s1"), "wait_id: 1 grant { credits: 1 }"},
       "BAD_WAIT_ID"},
      {"CloseOfOne", {OpenText(0, "s1"), "close { }"}, "BAD_WAIT_MESSAGE"},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    WaitStream stream(peer());
    for (const std::string& message : row.messages) {
      stream.Send(message);
    }
    EXPECT_THAT(stream.Finish(),
                Fails(grpc::INVALID_ARGUMENT, "EINVAL", row.reason));
    EXPECT_FALSE(peer().Waiting("s1"));
  }
}

}  // namespace
}  // namespace farpoll
