// tests/integration/services_test.cc: room: tests. What every RPC does when all
// is well, field by field.
#include <grpcpp/grpcpp.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/substitute.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/integration/peer.h"
#include "tests/integration/server_fixture.h"
#include "tests/support/stopwatch.h"

namespace farpoll {
namespace {

using testing::ElementsAre;

class Services : public ServerTest {};

INSTANTIATE_SERVER_TESTS(Services);

// ---- SessionService.

TEST_P(Services, SessionsSayWhatTheyAre) {
  const v1::Session made =
      peer()
          .Must(&Sessions::CreateSession, "name: 'dev' ttl { seconds: 90 }")
          .session();
  EXPECT_EQ(made.id().size(), 32u);
  EXPECT_EQ(made.name(), "dev");
  EXPECT_EQ(made.ttl().seconds(), 90);
  EXPECT_GE(made.remaining().seconds(), 89);
  EXPECT_EQ(made.handles() + made.selectors() + made.streams(), 0);

  peer().Must(&Handles::CreatePipe, "session: 'dev'");
  peer().Must(&Selectors::CreateSelector,
              "session: 'dev' kind: SELECTOR_KIND_SELECT");
  const v1::Session now =
      peer().Must(&Sessions::GetSession, "session: 'dev'").session();
  EXPECT_EQ(now.id(), made.id());
  EXPECT_EQ(now.handles(), 2);
  EXPECT_EQ(now.selectors(), 1);
  EXPECT_EQ(now.streams(), 0);
  EXPECT_GT(now.age().seconds() + now.age().nanos(), 0);

  peer().Must(&Sessions::DeleteSession, "session: 'dev'");
  EXPECT_THAT(peer().Call(&Sessions::GetSession, "session: 'dev'"),
              Fails(grpc::NOT_FOUND, "ENOENT", "SESSION_UNKNOWN"));
}

TEST_P(Services, SessionsAreListedOldestFirst) {
  for (const char* const name : {"c", "a", "b"}) {
    peer().Must(&Sessions::CreateSession, absl::Substitute("name: '$0'", name));
  }

  std::vector<std::string> names;
  std::string token;
  do {
    const auto page =
        peer().Must(&Sessions::ListSessions,
                    absl::Substitute("page_size: 2 page_token: '$0'", token));
    for (const v1::Session& session : page.sessions()) {
      names.push_back(session.name());
    }
    token = page.next_page_token();
  } while (!token.empty());

  EXPECT_THAT(names, ElementsAre("", "c", "a", "b"));
  for (const char* const name : {"c", "a", "b"}) {
    peer().Must(&Sessions::DeleteSession,
                absl::Substitute("session: '$0'", name));
  }
}

TEST_P(Services, KeepAliveAnswersEachRenewal) {
  grpc::ClientContext context;
  const auto stream = peer().stub<Sessions>()->KeepAlive(&context);
  v1::KeepAliveRequest request;
  request.set_session(peer().session());
  v1::KeepAliveResponse response;

  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(stream->Write(request));
    ASSERT_TRUE(stream->Read(&response));
    EXPECT_EQ(response.remaining().seconds(), 60);
  }
  EXPECT_EQ(peer().Must(&Sessions::GetSession, "").session().streams(), 1);
  stream->WritesDone();
  EXPECT_FALSE(stream->Read(&response));
  EXPECT_THAT(stream->Finish(), Succeeds());
  Await(
      [&] {
        return peer().Must(&Sessions::GetSession, "").session().streams() == 0;
      },
      "the stream lets go of the lease");
}

// ---- HandleService.

TEST_P(Services, PipesSayWhatTheyAre) {
  const auto pipe =
      peer().Must(&Handles::CreatePipe,
                  "reader_name: 'in' writer_name: 'out' capacity_bytes: 4096");

  EXPECT_EQ(pipe.reader().name(), "in");
  EXPECT_EQ(pipe.reader().kind(), v1::HANDLE_KIND_PIPE_READER);
  EXPECT_EQ(pipe.reader().peer_id(), pipe.writer().id());
  EXPECT_EQ(pipe.reader().ready(), 0);
  EXPECT_EQ(pipe.writer().kind(), v1::HANDLE_KIND_PIPE_WRITER);
  EXPECT_EQ(pipe.writer().peer_id(), pipe.reader().id());
  EXPECT_EQ(pipe.writer().ready(), kOut | kWriteNormal);
  EXPECT_LT(0, pipe.reader().id());
  EXPECT_LT(pipe.reader().id(), pipe.writer().id());
}

TEST_P(Services, HandlesCountWhatGoesThrough) {
  peer().MakePipe("in", "out", 4096);
  peer().MakeSelector("poll");
  peer().Register("poll", "in", kIn);
  EXPECT_EQ(peer().Write("out", "hello").bytes_written(), 5);

  v1::Handle in =
      peer().Must(&Handles::GetHandle, "handle { name: 'in' }").handle();
  EXPECT_EQ(in.ready(), kIn | kReadNormal);
  EXPECT_EQ(in.readable_bytes(), 5);
  EXPECT_EQ(in.registrations(), 1);

  EXPECT_EQ(peer().Read("in", 2), "he");
  EXPECT_EQ(peer().Read("in"), "llo");
  in = peer().Must(&Handles::GetHandle, "handle { name: 'in' }").handle();
  EXPECT_EQ(in.bytes_read(), 5);
  EXPECT_EQ(in.readable_bytes(), 0);
  EXPECT_EQ(peer()
                .Must(&Handles::GetHandle, "handle { name: 'out' }")
                .handle()
                .bytes_written(),
            5);
}

TEST_P(Services, ReadsEndInThreeWays) {
  const char* const read = "handle { name: 'in' } max_bytes: 10";
  peer().MakePipe("in", "out");
  EXPECT_EQ(peer().Must(&Handles::Read, read).outcome(),
            v1::READ_OUTCOME_WOULD_BLOCK);
  peer().Write("out", "x");
  EXPECT_EQ(peer().Must(&Handles::Read, read).outcome(), v1::READ_OUTCOME_DATA);

  peer().Close("out");

  EXPECT_EQ(peer().Must(&Handles::Read, read).outcome(),
            v1::READ_OUTCOME_END_OF_FILE);
  EXPECT_EQ(peer()
                .Must(&Handles::GetHandle, "handle { name: 'in' }")
                .handle()
                .peer_id(),
            0);
}

TEST_P(Services, EverySocketTypeKeepsItsManners) {
  struct Row {
    const char* type;
    bool has_messages;
    v1::ReadOutcome after_close;
  };
  const Row rows[] = {
      {"STREAM", false, v1::READ_OUTCOME_END_OF_FILE},
      {"DATAGRAM", true, v1::READ_OUTCOME_WOULD_BLOCK},
      {"SEQPACKET", true, v1::READ_OUTCOME_END_OF_FILE},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.type);
    const auto pair =
        peer().Must(&Handles::CreateSocketPair,
                    absl::Substitute("first_name: 'a' second_name: 'b' type: "
                                     "SOCKET_TYPE_$0",
                                     row.type));
    EXPECT_EQ(pair.first().kind(), v1::HANDLE_KIND_SOCKET);
    EXPECT_EQ(pair.second().peer_id(), pair.first().id());

    peer().Write("a", "one");
    peer().Write("a", "two");

    EXPECT_EQ(peer().Read("b"), row.has_messages ? "one" : "onetwo");
    EXPECT_EQ(peer().Read("b"), row.has_messages ? "two" : "");
    peer().Close("a");
    EXPECT_EQ(peer()
                  .Must(&Handles::Read, "handle { name: 'b' } max_bytes: 1")
                  .outcome(),
              row.after_close);
    peer().Close("b");
  }
}

TEST_P(Services, ShutdownEndsOneDirection) {
  peer().MakeSocketPair("a", "b");
  peer().MakeSelector("poll");
  peer().Register("poll", "b", kIn | kReadHangup);

  peer().Must(&Handles::Shutdown,
              "handle { name: 'a' } direction: DIRECTION_WRITE");

  EXPECT_EQ(peer().Poll("poll", kPatience),
            absl::StrCat("b:", kIn | kReadHangup));
  EXPECT_EQ(peer().Write("b", "x").bytes_written(), 1);
  EXPECT_EQ(peer().Read("a"), "x");
  peer().Must(&Handles::Shutdown,
              "handle { name: 'b' } direction: DIRECTION_BOTH");
  EXPECT_EQ(peer().Poll("poll", kPatience),
            absl::StrCat("b:", kIn | kHangup | kReadHangup));
}

TEST_P(Services, ManyHandlesComeInPages) {
  for (int i = 0; i < 125; ++i) {
    peer().MakePipe("", "");
  }

  std::vector<int> sizes;
  std::int64_t last = 0;
  std::string token;
  do {
    const auto page = peer().Must(&Handles::ListHandles,
                                  absl::Substitute("page_token: '$0'", token));
    for (const v1::Handle& handle : page.handles()) {
      EXPECT_GT(handle.id(), last);
      last = handle.id();
    }
    sizes.push_back(page.handles_size());
    token = page.next_page_token();
  } while (!token.empty());

  EXPECT_THAT(sizes, ElementsAre(100, 100, 50));
}

TEST_P(Services, TheLastPageHasNoTokenEvenWhenItIsFull) {
  peer().MakePipe("", "");

  EXPECT_EQ(
      peer().Must(&Handles::ListHandles, "page_size: 2").next_page_token(), "");
}

TEST_P(Services, ClosedHandlesAreGone) {
  peer().MakePipe("in", "out");
  const std::int64_t id = peer().IdOf("in");

  peer().Close("in");

  EXPECT_THAT(
      peer().Call(&Handles::Close, absl::Substitute("handle { id: $0 }", id)),
      Fails(grpc::NOT_FOUND, "ENOENT", "HANDLE_UNKNOWN"));
  EXPECT_EQ(peer().Must(&Handles::ListHandles, "").handles_size(), 1);
  peer().MakePipe("in", "again");
  EXPECT_GT(peer().IdOf("in"), id);
}

// ---- SelectorService: registrations.

TEST_P(Services, SelectorsSayWhatTheyAre) {
  const v1::Selector made = peer()
                                .Must(&Selectors::CreateSelector,
                                      "name: 's' kind: SELECTOR_KIND_DEFAULT")
                                .selector();
  EXPECT_EQ(made.name(), "s");
  EXPECT_EQ(made.kind(), v1::SELECTOR_KIND_DEFAULT);
  EXPECT_EQ(made.registrations(), 0);
  EXPECT_FALSE(made.waiting());

  peer().MakePipe("in", "out");
  peer().Register("s", "in", kIn);
  WaitStream wait(peer(), "s");
  wait.AwaitOpen();
  const v1::Selector now =
      peer()
          .Must(&Selectors::GetSelector,
                absl::Substitute("selector { id: $0 }", made.id()))
          .selector();
  EXPECT_EQ(now.registrations(), 1);
  EXPECT_TRUE(now.waiting());
}

TEST_P(Services, SelectorsAreListedAndClosed) {
  peer().MakeSelector("a");
  peer().MakeSelector("b", "SELECT");

  const auto list = peer().Must(&Selectors::ListSelectors, "page_size: 1");
  ASSERT_EQ(list.selectors_size(), 1);
  EXPECT_EQ(list.selectors(0).name(), "a");
  const auto rest =
      peer().Must(&Selectors::ListSelectors,
                  absl::Substitute("page_token: '$0'", list.next_page_token()));
  ASSERT_EQ(rest.selectors_size(), 1);
  EXPECT_EQ(rest.selectors(0).kind(), v1::SELECTOR_KIND_SELECT);

  peer().Must(&Selectors::CloseSelector, "selector { name: 'a' }");
  EXPECT_THAT(peer().Call(&Selectors::GetSelector, "selector { name: 'a' }"),
              Fails(grpc::NOT_FOUND, "ENOENT", "SELECTOR_UNKNOWN"));
}

TEST_P(Services, ManyItemsAreJudgedOneByOne) {
  peer().MakePipe("in", "out");
  peer().MakeSelector("s", "DEFAULT");

  const auto answer = peer().Must(
      &Selectors::Register,
      "selector { name: 's' } "
      "items { handle { name: 'in' } events: 1 cookie: 7 } "
      "items { handle { name: 'in' } events: 1 } "
      "items { handle { name: 'nobody' } events: 1 } "
      "items { handle { name: 'out' } events: 32 } "
      "items { handle { name: 'out' } events: 4 trigger: TRIGGER_EDGE }");

  ASSERT_EQ(answer.results_size(), 5);
  EXPECT_EQ(answer.results(0).handle_id(), peer().IdOf("in"));
  EXPECT_EQ(answer.results(0).generation(), 1);
  EXPECT_EQ(answer.results(1).error().code(), grpc::ALREADY_EXISTS);
  EXPECT_EQ(answer.results(1).error().info().errno_name(), "EEXIST");
  EXPECT_EQ(answer.results(1).generation(), 0);
  EXPECT_EQ(answer.results(2).handle_id(), 0);
  EXPECT_EQ(answer.results(2).error().code(), grpc::NOT_FOUND);
  EXPECT_EQ(answer.results(3).error().code(), grpc::INVALID_ARGUMENT);
  EXPECT_EQ(answer.results(4).generation(), 2);
  EXPECT_FALSE(answer.results(4).has_error());
}

TEST_P(Services, RegistrationsAreListedAndFound) {
  peer().MakePipe("in", "out");
  peer().MakeSelector("poll");
  peer().Must(&Selectors::Register,
              "selector { name: 'poll' } "
              "items { handle { name: 'out' } events: 4 cookie: 7 } "
              "items { handle { name: 'in' } trigger: TRIGGER_EDGE }");

  const auto first = peer().Must(&Selectors::ListRegistrations,
                                 "selector { name: 'poll' } page_size: 1");
  ASSERT_EQ(first.registrations_size(), 1);
  EXPECT_EQ(first.registrations(0).handle_name(), "out");
  EXPECT_EQ(first.registrations(0).handle_id(), peer().IdOf("out"));
  EXPECT_EQ(first.registrations(0).events(), kOut);
  EXPECT_EQ(first.registrations(0).trigger(), v1::TRIGGER_LEVEL);
  EXPECT_EQ(first.registrations(0).cookie(), 7u);
  const auto rest =
      peer().Must(&Selectors::ListRegistrations,
                  absl::Substitute("selector { name: 'poll' } page_token: '$0'",
                                   first.next_page_token()));
  ASSERT_EQ(rest.registrations_size(), 1);
  EXPECT_EQ(rest.registrations(0).events(), kIn | kPriority | kOut);

  const v1::Registration one =
      peer()
          .Must(&Selectors::GetRegistration,
                "selector { name: 'poll' } handle { name: 'in' }")
          .registration();
  EXPECT_EQ(one.trigger(), v1::TRIGGER_EDGE);
  EXPECT_EQ(one.generation(), 2);
}

TEST_P(Services, ChangesStartGenerations) {
  peer().MakePipe("in", "out");
  peer().MakeSelector("poll");

  EXPECT_EQ(peer().Register("poll", "in", kIn), 1);
  EXPECT_EQ(peer().Register("poll", "in", 0), 2);  // POLL replaces
  EXPECT_EQ(peer().Modify("poll", "in", kIn), 3);
  peer().Write("out", "x");
  const auto poll = peer().Must(&Selectors::Poll, "selector { name: 'poll' }");
  ASSERT_EQ(poll.events_size(), 1);
  EXPECT_EQ(poll.events(0).generation(), 3);
  EXPECT_EQ(poll.events(0).handle_name(), "");
  EXPECT_GT(poll.sampled_at_ns(), 0);
}

// ---- SelectorService: kinds.

TEST_P(Services, EachKindReportsInItsOwnWay) {
  struct Row {
    const char* kind;
    int asked;
    int end_of_file;  // what a pipe whose writer is gone reports
  };
  const Row rows[] = {
      {"POLL", kIn, kHangup},
      {"POLL", 0, kHangup},
      {"SELECT", kIn, kIn},
      {"DEFAULT", kIn, kIn},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(absl::StrCat(row.kind, row.asked));
    peer().MakePipe("in", "out");
    peer().MakeSelector("s", row.kind);
    peer().Register("s", "in", row.asked);
    EXPECT_EQ(peer().Poll("s", absl::ZeroDuration()), "");

    peer().Close("out");

    EXPECT_EQ(peer().Poll("s", kPatience),
              absl::StrCat("in:", row.end_of_file));
    peer().Must(&Selectors::CloseSelector, "selector { name: 's' }");
    peer().Close("in");
  }
}

TEST_P(Services, NegativeTimeoutsAreTheKindsOwn) {
  const char* const poll = "selector { name: 's' } timeout { nanos: -1 }";
  peer().MakeSelector("s", "SELECT");
  EXPECT_THAT(peer().Call(&Selectors::Poll, poll),
              Fails(grpc::INVALID_ARGUMENT, "EINVAL", ""));
  peer().Must(&Selectors::CloseSelector, "selector { name: 's' }");

  peer().MakeSelector("s", "DEFAULT");
  EXPECT_THAT(peer().Call(&Selectors::Poll, poll), Succeeds());
  peer().Must(&Selectors::CloseSelector, "selector { name: 's' }");

  peer().MakeSelector("s", "POLL");
  EXPECT_THAT(peer().CallFor(absl::Milliseconds(50), &Selectors::Poll, poll),
              Fails(grpc::DEADLINE_EXCEEDED, "", ""));
}

TEST_P(Services, PollReportsInOrderOfRegistration) {
  peer().MakeSelector("poll");
  for (const char* const name : {"c", "a", "b"}) {
    peer().MakeSocketPair(name, "");
  }
  for (const char* const name : {"b", "c", "a"}) {
    peer().Register("poll", name, kOut);
  }

  EXPECT_EQ(peer().Poll("poll", kPatience), "b:4 c:4 a:4");
  peer().Unregister("poll", "b");
  peer().Register("poll", "b", kOut);
  EXPECT_EQ(peer().Poll("poll", kPatience), "c:4 a:4 b:4");
}

TEST_P(Services, PollTakesNoMoreThanItIsAskedFor) {
  peer().MakeSelector("poll");
  for (const char* const name : {"a", "b", "c"}) {
    peer().MakeSocketPair(name, "");
    peer().Register("poll", name, kOut, "ONESHOT");
  }
  const char* const poll = "selector { name: 'poll' } max_events: 2";

  EXPECT_EQ(peer().Must(&Selectors::Poll, poll).events_size(), 2);
  EXPECT_EQ(peer().Must(&Selectors::Poll, poll).events_size(), 1);
}

TEST_P(Services, SelectReturnsPositions) {
  peer().MakePipe("in", "out");
  peer().Write("out", "x");

  const auto ready = peer().Must(
      &Selectors::Select,
      "read { name: 'out' } read { name: 'in' } read { name: 'in' } "
      "write { name: 'in' } write { name: 'out' } except { name: 'in' }");

  EXPECT_THAT(ready.read(), ElementsAre(1, 2));
  EXPECT_THAT(ready.write(), ElementsAre(1));
  EXPECT_THAT(ready.except(), ElementsAre());
}

TEST_P(Services, SelectWaitsAndTimesOut) {
  peer().MakePipe("in", "out");
  const Stopwatch watch;

  const auto none = peer().Must(
      &Selectors::Select, "read { name: 'in' } timeout { nanos: 20000000 }");
  EXPECT_THAT(none.read(), ElementsAre());
  EXPECT_GE(watch.elapsed(), absl::Milliseconds(20));
  EXPECT_THAT(peer().Call(&Selectors::Select, "timeout { nanos: 1000 }"),
              Succeeds());
}

// ---- SelectorService: Wait.

TEST_P(Services, ChangesGoWithTheWait) {
  peer().MakePipe("in", "out");
  peer().MakeSelector("poll");
  peer().Write("out", "x");
  WaitStream wait(peer(), "poll");

  wait.Send(
      "changes { add { handle { name: 'in' } events: 1 cookie: 9 } } "
      "changes { modify { handle { name: 'out' } } }");

  const auto answer = wait.Read();
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->sequence(), 0);
  EXPECT_NE(answer->epoch(), 0);
  ASSERT_EQ(answer->change_results_size(), 2);
  EXPECT_EQ(answer->change_results(0).generation(), 1);
  EXPECT_EQ(answer->change_results(1).error().code(), grpc::NOT_FOUND);

  // The credit is still there.
  const auto result = wait.Read();
  ASSERT_TRUE(result.has_value());
  EXPECT_EQ(result->sequence(), 1);
  EXPECT_EQ(Seen(*result), "in:1");
  EXPECT_EQ(result->events(0).cookie(), 9u);
  EXPECT_EQ(result->change_results_size(), 0);
  EXPECT_GT(result->sampled_at_ns(), 0);

  // Changes come before the credits of their message.
  wait.Send(
      "grant { acknowledge: 1 credits: 1 } "
      "changes { remove { name: 'in' } } "
      "changes { add { handle { name: 'out' } events: 4 } }");
  ASSERT_EQ(wait.Read()->change_results_size(), 2);
  EXPECT_EQ(wait.Next(2), "out:4");
}

TEST_P(Services, ChangesMayComeWithTheOpening) {
  peer().MakePipe("in", "out");
  peer().MakeSelector("poll");
  WaitStream wait(peer());

  wait.Send(absl::Substitute(
      "open { session: '$0' selector { name: 'poll' } credits: 1 "
      "with_names: true } "
      "changes { add { handle { name: 'out' } events: 4 } }",
      peer().session()));

  ASSERT_EQ(wait.Read()->change_results_size(), 1);
  EXPECT_EQ(wait.Next(1), "out:4");
}

TEST_P(Services, EachCreditTimesOutByItself) {
  peer().MakePipe("in", "out");
  peer().MakeSelector("poll");
  peer().Register("poll", "in", kIn);
  const Stopwatch watch;
  WaitStream wait(peer(), "poll", "credits: 2 timeout { nanos: 20000000 }");

  for (std::int64_t sequence = 1; sequence <= 2; ++sequence) {
    const auto result = wait.Read();
    ASSERT_TRUE(result.has_value());
    EXPECT_EQ(result->sequence(), sequence);
    EXPECT_TRUE(result->timed_out());
    EXPECT_EQ(result->events_size(), 0);
  }

  EXPECT_GE(watch.elapsed(), absl::Milliseconds(40));
  wait.ExpectNothingSent();
}

TEST_P(Services, CreditsOutliveTheClientsLastWord) {
  peer().MakePipe("in", "out");
  peer().MakeSelector("poll");
  peer().Register("poll", "in", kIn);
  WaitStream wait(peer(), "poll");
  wait.AwaitOpen();
  wait.HalfClose();

  peer().Write("out", "x");

  EXPECT_EQ(wait.Next(1), "in:1");
  EXPECT_THAT(wait.Finish(), Succeeds());
}

}  // namespace
}  // namespace farpoll
