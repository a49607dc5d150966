// tests/integration/data_events_test.cc: room: tests. Events that bring their
// data, and what else a Wait may ask for: taking over, batches, notices.
// Source: docs/streams.md.
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/substitute.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/integration/peer.h"
#include "tests/integration/server_fixture.h"
#include "tests/support/stopwatch.h"

namespace farpoll {
namespace {

// What the events of a response bring: "in=DATA", "in=(end)", "in=!ECONNRESET"
// for an error, "in=+U" for an urgent byte, "in" for none.
std::string Brought(const v1::WaitResponse& response) {
  std::vector<std::string> events;
  for (const v1::Event& event : response.events()) {
    std::string text = event.handle_name();
    if (event.has_data()) {
      const v1::EventData& data = event.data();
      absl::StrAppend(
          &text, "=",
          data.outcome() == v1::READ_OUTCOME_END_OF_FILE ? "(end)"
                                                         : data.data(),
          data.truncated() ? "..." : "",
          data.urgent().empty() ? "" : "+" + data.urgent(),
          data.has_error() ? "!" + data.error().info().errno_name() : "");
    }
    events.push_back(std::move(text));
  }
  return absl::StrJoin(events, " ");
}

// A pipe "in"/"out" and a POLL selector "poll".
class DataEvents : public ServerTest {
 protected:
  void SetUp() override {
    ServerTest::SetUp();
    peer().MakePipe("in", "out");
    peer().MakeSelector("poll");
  }

  Answer<v1::RegisterResponse> TryRegister(const std::string& handle,
                                           int read_bytes,
                                           const std::string& more = "",
                                           const char* selector = "poll") {
    return peer().Call(
        &Selectors::Register,
        absl::Substitute("selector { name: '$0' } items { "
                         "handle { name: '$1' } events: 1 read_bytes: $2 $3 }",
                         selector, handle, read_bytes, more));
  }
  void Register(const std::string& handle, int read_bytes,
                const std::string& more = "") {
    ASSERT_THAT(TryRegister(handle, read_bytes, more), Succeeds());
  }

  // What result `sequence`, which must come next, brings.
  std::string Next(WaitStream& wait, std::int64_t sequence) {
    const absl::optional<v1::WaitResponse> response = wait.Read();
    EXPECT_TRUE(response.has_value());
    const v1::WaitResponse result = response.value_or(v1::WaitResponse());
    EXPECT_EQ(result.sequence(), sequence);
    return Brought(result);
  }
  // Opens a wait that goes on after result `sequence`.
  void Resume(WaitStream& wait, std::int64_t sequence,
              const std::string& more = "credits: 4") {
    wait.Send(absl::Substitute(
        "open { session: '$0' selector { name: 'poll' } with_names: true "
        "resume_after { epoch: $1 sequence: $2 } $3 }",
        peer().session(), peer().Must(&ServerInfo::GetServer, "").epoch(),
        sequence, more));
  }
  void AwaitEnd() {
    Await([&] { return !peer().Waiting("poll"); }, "the wait is over");
  }

  Answer<v1::ReadResponse> TryRead(const std::string& handle) {
    return peer().Call(
        &Handles::Read,
        absl::Substitute("handle { name: '$0' } max_bytes: 65536", handle));
  }
  std::int64_t Readable(const std::string& handle) {
    return peer()
        .Must(&Handles::GetHandle,
              absl::Substitute("handle { name: '$0' }", handle))
        .handle()
        .readable_bytes();
  }
  // A TCP connection "client"/"server".
  void MakeConnection() {
    const std::string address =
        peer()
            .Must(&Handles::Listen, "name: 'door' address: '127.0.0.1:0'")
            .handle()
            .socket()
            .local();
    peer().Must(&Handles::Connect,
                absl::Substitute("name: 'client' address: '$0'", address));
    peer().MakeSelector("doors");
    peer().Register("doors", "door", kIn);
    EXPECT_EQ(peer().Poll("doors", kPatience), "door:1");
    peer().Must(&Handles::Accept, "listener { name: 'door' } name: 'server'");
  }
};

INSTANTIATE_SERVER_TESTS(DataEvents);

// Nobody in particular, as over TCP, may use addresses.
class SocketDataEvents : public DataEvents {};

INSTANTIATE_TEST_SUITE_P(Over, SocketDataEvents,
                         testing::Values(Transport::kUnix),
                         [](const auto&) { return std::string("Unix"); });

// ---- What travels.

TEST_P(DataEvents, BytesTravelInsideTheEvent) {
  Register("in", 4);
  WaitStream wait(peer(), "poll", "credits: 2");

  peer().Write("out", "abcdef");

  EXPECT_EQ(Next(wait, 1), "in=abcd");
  EXPECT_EQ(Next(wait, 2), "in=ef");
  EXPECT_THAT(TryRead("in"),
              Fails(grpc::FAILED_PRECONDITION, "EBUSY", "BYTES_ON_THE_WAY"));
  wait.Grant(2);
  peer().Write("out", "g");
  EXPECT_EQ(Next(wait, 3), "in=g");
}

TEST_P(DataEvents, NothingIsReadWithoutACredit) {
  Register("in", 1);
  peer().Write("out", "abc");
  WaitStream wait(peer(), "poll");
  EXPECT_EQ(Next(wait, 1), "in=a");

  wait.ExpectNothingSent();

  EXPECT_EQ(Readable("in"), 2);
}

TEST_P(DataEvents, LevelsAndEdgesBringAllOfIt) {
  std::int64_t sequence = 0;
  for (const char* const trigger : {"LEVEL", "EDGE"}) {
    Register("in", 2, absl::StrCat("trigger: TRIGGER_", trigger));
    WaitStream wait(peer(), "poll", "credits: 4");
    wait.AwaitOpen();
    peer().Write("out", "abcde");

    EXPECT_EQ(Next(wait, ++sequence), "in=ab");
    EXPECT_EQ(Next(wait, ++sequence), "in=cd");
    EXPECT_EQ(Next(wait, ++sequence), "in=e");

    peer().Unregister("poll", "in");
    wait.Cancel();
    AwaitEnd();
    EXPECT_EQ(peer().Poll("poll", absl::ZeroDuration()), "");
    ++sequence;
    EXPECT_EQ(peer().Read("in"), "ab");
    EXPECT_EQ(peer().Read("in"), "cd");
    EXPECT_EQ(peer().Read("in"), "e");
  }
}

TEST_P(DataEvents, AOneShotBringsOnePiece) {
  Register("in", 2, "trigger: TRIGGER_ONESHOT");
  WaitStream wait(peer(), "poll", "credits: 4");

  peer().Write("out", "abc");

  EXPECT_EQ(Next(wait, 1), "in=ab");
  EXPECT_EQ(Readable("in"), 1);
  Register("in", 2, "trigger: TRIGGER_ONESHOT");
  EXPECT_EQ(Next(wait, 2), "in=c");
}

TEST_P(DataEvents, MessagesStayWhole) {
  peer().Must(&Handles::CreateSocketPair,
              "first_name: 'left' second_name: 'right' "
              "type: SOCKET_TYPE_SEQPACKET");
  Register("left", 4);
  peer().Write("right", "one");
  peer().Write("right", "three");
  peer().Write("right", "two");
  WaitStream wait(peer(), "poll", "credits: 4");

  EXPECT_EQ(Next(wait, 1), "left=one");
  EXPECT_EQ(Next(wait, 2), "left=thre...");
  EXPECT_EQ(Next(wait, 3), "left=two");
}

TEST_P(SocketDataEvents, ADatagramSaysWhoSentIt) {
  const std::string to = peer()
                             .Must(&Handles::CreateDatagramSocket,
                                   "name: 'to' local: '127.0.0.1:0'")
                             .handle()
                             .socket()
                             .local();
  const std::string from =
      peer()
          .Must(&Handles::CreateDatagramSocket,
                absl::Substitute("name: 'from' peer: '$0'", to))
          .handle()
          .socket()
          .local();
  Register("to", 100);
  WaitStream wait(peer(), "poll");

  peer().Must(&Handles::Write, "handle { name: 'from' } data: 'word'");

  const v1::WaitResponse result = wait.Read().value_or(v1::WaitResponse());
  EXPECT_EQ(Brought(result), "to=word");
  EXPECT_EQ(result.events(0).data().source(), from);
}

TEST_P(SocketDataEvents, AnUrgentByteComesBesideTheOthers) {
  MakeConnection();
  ASSERT_THAT(TryRegister("server", 100, "", "doors"), Succeeds());
  peer().Must(&Selectors::Modify,
              "selector { name: 'doors' } items { handle { name: 'server' } "
              "events: 3 read_bytes: 100 }");
  WaitStream wait(peer(), "doors");

  peer().Must(&Handles::Write,
              "handle { name: 'client' } data: '!' out_of_band: true");

  EXPECT_EQ(Next(wait, 2), "server=+!");
}

TEST_P(DataEvents, TheEndOfAFileComesAfterItsBytes) {
  Register("in", 100);
  peer().Write("out", "last");
  peer().Close("out");
  WaitStream wait(peer(), "poll", "credits: 2");

  EXPECT_EQ(Next(wait, 1), "in=last");
  EXPECT_EQ(Next(wait, 2), "in=(end)");
}

TEST_P(SocketDataEvents, AnErrorComesInPlaceOfBytes) {
  MakeConnection();
  Register("server", 100);
  peer().Write("server", "never read");
  WaitStream wait(peer(), "poll", "credits: 2");
  wait.AwaitOpen();
  peer().Close("client");
  EXPECT_EQ(Next(wait, 1), "server=!ECONNRESET");
}

TEST_P(DataEvents, APollReportsWithoutBytes) {
  Register("in", 100);
  peer().Write("out", "word");

  EXPECT_EQ(peer().Poll("poll", kPatience), "in:1");

  EXPECT_EQ(peer().Read("in"), "word");
}

TEST_P(DataEvents, ARegistrationTellsHowManyBytesItAskedFor) {
  Register("in", 100);

  const v1::ListRegistrationsResponse list =
      peer().Must(&Selectors::ListRegistrations, "selector { name: 'poll' }");

  ASSERT_EQ(list.registrations_size(), 1);
  EXPECT_EQ(list.registrations(0).read_bytes(), 100);
}

// ---- What nobody acknowledged.

TEST_P(DataEvents, AResumedWaitIsSentTheSameBytes) {
  Register("in", 2);
  peer().Write("out", "abcdef");
  {
    WaitStream wait(peer(), "poll", "credits: 3");
    EXPECT_EQ(Next(wait, 1), "in=ab");
    EXPECT_EQ(Next(wait, 2), "in=cd");
    EXPECT_EQ(Next(wait, 3), "in=ef");
  }
  AwaitEnd();
  peer().Write("out", "gh");

  WaitStream wait(peer());
  Resume(wait, 1);

  EXPECT_EQ(Next(wait, 2), "in=cd");
  EXPECT_EQ(Next(wait, 3), "in=ef");
  EXPECT_EQ(Next(wait, 4), "in=gh");
}

TEST_P(DataEvents, ReadsGetInOrderWhatAStreamLeftBehind) {
  Register("in", 2);
  peer().Write("out", "abcdefgh");
  {
    WaitStream wait(peer(), "poll", "credits: 3");
    EXPECT_EQ(Next(wait, 1), "in=ab");
    EXPECT_EQ(Next(wait, 2), "in=cd");
    EXPECT_EQ(Next(wait, 3), "in=ef");
  }
  AwaitEnd();
  EXPECT_THAT(TryRead("in"),
              Fails(grpc::FAILED_PRECONDITION, "EBUSY", "BYTES_ON_THE_WAY"));

  peer().Must(&Selectors::CloseSelector, "selector { name: 'poll' }");

  EXPECT_EQ(Readable("in"), 8);
  EXPECT_EQ(peer().Read("in"), "ab");
  EXPECT_EQ(peer().Read("in"), "cd");
  EXPECT_EQ(peer().Read("in"), "ef");
  EXPECT_EQ(peer().Read("in"), "gh");
  const v1::Handle in =
      peer().Must(&Handles::GetHandle, "handle { name: 'in' }").handle();
  EXPECT_EQ(in.bytes_read(), 8);
}

TEST_P(DataEvents, AFreshWaitBringsThemAgain) {
  Register("in", 2);
  peer().Write("out", "abcd");
  {
    WaitStream wait(peer(), "poll", "credits: 2");
    EXPECT_EQ(Next(wait, 1), "in=ab");
    EXPECT_EQ(Next(wait, 2), "in=cd");
    wait.Grant(1);
    peer().Write("out", "ef");
    EXPECT_EQ(Next(wait, 3), "in=ef");
  }
  AwaitEnd();

  WaitStream wait(peer(), "poll", "credits: 3");

  EXPECT_EQ(Next(wait, 4), "in=cd");
  EXPECT_EQ(Next(wait, 5), "in=ef");
}

TEST_P(DataEvents, OthersSeeThatBytesCameBack) {
  Register("in", 9);
  peer().MakeSelector("other", "DEFAULT");
  peer().Register("other", "in", kIn);
  WaitStream other(peer(), "other");
  other.AwaitOpen();
  {
    WaitStream wait(peer(), "poll");
    wait.AwaitOpen();
    peer().Write("out", "word");
    EXPECT_EQ(Next(wait, 1), "in=word");
  }
  AwaitEnd();
  // It may have seen the bytes before they were taken.
  other.Cancel();
  Await([&] { return !peer().Waiting("other"); }, "the wait is over");
  WaitStream again(peer(), "other");
  again.AwaitOpen();

  peer().Must(&Selectors::CloseSelector, "selector { name: 'poll' }");

  EXPECT_EQ(Brought(again.Read().value_or(v1::WaitResponse())), "in");
  EXPECT_EQ(peer().Must(&Selectors::Select, "read { name: 'in' }").read_size(),
            1);
  EXPECT_EQ(peer().Read("in"), "word");
  EXPECT_EQ(peer()
                .Must(&Selectors::Select, "read { name: 'in' } timeout {}")
                .read_size(),
            0);
}

TEST_P(DataEvents, AClosedHandlesBytesAreStillResumed) {
  Register("in", 9);
  peer().Write("out", "word");
  {
    WaitStream wait(peer(), "poll");
    EXPECT_EQ(Next(wait, 1), "in=word");
  }
  AwaitEnd();
  peer().Close("in");

  WaitStream wait(peer());
  Resume(wait, 0);

  EXPECT_EQ(Next(wait, 1), "=word");
  EXPECT_EQ(Next(wait, 2), "");
}

// ---- Who may have them.

TEST_P(DataEvents, OneRegistrationOfAHandleTakesItsBytes) {
  Register("in", 9);
  peer().MakeSelector("other");

  EXPECT_THAT(TryRegister("in", 9, "", "other"),
              Fails(grpc::FAILED_PRECONDITION, "EBUSY", "BYTES_TAKEN"));
  peer().Unregister("poll", "in");
  EXPECT_THAT(TryRegister("in", 9, "", "other"), Succeeds());
  EXPECT_THAT(TryRegister("in", 9),
              Fails(grpc::FAILED_PRECONDITION, "EBUSY", "BYTES_TAKEN"));
  peer().Must(&Selectors::CloseSelector, "selector { name: 'other' }");
  EXPECT_THAT(TryRegister("in", 9), Succeeds());
}

TEST_P(DataEvents, WhatHasNoBytesIsRefused) {
  peer().Must(&Handles::CreateTimer, "name: 'timer' after { seconds: 1 }");
  const auto no_bytes = Fails(grpc::INVALID_ARGUMENT, "EINVAL", "NO_BYTES");

  EXPECT_THAT(TryRegister("timer", 9), no_bytes);
  EXPECT_THAT(TryRegister("out", 9), no_bytes);
  EXPECT_THAT(TryRegister("in", -1), no_bytes);
  EXPECT_THAT(TryRegister("in", INT32_MIN), no_bytes);
  EXPECT_THAT(
      peer().Call(&Selectors::Register,
                  "selector { name: 'poll' } items { handle { name: 'in' } "
                  "events: 4 read_bytes: 9 }"),
      no_bytes);
  for (const int bytes : {65537, INT32_MAX}) {
    EXPECT_THAT(TryRegister("in", bytes),
                Fails(grpc::INVALID_ARGUMENT, "EINVAL", "LIMIT_EVENT_BYTES"));
  }
  EXPECT_THAT(TryRegister("in", 65536), Succeeds());
}

// ---- Taking over.

TEST_P(DataEvents, AWaitIsTakenOverWhereItIs) {
  Register("in", 2);
  peer().Write("out", "abcd");
  WaitStream first(peer(), "poll", "credits: 2");
  EXPECT_EQ(Next(first, 1), "in=ab");
  EXPECT_EQ(Next(first, 2), "in=cd");
  WaitStream refused(peer(), "poll");
  EXPECT_THAT(refused.Finish(),
              Fails(grpc::FAILED_PRECONDITION, "EBUSY", "WAIT_IN_PROGRESS"));

  WaitStream second(peer());
  Resume(second, 1, "credits: 2 take_over: true");

  EXPECT_EQ(Next(second, 2), "in=cd");
  EXPECT_THAT(first.Finish(), Fails(grpc::ABORTED, "EBUSY", "TAKEN_OVER"));
  peer().Write("out", "ef");
  EXPECT_EQ(Next(second, 3), "in=ef");
}

TEST_P(DataEvents, ABadTakeoverLeavesTheWaitAsItWas) {
  Register("in", 2);
  WaitStream first(peer(), "poll");
  first.AwaitOpen();

  for (const char* const open :
       {"take_over: true", "credits: 65 take_over: true",
        "credits: 1 take_over: true max_events: -1",
        "credits: 1 take_over: true resume_after { epoch: 1 }"}) {
    WaitStream second(peer(), "poll", open);
    EXPECT_FALSE(second.Finish().ok()) << open;
  }

  peer().Write("out", "ab");
  EXPECT_EQ(Next(first, 1), "in=ab");
}

// ---- The pace of a stream.

TEST_P(DataEvents, NoticesFollowSilence) {
  peer().Register("poll", "in", kIn);
  WaitStream wait(peer(), "poll",
                  "credits: 1 progress_interval { nanos: 100000000 }");
  const auto notice = [&](std::int64_t sequence) {
    const v1::WaitResponse response = wait.Read().value_or(v1::WaitResponse());
    EXPECT_TRUE(response.progress());
    EXPECT_EQ(response.sequence(), sequence);
    EXPECT_EQ(response.events_size(), 0);
    EXPECT_GT(response.epoch(), 0);
    return response.sampled_at_ns();
  };

  const std::int64_t at = notice(0);
  EXPECT_GE(notice(0) - at, 100'000'000);
  peer().Write("out", "x");
  v1::WaitResponse response;
  do {
    response = wait.Read().value_or(v1::WaitResponse());
  } while (response.progress());
  EXPECT_EQ(Brought(response), "in");
  notice(1);  // and without a credit
  wait.Grant(1);
  do {
    response = wait.Read().value_or(v1::WaitResponse());
  } while (response.progress());
  EXPECT_EQ(response.sequence(), 2);
}

TEST_P(DataEvents, AResultMayGrow) {
  peer().Register("poll", "in", kIn);
  peer().Write("out", "x");
  const Stopwatch watch;

  WaitStream wait(peer(), "poll",
                  "credits: 1 max_batch_delay { nanos: 200000000 }");

  EXPECT_EQ(Next(wait, 1), "in");
  EXPECT_GE(watch.elapsed(), absl::Milliseconds(200));
}

TEST_P(DataEvents, APaceThatIsNoneIsRefused) {
  const std::pair<const char*, const char*> rows[] = {
      {"max_batch_delay { seconds: -1 }", "LIMIT_BATCH_DELAY"},
      {"max_batch_delay { seconds: 1 nanos: 1 }", "LIMIT_BATCH_DELAY"},
      {"max_batch_delay { seconds: 1 nanos: -1 }", "BAD_DURATION"},
      {"progress_interval {}", "LIMIT_PROGRESS_INTERVAL"},
      {"progress_interval { nanos: 99999999 }", "LIMIT_PROGRESS_INTERVAL"},
      {"progress_interval { seconds: -9 }", "LIMIT_PROGRESS_INTERVAL"},
      {"progress_interval { nanos: 1000000000 }", "BAD_DURATION"},
  };
  for (const auto& [pace, reason] : rows) {
    WaitStream wait(peer(), "poll", absl::StrCat("credits: 1 ", pace));
    EXPECT_THAT(wait.Finish(), Fails(grpc::INVALID_ARGUMENT, "EINVAL", reason))
        << pace;
  }
  EXPECT_FALSE(peer().Waiting("poll"));
}

}  // namespace
}  // namespace farpoll
