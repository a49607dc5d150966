// tests/integration/faults_test.cc: room: tests. What goes wrong while it goes
// on: full pipes, vanished clients, leases, quotas, things closed under a wait.
// The fixture sees to it that the server ends each as it began it.
#include <signal.h>

#include <cstdlib>
#include <future>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/substitute.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/integration/peer.h"
#include "tests/integration/server_fixture.h"
#include "tests/support/child_process.h"

namespace farpoll {
namespace {

constexpr int kRounds = 200;

// A pipe "in"/"out" and a POLL selector "poll" with "in" registered.
class Faults : public ServerTest {
 protected:
  void SetUp() override {
    ServerTest::SetUp();
    Furnish();
  }
  void Furnish() {
    peer().MakePipe("in", "out");
    peer().MakeSelector("poll");
    peer().Register("poll", "in", kIn);
  }

  // Calls on a thread of its own.
  template <class M>
  std::future<grpc::Status> Start(M method, std::string text) {
    return std::async(std::launch::async,
                      [=, this] { return peer().Call(method, text).status; });
  }

  // Returns once `count` streams hold the session's lease.
  void AwaitStreams(int count) {
    Await(
        [&] {
          return peer().Must(&Sessions::GetSession, "").session().streams() ==
                 count;
        },
        absl::StrCat(count, " streams"));
  }
};

INSTANTIATE_SERVER_TESTS(Faults);

// ---- Pipes.

TEST_P(Faults, AWriteOverPipeBufToANearlyFullPipeGoesInPart) {
  peer().MakePipe("r", "w", 65536);
  ASSERT_EQ(peer().Write("w", std::string(65536 - 4096, 'x')).bytes_written(),
            65536 - 4096);

  const v1::WriteResponse part = peer().Write("w", std::string(10'000, 'y'));

  EXPECT_EQ(part.bytes_written(), 4096);
  EXPECT_TRUE(part.would_block());
  const v1::WriteResponse none = peer().Write("w", std::string(10'000, 'z'));
  EXPECT_EQ(none.bytes_written(), 0);
  EXPECT_TRUE(none.would_block());
  const std::string all = peer().Read("r", 100'000);
  EXPECT_EQ(all.size(), 65536u);
  EXPECT_EQ(all.back(), 'y');
}

TEST_P(Faults, AWriteWithoutReaderIsAnErrorAndNoSignal) {
  peer().Close("in");

  const auto answer =
      peer().Call(&Handles::Write, "handle { name: 'out' } data: 'x'");

  EXPECT_THAT(answer, Fails(grpc::FAILED_PRECONDITION, "EPIPE", ""));
  EXPECT_EQ(InfoOf(answer.status).subject(), "out");
  peer().MakeSocketPair("a", "b");
  peer().Close("b");
  EXPECT_THAT(peer().Call(&Handles::Write, "handle { name: 'a' } data: 'x'"),
              Fails(grpc::FAILED_PRECONDITION, "EPIPE", ""));
  EXPECT_THAT(peer().Call(&ServerInfo::GetServer, ""), Succeeds());
}

// ---- Two at once.

TEST_P(Faults, ASecondPollIsRefusedAndTheFirstUnharmed) {
  auto first = Start(&Selectors::Poll, "selector { name: 'poll' }");
  AwaitStreams(1);

  for (const char* const timeout : {"", "timeout { nanos: 1 }"}) {
    EXPECT_THAT(
        peer().Call(&Selectors::Poll,
                    absl::StrCat("selector { name: 'poll' } ", timeout)),
        Fails(grpc::FAILED_PRECONDITION, "EBUSY", "WAIT_IN_PROGRESS"));
  }
  EXPECT_EQ(peer().Poll("poll", absl::ZeroDuration()), "");  // it looks
  WaitStream wait(peer(), "poll");
  EXPECT_THAT(wait.Finish(),
              Fails(grpc::FAILED_PRECONDITION, "EBUSY", "WAIT_IN_PROGRESS"));

  peer().Write("out", "x");
  EXPECT_THAT(first.get(), Succeeds());
}

// A client that has heard of its wait's end is free to wait again.
TEST_P(Faults, APollAfterACancelledPollIsNotRefused) {
  for (int i = 0; i < kRounds; ++i) {
    grpc::ClientContext context;
    std::future<grpc::Status> cancelled = std::async(std::launch::async, [&] {
      return peer()
          .CallIn(context, kPatience, &Selectors::Poll,
                  "selector { name: 'poll' }")
          .status;
    });
    Await([&] { return peer().Waiting("poll"); }, "the Poll is on");
    context.TryCancel();
    ASSERT_EQ(cancelled.get().error_code(), grpc::CANCELLED);

    ASSERT_THAT(peer().Call(&Selectors::Poll,
                            "selector { name: 'poll' } timeout { nanos: 1 }"),
                Succeeds())
        << "round " << i;
  }
}

TEST_P(Faults, APollAfterAWaitThatEndedIsNotRefused) {
  peer().Write("out", "x");
  for (int i = 0; i < kRounds; ++i) {
    WaitStream wait(peer(), "poll");
    wait.AwaitOpen();
    wait.HalfClose();
    ASSERT_THAT(wait.Finish(), Succeeds());

    ASSERT_EQ(peer().Poll("poll", kPatience), "in:1") << "round " << i;
  }
}

TEST_P(Faults, APollTakesTheSelectorOver) {
  peer().Write("out", "x");
  WaitStream wait(peer(), "poll");
  ASSERT_EQ(wait.Next(1), "in:1");

  EXPECT_EQ(Seen(peer().Must(
                &Selectors::Poll,
                "selector { name: 'poll' } with_names: true take_over: true")),
            "in:1");

  EXPECT_THAT(wait.Finish(), Fails(grpc::ABORTED, "EBUSY", "TAKEN_OVER"));
}

// ---- Clients that vanish.

TEST_P(Faults, AKilledClientsWaitEnds) {
  const char* const program = std::getenv("WAIT_CLIENT");
  ASSERT_NE(program, nullptr);
  ChildProcess client({program, address(), peer().session(), "poll"});
  ASSERT_EQ(client.ReadLine(), "waiting");
  ASSERT_TRUE(peer().Waiting("poll"));

  client.Signal(SIGKILL);
  EXPECT_EQ(client.Wait(), -SIGKILL);

  AwaitStreams(0);
  EXPECT_FALSE(peer().Waiting("poll"));
  peer().Write("out", "x");
  EXPECT_EQ(peer().Poll("poll", kPatience), "in:1");
}

TEST_P(Faults, AClientKilledWithAResultLosesNothing) {
  peer().Register("poll", "in", kIn, "ONESHOT");
  peer().Write("out", "x");
  ChildProcess client(
      {std::getenv("WAIT_CLIENT"), address(), peer().session(), "poll"});
  ASSERT_EQ(client.ReadLine(), "waiting");
  ASSERT_EQ(client.ReadLine(), "result 1");

  client.Signal(SIGKILL);
  client.Wait();

  AwaitStreams(0);
  EXPECT_EQ(peer().Poll("poll", kPatience), "in:1");
}

TEST_P(Faults, AnEndedWaitThatIsForgottenLeavesTheHandleClosable) {
  peer().Register("poll", "in", kIn, "ONESHOT");
  peer().Write("out", "x");
  {
    WaitStream lost(peer(), "poll");
    ASSERT_EQ(lost.Next(1), "in:1");
  }
  AwaitStreams(0);
  WaitStream wait(peer(), "poll");
  ASSERT_EQ(wait.Next(2), "in:1");

  peer().Close("in");

  EXPECT_EQ(
      peer()
          .Must(&Selectors::ListRegistrations, "selector { name: 'poll' }")
          .registrations_size(),
      0);
  peer().Must(&Selectors::CloseSelector, "selector { name: 'poll' }");
}

// ---- Leases.

class Leases : public Faults {
 protected:
  static constexpr char kShort[] = "ttl { nanos: 400000000 }";

  // Sessions there are, without renewing any.
  int CountSessions() {
    return peer().Must(&ServerInfo::GetServer, "").sessions();
  }
  std::string MakeShort(absl::string_view name) {
    return peer()
        .Must(&Sessions::CreateSession,
              absl::Substitute("name: '$0' $1", name, kShort))
        .session()
        .id();
  }
  // Returns when a lease that began now has run out.
  void PassALease() {
    const int before = CountSessions();
    MakeShort("");
    Await([&] { return CountSessions() == before; }, "the lease runs out");
  }
};

INSTANTIATE_SERVER_TESTS(Leases);

TEST_P(Leases, ASilentSessionEndsWithAllItOwns) {
  const int handles = peer().Must(&ServerInfo::GetServer, "").handles();
  MakeShort("brief");
  EXPECT_THAT(peer().Call(&Handles::CreatePipe, "session: 'brief'"),
              Succeeds());

  Await([&] { return CountSessions() == 1; }, "the lease runs out");

  // It is found no more before the last of what it owned is closed.
  Await(
      [&] {
        return peer().Must(&ServerInfo::GetServer, "").handles() == handles;
      },
      "what it owned is closed");
  const auto answer = peer().Call(&Handles::ListHandles, "session: 'brief'");
  EXPECT_THAT(answer, Fails(grpc::NOT_FOUND, "ENOENT", "LEASE_EXPIRED"));
  EXPECT_EQ(InfoOf(answer.status).subject(), "brief");
}

TEST_P(Leases, AWaitHoldsTheLease) {
  Peer holder(address(), MakeShort("held"));
  holder.MakeSelector("s");
  {
    WaitStream wait(holder, "s");
    wait.AwaitOpen();
    for (int i = 0; i < 2; ++i) {
      PassALease();
    }
    EXPECT_EQ(CountSessions(), 2);
  }

  Await([&] { return CountSessions() == 1; }, "the lease runs out");
}

TEST_P(Leases, AKeepAliveHoldsTheLease) {
  const std::string session = MakeShort("held");
  {
    grpc::ClientContext context;
    const auto stream = peer().stub<Sessions>()->KeepAlive(&context);
    v1::KeepAliveRequest request;
    v1::KeepAliveResponse response;
    request.set_session(session);
    ASSERT_TRUE(stream->Write(request));
    ASSERT_TRUE(stream->Read(&response));
    for (int i = 0; i < 2; ++i) {
      PassALease();
    }
    EXPECT_EQ(CountSessions(), 2);
    context.TryCancel();
  }

  Await([&] { return CountSessions() == 1; }, "the lease runs out");
}

// ---- Quotas.

class Quotas : public Faults {
 protected:
  void SetUp() override {
    server::Limits limits;
    limits.max_handles = 100;
    limits.max_share_percent = 100;  // of anybody
    limits.reserve_percent = 0;
    ServerTest::Start(limits);
  }
};

INSTANTIATE_SERVER_TESTS(Quotas);

TEST_P(Quotas, TenThousandHandlesOverTheQuota) {
  constexpr int kThreads = 4;
  constexpr int kCallsPerThread = 1250;  // of two handles each
  std::vector<std::future<int>> refused;

  for (int thread = 0; thread < kThreads; ++thread) {
    refused.push_back(std::async(std::launch::async, [&] {
      int count = 0;
      for (int i = 0; i < kCallsPerThread; ++i) {
        const auto answer = peer().Call(&Handles::CreatePipe, "");
        if (!answer.status.ok()) {
          ++count;
          EXPECT_THAT(answer, Fails(grpc::RESOURCE_EXHAUSTED, "EMFILE",
                                    "LIMIT_HANDLES"));
          EXPECT_EQ(InfoOf(answer.status).subject(), "server");
        }
      }
      return count;
    }));
  }
  int all_refused = 0;
  for (std::future<int>& each : refused) {
    all_refused += each.get();
  }

  EXPECT_EQ(all_refused, kThreads * kCallsPerThread - 50);
  EXPECT_EQ(peer().Must(&ServerInfo::GetServer, "").handles(), 100);
}

// ---- Closed under the user.

TEST_P(Faults, AHandleClosedWhileRegisteredReportsOnce) {
  const std::int64_t id = peer().IdOf("in");

  peer().Close("in");

  const auto poll = peer().Must(&Selectors::Poll, "selector { name: 'poll' }");
  ASSERT_EQ(poll.events_size(), 1);
  EXPECT_EQ(poll.events(0).handle_id(), id);
  EXPECT_EQ(poll.events(0).events(), kInvalid);
  EXPECT_EQ(peer().Poll("poll", absl::ZeroDuration()), "");
  EXPECT_THAT(peer().Call(&Selectors::Modify,
                          absl::Substitute("selector { name: 'poll' } "
                                           "items { handle { id: $0 } }",
                                           id)),
              Fails(grpc::NOT_FOUND, "ENOENT", "HANDLE_UNKNOWN"));
}

TEST_P(Faults, AHandleClosedWhileWaitedOnEndsThePoll) {
  auto poll = Start(&Selectors::Poll, "selector { name: 'poll' }");
  auto select = Start(&Selectors::Select, "read { name: 'in' }");
  AwaitStreams(2);

  peer().Close("in");

  EXPECT_THAT(poll.get(), Succeeds());
  EXPECT_THAT(select.get(),
              Fails(grpc::FAILED_PRECONDITION, "EBADF", "HANDLE_CLOSED"));
}

TEST_P(Faults, ASelectorClosedWhileWaitedOnEndsTheWait) {
  peer().MakeSelector("other");
  auto poll = Start(&Selectors::Poll, "selector { name: 'poll' }");
  WaitStream wait(peer(), "other");
  AwaitStreams(2);

  peer().Must(&Selectors::CloseSelector, "selector { name: 'poll' }");
  peer().Must(&Selectors::CloseSelector, "selector { name: 'other' }");

  for (const grpc::Status& status : {poll.get(), wait.Finish()}) {
    EXPECT_THAT(status, Fails(grpc::FAILED_PRECONDITION, "EBADF", "CLOSED"));
  }
  EXPECT_THAT(peer().Call(&Selectors::Poll, "selector { name: 'poll' }"),
              Fails(grpc::NOT_FOUND, "ENOENT", "SELECTOR_UNKNOWN"));
}

TEST_P(Faults, ASessionDeletedWhileUsedEndsEverything) {
  peer().MakeSelector("other");
  auto poll = Start(&Selectors::Poll, "selector { name: 'poll' }");
  auto select = Start(&Selectors::Select, "read { name: 'in' }");
  WaitStream wait(peer(), "other");
  grpc::ClientContext context;
  const auto keep_alive = peer().stub<Sessions>()->KeepAlive(&context);
  v1::KeepAliveRequest request;
  v1::KeepAliveResponse response;
  request.set_session(peer().session());
  ASSERT_TRUE(keep_alive->Write(request));
  ASSERT_TRUE(keep_alive->Read(&response));
  AwaitStreams(4);

  peer().Must(&Sessions::DeleteSession, "");

  EXPECT_FALSE(keep_alive->Read(&response));
  for (const grpc::Status& status :
       {poll.get(), select.get(), wait.Finish(), keep_alive->Finish()}) {
    EXPECT_THAT(status,
                Fails(grpc::FAILED_PRECONDITION, "EBADF", "SESSION_DELETED"));
    EXPECT_EQ(InfoOf(status).subject(), peer().session());
  }
}

TEST_P(Faults, AnUnregisteredHandleIsQuietAndMayBeClosed) {
  peer().Write("out", "x");
  WaitStream wait(peer(), "poll", "credits: 2");
  ASSERT_EQ(wait.Next(1), "in:1");

  peer().Unregister("poll", "in");
  peer().Close("in");

  wait.ExpectQuiet(2);
}

TEST_P(Faults, AHundredSessionsLeaveNothingBehind) {
  for (int i = 0; i < 100; ++i) {
    const std::string session =
        peer().Must(&Sessions::CreateSession, "").session().id();
    const std::string in = absl::Substitute("session: '$0' ", session);
    peer().Must(&Handles::CreatePipe, in + "reader_name: 'r'");
    peer().Must(&Selectors::CreateSelector,
                in + "name: 's' kind: SELECTOR_KIND_POLL");
    peer().Must(&Selectors::Register,
                in + "selector { name: 's' } items { handle { name: 'r' } }");
    peer().Must(&Sessions::DeleteSession, in);
  }
}

}  // namespace
}  // namespace farpoll
