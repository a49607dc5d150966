// tests/integration/net_test.cc: room: tests. Readiness across the network:
// the catalogue "network (Net.*)" of docs/semantics.md section 8.
#include <functional>
#include <future>
#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/substitute.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/integration/peer.h"
#include "tests/integration/server_fixture.h"
#include "tests/support/descriptor_limit.h"
#include "tests/support/memory.h"
#include "tests/support/stopwatch.h"

namespace farpoll {
namespace {

// A pipe "in"/"out" and a POLL selector "poll".
class Net : public ServerTest {
 protected:
  void SetUp() override {
    ServerTest::SetUp();
    peer().MakePipe("in", "out");
    peer().MakeSelector("poll");
  }
};

INSTANTIATE_SERVER_TESTS(Net);

TEST_P(Net, RegisterWaitAck) {
  peer().Register("poll", "in", kIn);
  WaitStream wait(peer(), "poll");

  peer().Write("out", "x");

  EXPECT_EQ(wait.Next(1), "in:1");
  wait.Grant(1);
  EXPECT_EQ(wait.Next(2), "in:1");
  EXPECT_EQ(peer().Read("in"), "x");
  wait.Grant(2);
  wait.ExpectQuiet(3);
}

TEST_P(Net, NoAckNoRepeat) {
  peer().Register("poll", "in", kIn);
  peer().Write("out", "x");
  WaitStream wait(peer(), "poll");
  EXPECT_EQ(wait.Next(1), "in:1");

  peer().Write("out", "y");

  wait.ExpectNothingSent();
}

TEST_P(Net, CoalesceLatest) {
  peer().Register("poll", "in", kIn, "EDGE");
  peer().Write("out", "0");
  WaitStream wait(peer(), "poll");
  EXPECT_EQ(wait.Next(1), "in:1");

  for (int i = 0; i < 10; ++i) {
    peer().Write("out", "x");
  }
  wait.Grant(1);

  EXPECT_EQ(wait.Next(2), "in:1");
  wait.Grant(2);
  wait.ExpectQuiet(3);
}

TEST_P(Net, EdgeNeedsActivity) {
  peer().Register("poll", "in", kIn, "EDGE");
  peer().Write("out", "x");
  WaitStream wait(peer(), "poll");
  EXPECT_EQ(wait.Next(1), "in:1");

  wait.Grant(1);

  wait.ExpectQuiet(2);
  wait.Grant(2);
  peer().Write("out", "y");
  EXPECT_EQ(wait.Next(3), "in:1");
}

TEST_P(Net, EdgeActivityWhileUnacked) {
  peer().Register("poll", "in", kIn, "EDGE");
  peer().Write("out", "x");
  WaitStream wait(peer(), "poll");
  EXPECT_EQ(wait.Next(1), "in:1");
  peer().Write("out", "y");
  wait.ExpectNothingSent();

  wait.Grant(1);

  EXPECT_EQ(wait.Next(2), "in:1");
}

TEST_P(Net, OneShotRemoves) {
  peer().Register("poll", "in", kIn, "ONESHOT");
  peer().Write("out", "x");
  WaitStream wait(peer(), "poll");

  EXPECT_EQ(wait.Next(1), "in:1");

  EXPECT_THAT(peer().Call(&Selectors::Modify,
                          "selector { name: 'poll' } items { handle { name: "
                          "'in' } events: 1 }"),
              Fails(grpc::NOT_FOUND, "ENOENT", "NOT_REGISTERED"));
  wait.Grant(1);
  wait.ExpectQuiet(2);
}

TEST_P(Net, StaleAck) {
  peer().Register("poll", "in", kIn);
  peer().Write("out", "x");
  WaitStream wait(peer(), "poll");
  EXPECT_EQ(wait.Next(1), "in:1");
  wait.Grant(1);
  EXPECT_EQ(wait.Next(2), "in:1");

  wait.Grant(1);  // 2 stays unacknowledged: its pipe is quiet

  wait.ExpectQuiet(3);
}

TEST_P(Net, FutureAck) {
  peer().Register("poll", "in", kIn);
  peer().Write("out", "x");
  WaitStream wait(peer(), "poll");
  EXPECT_EQ(wait.Next(1), "in:1");

  wait.Grant(2);

  EXPECT_THAT(wait.Finish(),
              Fails(grpc::INVALID_ARGUMENT, "EINVAL", "SEQUENCE_NEVER_SENT"));
}

TEST_P(Net, TwoCreditsNoDouble) {
  peer().Register("poll", "in", kIn);
  peer().Write("out", "x");
  WaitStream wait(peer(), "poll", "credits: 2");
  EXPECT_EQ(wait.Next(1), "in:1");

  wait.ExpectQuiet(2);
  wait.Grant(1);
  EXPECT_EQ(wait.Next(3), "in:1");
}

TEST_P(Net, ResumeResends) {
  peer().Register("poll", "in", kIn, "EDGE");
  peer().Write("out", "x");
  std::int64_t epoch = 0;
  {
    WaitStream cut(peer(), "poll", "credits: 4");
    EXPECT_EQ(cut.Next(1), "in:1");
    peer().Write("out", "y");
    const auto second = cut.Read();
    ASSERT_TRUE(second.has_value());
    EXPECT_EQ(second->sequence(), 2);
    epoch = second->epoch();
  }
  Await([&] { return !peer().Waiting("poll"); }, "the first wait is over");

  WaitStream wait(
      peer(), "poll",
      absl::Substitute("credits: 2 resume_after { epoch: $0 sequence: 1 }",
                       epoch));

  EXPECT_EQ(wait.Next(2), "in:1");
  wait.ExpectQuiet(3);
}

TEST_P(Net, ModifyRearms) {
  peer().MakeSocketPair("left", "right");
  peer().Register("poll", "left", kIn);
  peer().Write("right", "x");
  WaitStream wait(peer(), "poll", "credits: 2");
  EXPECT_EQ(wait.Next(1), "left:1");

  peer().Modify("poll", "left", kIn | kOut);

  EXPECT_EQ(wait.Next(2), "left:5");
}

TEST_P(Net, UnregisterQuiet) {
  peer().Register("poll", "in", kIn);
  WaitStream wait(peer(), "poll");

  peer().Unregister("poll", "in");
  peer().Write("out", "x");

  wait.ExpectQuiet(1);
}

TEST_P(Net, NoSpurious) {
  peer().Register("poll", "in", kIn);
  peer().Write("out", "x");
  WaitStream wait(peer(), "poll");
  EXPECT_EQ(wait.Next(1), "in:1");
  peer().Write("out", "y");
  EXPECT_EQ(peer().Read("in"), "xy");

  wait.Grant(1);

  wait.ExpectQuiet(2);
}

TEST_P(Net, TimeoutIsOk) {
  peer().Register("poll", "in", kIn);
  const Stopwatch watch;

  EXPECT_EQ(peer().Poll("poll", absl::Milliseconds(20)), "");

  EXPECT_GE(watch.elapsed(), absl::Milliseconds(20));
  EXPECT_EQ(peer().Poll("poll", absl::ZeroDuration()), "");
}

TEST_P(Net, Deadline) {
  peer().Register("poll", "in", kIn, "EDGE");

  EXPECT_THAT(peer().CallFor(absl::Milliseconds(50), &Selectors::Poll,
                             "selector { name: 'poll' }"),
              Fails(grpc::DEADLINE_EXCEEDED, "", ""));
  Await([&] { return !peer().Waiting("poll"); }, "the server has heard of it");
  EXPECT_THAT(
      peer().Call(&Selectors::Poll,
                  "selector { name: 'poll' } timeout { nanos: 20000000 }"),
      Succeeds());

  // The wait that was given up has taken nothing with it.
  peer().Write("out", "x");
  EXPECT_EQ(peer().Poll("poll", kPatience), "in:1");
}

TEST_P(Net, HupWithData) {
  peer().Register("poll", "in", kIn);
  peer().Write("out", "x");
  peer().Close("out");
  WaitStream wait(peer(), "poll");

  EXPECT_EQ(wait.Next(1), absl::StrCat("in:", kIn | kHangup));
  EXPECT_EQ(peer().Read("in"), "x");
  wait.Grant(1);
  EXPECT_EQ(wait.Next(2), absl::StrCat("in:", kHangup));
  wait.Grant(2);
  EXPECT_EQ(wait.Next(3), absl::StrCat("in:", kHangup));
}

TEST_P(Net, HandleClosed) {
  const std::int64_t id = peer().IdOf("in");
  peer().Register("poll", "in", kIn);
  WaitStream wait(peer(), "poll", "credits: 2");

  peer().Close("in");

  const auto result = wait.Read();
  ASSERT_TRUE(result.has_value());
  ASSERT_EQ(result->events_size(), 1);
  EXPECT_EQ(result->events(0).handle_id(), id);
  EXPECT_EQ(result->events(0).events(), kInvalid);
  wait.ExpectQuiet(2);
  EXPECT_THAT(peer().Call(&Handles::GetHandle,
                          absl::Substitute("handle { id: $0 }", id)),
              Fails(grpc::NOT_FOUND, "ENOENT", "HANDLE_UNKNOWN"));
  EXPECT_GT(peer().IdOf("quiet2"), id);
}

TEST_P(Net, ClientGone) {
  peer().Register("poll", "in", kIn);
  peer().MakeSelector("other");
  peer().Register("other", "in", kIn);
  WaitStream others(peer(), "other");
  {
    Peer second(address(), peer().session());
    WaitStream gone(second, "poll");
    gone.AwaitOpen();
    ASSERT_TRUE(peer().Waiting("poll"));
    gone.Cancel();
  }
  const Stopwatch watch;

  Await([&] { return !peer().Waiting("poll"); }, "the wait has ended");

  EXPECT_LT(watch.elapsed(), absl::Seconds(1));
  peer().Write("out", "x");
  EXPECT_EQ(others.Next(1), "in:1");
  EXPECT_EQ(peer().Poll("poll", kPatience), "in:1");
}

TEST_P(Net, TwoClientsOneHandle) {
  Peer second(address(), peer().session());
  second.MakeSelector("theirs");
  peer().Register("poll", "in", kIn);
  second.Register("theirs", "in", kIn);
  WaitStream ours(peer(), "poll");
  WaitStream theirs(second, "theirs");

  peer().Write("out", "x");

  EXPECT_EQ(ours.Next(1), "in:1");
  EXPECT_EQ(theirs.Next(1), "in:1");
}

TEST_P(Net, SlowReader) {
  constexpr int kRounds = 300;
  peer().Register("poll", "in", kIn, "EDGE");
  WaitStream wait(peer(), "poll");
  peer().Write("out", "x");
  Await([&] { return peer().Read("in") == "x"; }, "the byte is there");
  const std::int64_t before = AllocatedBytes();

  for (int i = 0; i < kRounds; ++i) {
    peer().Write("out", "x");
    EXPECT_EQ(peer().Read("in"), "x");
  }

  EXPECT_LT(AllocatedBytes() - before, 256 << 10);
  EXPECT_EQ(wait.Next(1), "in:1");
  peer().Close("out");
  wait.Grant(1);
  EXPECT_EQ(wait.Next(2), absl::StrCat("in:", kHangup));
}

TEST_P(Net, Fairness) {
  constexpr int kQuiet = 1000;
  constexpr int kPerResult = 64;
  peer().Register("poll", "in", kIn);
  peer().Write("out", "x");  // always ready: nobody reads it
  for (int i = 0; i < kQuiet / 2; ++i) {
    peer().MakeSocketPair(absl::StrCat("a", i), absl::StrCat("b", i));
  }
  for (const char* const side : {"a", "b"}) {
    std::string request = "selector { name: 'poll' } ";
    for (int i = 0; i < kQuiet / 2; ++i) {
      absl::StrAppend(&request, "items { handle { name: '", side, i,
                      "' } events: 4 } ");
    }
    peer().Must(&Selectors::Register, request);
  }
  WaitStream wait(peer(), "poll",
                  absl::StrCat("credits: 1 max_events: ", kPerResult));

  std::set<std::int64_t> seen;
  constexpr int kTurns = (kQuiet + 1 + kPerResult - 1) / kPerResult;
  for (int turn = 1; turn <= kTurns; ++turn) {
    const auto result = wait.Read();
    ASSERT_TRUE(result.has_value());
    for (const v1::Event& event : result->events()) {
      seen.insert(event.handle_id());
    }
    wait.Grant(turn);
  }

  EXPECT_EQ(seen.size(), kQuiet + 1u);
}

TEST_P(Net, ShutdownEndsWaits) {
  peer().MakeSelector("other");
  WaitStream wait(peer(), "poll");
  wait.AwaitOpen();
  auto poll = std::async(std::launch::async, [&] {
    return peer().Call(&Selectors::Poll, "selector { name: 'other' }").status;
  });
  auto select = std::async(std::launch::async, [&] {
    return peer().Call(&Selectors::Select, "read { name: 'in' }").status;
  });
  Await(
      [&] {
        return peer().Must(&Sessions::GetSession, "").session().streams() == 3;
      },
      "all three wait");

  Stop();

  for (const grpc::Status& status : {wait.Finish(), poll.get(), select.get()}) {
    EXPECT_THAT(status, Fails(grpc::UNAVAILABLE, "", "SERVER_STOPPING"));
  }
}

TEST_P(Net, PipeWriteContract) {
  const std::string page(4096, 'x');
  peer().MakePipe("r", "w", 65536);
  peer().Register("poll", "w", kOut);
  ASSERT_EQ(peer().Write("w", std::string(65536, 'x')).bytes_written(), 65536);
  ASSERT_EQ(peer().Poll("poll", absl::ZeroDuration()), "");
  ASSERT_EQ(peer().Read("r", 4095).size(), 4095u);
  ASSERT_EQ(peer().Poll("poll", absl::ZeroDuration()), "");
  ASSERT_EQ(peer().Read("r", 1).size(), 1u);
  ASSERT_EQ(peer().Poll("poll", absl::ZeroDuration()), "w:4");

  const v1::WriteResponse whole = peer().Write("w", page);
  EXPECT_EQ(whole.bytes_written(), 4096);
  EXPECT_FALSE(whole.would_block());

  const v1::WriteResponse none = peer().Write("w", page);
  EXPECT_EQ(none.bytes_written(), 0);
  EXPECT_TRUE(none.would_block());
}

// ---- StatusCodes and LimitReached.

struct CodeRow {
  const char* name;
  std::function<grpc::Status(Peer&)> call;
  grpc::StatusCode code;
  const char* errno_name;
  const char* reason;
};

template <class M>
std::function<grpc::Status(Peer&)> Calling(M method, std::string text) {
  return [=](Peer& peer) { return peer.Call(method, text).status; };
}

TEST_P(Net, StatusCodes) {
  peer().Register("poll", "in", kIn);
  const CodeRow rows[] = {
      {"UnregisterNotRegistered",
       Calling(&Selectors::Unregister,
               "selector { name: 'poll' } handles { name: 'out' }"),
       grpc::NOT_FOUND, "ENOENT", "NOT_REGISTERED"},
      {"ModifyNotRegistered",
       Calling(&Selectors::Modify,
               "selector { name: 'poll' } items { handle { name: 'out' } }"),
       grpc::NOT_FOUND, "ENOENT", "NOT_REGISTERED"},
      {"MaskNegative",
       Calling(&Selectors::Register,
               "selector { name: 'poll' } "
               "items { handle { name: 'out' } events: -1 }"),
       grpc::INVALID_ARGUMENT, "EINVAL", ""},
      {"MaskOver16Bits",
       Calling(&Selectors::Register,
               "selector { name: 'poll' } "
               "items { handle { name: 'out' } events: 65536 }"),
       grpc::INVALID_ARGUMENT, "EOVERFLOW", ""},
      {"TimeoutTooLong",
       Calling(&Selectors::Poll,
               "selector { name: 'poll' } timeout { seconds: 2147484 }"),
       grpc::INVALID_ARGUMENT, "EOVERFLOW", ""},
      {"SecondWait",
       [](Peer& peer) {
         WaitStream wait(peer, "poll");
         wait.AwaitOpen();
         return peer.Call(&Selectors::Poll, "selector { name: 'poll' }").status;
       },
       grpc::FAILED_PRECONDITION, "EBUSY", "WAIT_IN_PROGRESS"},
      {"SelectorClosed",
       [](Peer& peer) {
         peer.MakeSelector("closing");
         WaitStream wait(peer, "closing");
         wait.AwaitOpen();
         peer.Must(&Selectors::CloseSelector, "selector { name: 'closing' }");
         return wait.Finish();
       },
       grpc::FAILED_PRECONDITION, "EBADF", "CLOSED"},
      {"HandleUnknown", Calling(&Handles::GetHandle, "handle { id: 99999 }"),
       grpc::NOT_FOUND, "ENOENT", "HANDLE_UNKNOWN"},
      {"OutOfDescriptors",
       [](Peer& peer) {
         const DescriptorLimit none(0);
         return peer.Call(&Handles::CreatePipe, "").status;
       },
       grpc::RESOURCE_EXHAUSTED, "EMFILE", ""},
  };

  for (const CodeRow& row : rows) {
    SCOPED_TRACE(row.name);
    EXPECT_THAT(row.call(peer()), Fails(row.code, row.errno_name, row.reason));
  }
}

class NetLimits : public ServerTest {
 protected:
  void SetUp() override {
    server::Limits limits;
    limits.max_session_handles = 4;
    limits.max_session_selectors = 2;
    limits.max_selector_registrations = 2;
    Start(limits);
  }
};

INSTANTIATE_SERVER_TESTS(NetLimits);

TEST_P(NetLimits, LimitReached) {
  peer().MakePipe("a", "b");
  peer().MakePipe("c", "d");
  peer().MakeSelector("poll");
  peer().MakeSelector("other");
  peer().Register("poll", "a", kIn);
  peer().Register("poll", "b", kOut);

  EXPECT_THAT(
      peer().Call(&Handles::CreatePipe, ""),
      Fails(grpc::RESOURCE_EXHAUSTED, "EMFILE", "LIMIT_SESSION_HANDLES"));
  EXPECT_THAT(
      peer().Call(&Selectors::CreateSelector, "kind: SELECTOR_KIND_POLL"),
      Fails(grpc::RESOURCE_EXHAUSTED, "EMFILE", "LIMIT_SESSION_SELECTORS"));
  EXPECT_THAT(
      peer().Call(&Selectors::Register,
                  "selector { name: 'poll' } items { handle { name: 'c' } }"),
      Fails(grpc::RESOURCE_EXHAUSTED, "ENOSPC",
            "LIMIT_SELECTOR_REGISTRATIONS"));
  EXPECT_THAT(
      peer().Call(&Selectors::Select,
                  "read { name: 'a' } read { name: 'c' } write { name: 'b' }"),
      Fails(grpc::RESOURCE_EXHAUSTED, "ENOSPC",
            "LIMIT_SELECTOR_REGISTRATIONS"));

  // It lives on.
  EXPECT_EQ(peer().Poll("poll", kPatience), "b:4");
}

}  // namespace
}  // namespace farpoll
