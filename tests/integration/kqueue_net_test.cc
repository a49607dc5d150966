// tests/integration/kqueue_net_test.cc: room: tests. kqueue across the network:
// Control, and Wait on a KQUEUE selector.
#include <cerrno>
#include <cstdint>
#include <future>
#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/substitute.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "selector/kqueue/kevent.h"
#include "tests/integration/peer.h"
#include "tests/integration/server_fixture.h"
#include "tests/support/stopwatch.h"

namespace farpoll {
namespace {

// "in,READ,CLEAR,-,5": handles by name.
std::string Text(const v1::Kevent& kevent) {
  const auto filter = static_cast<std::int16_t>(kevent.filter());
  return absl::StrCat(
      kevent.name().empty() ? absl::StrCat(kevent.ident()) : kevent.name(), ",",
      FilterToString(filter), ",",
      FlagsToString(static_cast<std::uint16_t>(kevent.flags())), ",",
      FilterFlagsToString(filter, kevent.fflags()), ",", kevent.data());
}

template <class Response>
std::string Kevents(const Response& response) {
  std::string text;
  for (const v1::Kevent& kevent : response.kevents()) {
    absl::StrAppend(&text, text.empty() ? "" : " ", Text(kevent));
  }
  return text;
}

// The text of a Kevent: of a handle by name, or of a number.
std::string On(absl::string_view name, int filter, int flags = ev::kAdd,
               absl::string_view more = "") {
  return absl::Substitute("name: '$0' filter: $1 flags: $2 $3", name, filter,
                          flags, more);
}
std::string Of(std::uint64_t ident, int filter, int flags = ev::kAdd,
               absl::string_view more = "") {
  return absl::Substitute("ident: $0 filter: $1 flags: $2 $3", ident, filter,
                          flags, more);
}

// A pipe "in"/"out" and a kqueue "kq".
class KqueueNet : public ServerTest {
 protected:
  void SetUp() override {
    ServerTest::SetUp();
    peer().MakePipe("in", "out");
    peer().MakeSelector("kq", "KQUEUE");
  }

  // A Control of up to `room` events; `more` adds changes and what else to say.
  Answer<v1::ControlResponse> Control(absl::string_view more, int room = 8) {
    return peer().Call(&Selectors::Control,
                       absl::StrCat("selector { name: 'kq' } with_names: true "
                                    "max_events: ",
                                    room, " ", more));
  }
  // One change and no events.
  void Change(const std::string& kevent) {
    EXPECT_THAT(Control(absl::Substitute("changes { $0 }", kevent), 0),
                Succeeds());
  }
  // What is there at once.
  std::string Collect() { return Kevents(Control("timeout {}").response); }

  // The next result of `wait`, which must have this sequence.
  static std::string Next(WaitStream& wait, std::int64_t sequence) {
    const auto response = wait.Read();
    EXPECT_TRUE(response.has_value());
    if (!response.has_value()) {
      return "the stream is over";
    }
    EXPECT_EQ(response->sequence(), sequence);
    return Kevents(*response);
  }
};

INSTANTIATE_SERVER_TESTS(KqueueNet);

// ---- Control.

TEST_P(KqueueNet, ControlAppliesChangesAndThenWaits) {
  auto answer = std::async(std::launch::async, [this] {
    return Control(absl::Substitute(
        "changes { $0 }", On("in", evfilt::kRead, ev::kAdd, "udata: 9")));
  });
  Await([this] { return peer().Waiting("kq"); }, "the Control waits");

  peer().Write("out", "hello");

  const auto answered = answer.get();
  EXPECT_THAT(answered, Succeeds());
  EXPECT_EQ(Kevents(answered.response), "in,READ,-,-,5");
  EXPECT_EQ(answered.response.kevents(0).ident(),
            static_cast<std::uint64_t>(peer().IdOf("in")));
  EXPECT_EQ(answered.response.kevents(0).udata(), 9u);
  EXPECT_GT(answered.response.sampled_at_ns(), 0);
}

TEST_P(KqueueNet, TimeoutIsAnEmptyResultAndNotEarly) {
  const Stopwatch watch;
  const auto answer = Control("timeout { nanos: 30000000 }");
  EXPECT_THAT(answer, Succeeds());
  EXPECT_EQ(answer.response.kevents_size(), 0);
  EXPECT_GE(watch.elapsed(), absl::Milliseconds(30));
}

TEST_P(KqueueNet, RoomZeroNeverWaits) {
  const auto answer = Control("", 0);
  EXPECT_THAT(answer, Succeeds());
  EXPECT_EQ(answer.response.kevents_size(), 0);
}

TEST_P(KqueueNet, ErrorsAndReceiptsComeWhileThereIsRoom) {
  peer().Write("out", "x");
  const auto answer = Control(absl::Substitute(
      "changes { $0 } changes { $1 } changes { $2 }",
      On("in", evfilt::kRead, ev::kAdd | ev::kReceipt),
      On("nobody", evfilt::kRead), Of(1, evfilt::kUser, ev::kDelete)));
  EXPECT_THAT(answer, Succeeds());
  EXPECT_EQ(Kevents(answer.response),
            absl::StrCat("in,READ,ERROR,-,0 nobody,READ,ERROR,-,", EBADF,
                         " 1,USER,ERROR,-,", ENOENT));
  EXPECT_EQ(Collect(),
            "in,READ,RECEIPT,-,1");  // it was not taken with the errors
}

// TIMER and USER take any number; a name is no number.
TEST_P(KqueueNet, ANameThatNobodyHasIsEbadfForEveryFilter) {
  const std::string timer = On("nobody", evfilt::kTimer, ev::kAdd, "data: 1");
  const std::string user = On("nobody", evfilt::kUser);
  const auto answer =
      Control(absl::Substitute("changes { $0 } changes { $1 }", timer, user));
  EXPECT_THAT(answer, Succeeds());
  EXPECT_EQ(Kevents(answer.response),
            absl::StrCat("nobody,TIMER,ERROR,-,", EBADF,
                         " nobody,USER,ERROR,-,", EBADF));
  EXPECT_THAT(Control(absl::Substitute("changes { $0 }", user), 0),
              Fails(grpc::FAILED_PRECONDITION, "EBADF", "HANDLE_UNKNOWN"));
  EXPECT_EQ(Collect(), "");
}

TEST_P(KqueueNet, ReadCarriesBytesAndEndOfFile) {
  Change(On("in", evfilt::kRead));
  peer().Write("out", "12345");
  EXPECT_EQ(Collect(), "in,READ,-,-,5");
  peer().Close("out");
  EXPECT_EQ(Collect(), "in,READ,EOF,-,5");
  peer().Read("in");
  EXPECT_EQ(Collect(), "in,READ,EOF,-,0");
}

TEST_P(KqueueNet, WriteCarriesSpace) {
  Change(On("out", evfilt::kWrite));
  EXPECT_EQ(Collect(), "out,WRITE,-,-,65536");
}

TEST_P(KqueueNet, ModesAsLocally) {
  peer().Write("out", "x");
  Change(On("in", evfilt::kRead, ev::kAdd | ev::kClear));
  EXPECT_EQ(Collect(), "in,READ,CLEAR,-,1");
  EXPECT_EQ(Collect(), "");
  Change(On("in", evfilt::kRead, ev::kDelete));

  Change(On("in", evfilt::kRead, ev::kAdd | ev::kDispatch));
  EXPECT_EQ(Collect(), "in,READ,DISPATCH,-,1");
  EXPECT_EQ(Collect(), "");
  Change(On("in", evfilt::kRead, ev::kEnable));
  EXPECT_EQ(Collect(), "in,READ,DISPATCH,-,1");
  Change(On("in", evfilt::kRead, ev::kDelete));

  Change(On("in", evfilt::kRead, ev::kAdd | ev::kOneShot));
  EXPECT_EQ(Collect(), "in,READ,ONESHOT,-,1");
  EXPECT_EQ(Collect(), "");
}

TEST_P(KqueueNet, TimersAndUserEventsTakeAnyNumber) {
  Change(Of(~std::uint64_t{0}, evfilt::kTimer, ev::kAdd | ev::kOneShot,
            absl::Substitute("fflags: $0 data: 1", note::kNanoseconds)));
  EXPECT_EQ(Kevents(Control("").response),
            absl::StrCat(~std::uint64_t{0}, ",TIMER,ONESHOT|CLEAR,-,1"));

  Change(Of(42, evfilt::kUser, ev::kAdd | ev::kClear));
  EXPECT_EQ(Collect(), "");
  Change(
      Of(42, evfilt::kUser, 0,
         absl::Substitute("fflags: $0", note::kUserCopy | note::kTrigger | 5)));
  EXPECT_EQ(Collect(), "42,USER,CLEAR,0x5,0");
}

TEST_P(KqueueNet, SeveralControlsWaitAndOneGetsTheEvent) {
  Change(Of(1, evfilt::kUser, ev::kAdd | ev::kClear));
  std::vector<std::future<Answer<v1::ControlResponse>>> waits;
  for (int i = 0; i < 4; ++i) {
    waits.push_back(std::async(std::launch::async, [this] {
      return Control("timeout { seconds: 20 }");
    }));
  }
  Await(
      [this] {
        return peer().Must(&Sessions::GetSession, "").session().streams() == 4;
      },
      "four Controls wait");

  std::multiset<std::string> seen;
  for (int i = 0; i < 4; ++i) {
    Change(Of(1, evfilt::kUser, 0,
              absl::Substitute("fflags: $0", note::kTrigger)));
    Await(
        [this, i] {
          return peer().Must(&Sessions::GetSession, "").session().streams() ==
                 3 - i;
        },
        "one of them answers");
  }
  for (auto& wait : waits) {
    seen.insert(Kevents(wait.get().response));
  }
  EXPECT_EQ(seen.count("1,USER,CLEAR,-,0"), 4u);
}

TEST_P(KqueueNet, AnotherClientOfTheSessionSharesTheQueue) {
  Peer other(address(), peer().session());
  auto answer = std::async(std::launch::async, [&] {
    return other.Must(&Selectors::Control,
                      "selector { name: 'kq' } with_names: true max_events: 1");
  });
  Await([this] { return peer().Waiting("kq"); }, "the other's Control waits");
  Change(On("in", evfilt::kRead));

  peer().Write("out", "x");

  EXPECT_EQ(Kevents(answer.get()), "in,READ,-,-,1");
}

TEST_P(KqueueNet, ACancelledControlLosesNothing) {
  Change(On("in", evfilt::kRead, ev::kAdd | ev::kClear));
  grpc::ClientContext context;
  auto answer = std::async(std::launch::async, [&] {
    return peer().CallIn(context, kPatience, &Selectors::Control,
                         "selector { name: 'kq' } max_events: 1");
  });
  Await([this] { return peer().Waiting("kq"); }, "the Control waits");
  context.TryCancel();
  EXPECT_EQ(answer.get().status.error_code(), grpc::CANCELLED);
  Await([this] { return !peer().Waiting("kq"); }, "the Control ends");

  peer().Write("out", "x");

  EXPECT_EQ(Collect(), "in,READ,CLEAR,-,1");
}

TEST_P(KqueueNet, ADeadlineEndsAControl) {
  EXPECT_EQ(peer()
                .CallFor(absl::Milliseconds(50), &Selectors::Control,
                         "selector { name: 'kq' } max_events: 1")
                .status.error_code(),
            grpc::DEADLINE_EXCEEDED);
}

TEST_P(KqueueNet, ClosingTheQueueEndsItsWaiters) {
  auto control = std::async(std::launch::async, [this] { return Control(""); });
  Await([this] { return peer().Waiting("kq"); }, "the Control waits");
  WaitStream wait(peer(), "kq");
  wait.AwaitOpen();

  peer().Must(&Selectors::CloseSelector, "selector { name: 'kq' }");

  EXPECT_THAT(control.get(),
              Fails(grpc::FAILED_PRECONDITION, "EBADF", "CLOSED"));
  EXPECT_THAT(wait.Finish(),
              Fails(grpc::FAILED_PRECONDITION, "EBADF", "CLOSED"));
  EXPECT_THAT(Control(""),
              Fails(grpc::NOT_FOUND, "ENOENT", "SELECTOR_UNKNOWN"));
}

TEST_P(KqueueNet, ServerStopEndsAControl) {
  auto control = std::async(std::launch::async, [this] { return Control(""); });
  Await([this] { return peer().Waiting("kq"); }, "the Control waits");
  Stop();
  EXPECT_EQ(control.get().status.error_code(), grpc::UNAVAILABLE);
}

// ---- Wait.

TEST_P(KqueueNet, WaitGivesAResultACredit) {
  Change(On("in", evfilt::kRead));
  WaitStream wait(peer(), "kq");
  peer().Write("out", "x");

  EXPECT_EQ(Next(wait, 1), "in,READ,-,-,1");
  wait.Grant(1);
  EXPECT_EQ(Next(wait, 2), "in,READ,-,-,1");
  peer().Write("out", "y");
  wait.Grant(2);
  EXPECT_EQ(Next(wait, 3), "in,READ,-,-,2");
}

TEST_P(KqueueNet, ChangesRideOnTheWait) {
  WaitStream wait(peer(), "kq");
  wait.Send(
      absl::Substitute("changes { kevent { $0 } } changes { kevent { $1 } } "
                       "changes { kevent { $2 } }",
                       On("in", evfilt::kRead), On("nobody", evfilt::kRead),
                       Of(7, evfilt::kSignal)));
  const auto answer = wait.Read();
  ASSERT_TRUE(answer.has_value());
  ASSERT_EQ(answer->change_results_size(), 3);
  EXPECT_FALSE(answer->change_results(0).has_error());
  EXPECT_EQ(answer->change_results(0).handle_id(), peer().IdOf("in"));
  EXPECT_EQ(answer->change_results(1).error().info().errno_name(), "EBADF");
  EXPECT_EQ(answer->change_results(2).error().code(), grpc::PERMISSION_DENIED);

  peer().Write("out", "x");
  EXPECT_EQ(Next(wait, 1), "in,READ,-,-,1");
}

TEST_P(KqueueNet, DeleteDuringAWaitIsQuiet) {
  Change(On("in", evfilt::kRead));
  Change(Of(1, evfilt::kUser, ev::kAdd | ev::kClear));
  WaitStream wait(peer(), "kq");
  wait.AwaitOpen();
  Change(On("in", evfilt::kRead, ev::kDelete));
  peer().Write("out", "x");

  Change(
      Of(1, evfilt::kUser, 0, absl::Substitute("fflags: $0", note::kTrigger)));

  EXPECT_EQ(Next(wait, 1), "1,USER,CLEAR,-,0");
}

TEST_P(KqueueNet, TwoCreditsNoDouble) {
  Change(On("in", evfilt::kRead));
  Change(Of(1, evfilt::kUser, ev::kAdd | ev::kClear));
  peer().Write("out", "x");
  WaitStream wait(peer(), "kq", "credits: 2");
  EXPECT_EQ(Next(wait, 1), "in,READ,-,-,1");

  Change(
      Of(1, evfilt::kUser, 0, absl::Substitute("fflags: $0", note::kTrigger)));

  EXPECT_EQ(Next(wait, 2), "1,USER,CLEAR,-,0");
  wait.Grant(1);
  EXPECT_EQ(Next(wait, 3), "in,READ,-,-,1");
}

TEST_P(KqueueNet, ResumeResends) {
  Change(On("in", evfilt::kRead, ev::kAdd | ev::kOneShot));
  peer().Write("out", "x");
  std::int64_t epoch = 0;
  {
    WaitStream wait(peer(), "kq");
    const auto first = wait.Read();
    ASSERT_TRUE(first.has_value());
    epoch = first->epoch();
    wait.Cancel();
    wait.Finish();
  }
  Await([this] { return !peer().Waiting("kq"); }, "the first wait ends");

  WaitStream wait(
      peer(), "kq",
      absl::Substitute("credits: 1 resume_after { epoch: $0 sequence: 0 }",
                       epoch));

  EXPECT_EQ(Next(wait, 1), "in,READ,ONESHOT,-,1");
}

TEST_P(KqueueNet, AFreshWaitGetsWhatTheLastOneLost) {
  Change(On("in", evfilt::kRead, ev::kAdd | ev::kOneShot));
  Change(Of(1, evfilt::kUser, ev::kAdd | ev::kClear,
            absl::Substitute("fflags: $0", note::kTrigger)));
  peer().Write("out", "x");
  {
    WaitStream wait(peer(), "kq");
    ASSERT_TRUE(wait.Read().has_value());
    wait.Cancel();
    wait.Finish();
  }
  Await([this] { return !peer().Waiting("kq"); }, "the first wait ends");

  EXPECT_EQ(Collect(), "");  // they belong to that result still
  WaitStream wait(peer(), "kq");

  EXPECT_EQ(Next(wait, 2), "1,USER,CLEAR,-,0");
  wait.Grant(2);
  EXPECT_EQ(Next(wait, 3), "in,READ,ONESHOT,-,1");
}

TEST_P(KqueueNet, HandleClosed) {
  Change(On("in", evfilt::kRead, ev::kAdd, "udata: 3"));
  const std::int64_t id = peer().IdOf("in");
  WaitStream wait(peer(), "kq");
  wait.AwaitOpen();

  peer().Close("in");

  EXPECT_EQ(Next(wait, 1), absl::StrCat(id, ",READ,ERROR,-,", EBADF));
  EXPECT_EQ(peer()
                .Must(&Selectors::GetSelector, "selector { name: 'kq' }")
                .selector()
                .registrations(),
            0);
}

// ---- Bad input.

TEST_P(KqueueNet, OfOtherKinds) {
  peer().MakeSelector("poll");
  const auto wrong = Fails(grpc::INVALID_ARGUMENT, "EINVAL", "WRONG_KIND");
  EXPECT_THAT(peer().Call(&Selectors::Control, "selector { name: 'poll' }"),
              wrong);
  const char* const item =
      "selector { name: 'kq' } items { handle { name: 'in' } events: 1 }";
  EXPECT_THAT(peer().Call(&Selectors::Register, item), wrong);
  EXPECT_THAT(peer().Call(&Selectors::Modify, item), wrong);
  EXPECT_THAT(peer().Call(&Selectors::Unregister,
                          "selector { name: 'kq' } handles { name: 'in' }"),
              wrong);
  EXPECT_THAT(peer().Call(&Selectors::Poll, "selector { name: 'kq' }"), wrong);
  EXPECT_THAT(
      peer().Call(&Selectors::ListRegistrations, "selector { name: 'kq' }"),
      wrong);
  EXPECT_THAT(peer().Call(&Selectors::GetRegistration,
                          "selector { name: 'kq' } handle { name: 'in' }"),
              wrong);
}

TEST_P(KqueueNet, BadNumbers) {
  const auto refuses = [&](const std::string& text, const char* reason) {
    EXPECT_THAT(Control(text), Fails(grpc::INVALID_ARGUMENT, "EINVAL", reason))
        << text;
  };
  EXPECT_THAT(Control("", -1),
              Fails(grpc::INVALID_ARGUMENT, "EINVAL", "LIMIT_EVENTS"));
  refuses("timeout { seconds: -1 }", "");
  refuses("changes { filter: 40000 }", "BAD_KEVENT");
  refuses("changes { filter: -40000 }", "BAD_KEVENT");
  refuses("changes { filter: -1 flags: 65537 }", "BAD_KEVENT");
  EXPECT_THAT(Control("timeout { seconds: 100000000000 }"),
              Fails(grpc::INVALID_ARGUMENT, "EOVERFLOW", ""));
  std::string many;
  for (int i = 0; i <= 1000; ++i) {
    absl::StrAppend(&many, "changes { filter: -11 flags: 1 } ");
  }
  refuses(many, "LIMIT_CHANGES");
}

TEST_P(KqueueNet, BadChanges) {
  // Without room, a change's error is the call's.
  const auto refuses = [&](const std::string& kevent, grpc::StatusCode code,
                           const char* errno_name, const char* reason) {
    EXPECT_THAT(Control(absl::Substitute("changes { $0 }", kevent), 0),
                Fails(code, errno_name, reason))
        << kevent;
  };
  const auto invalid = grpc::INVALID_ARGUMENT;
  refuses(On("in", -99), invalid, "EINVAL", "");
  refuses(On("in", evfilt::kRead, 0x0800), invalid, "EINVAL", "");
  refuses(On("in", evfilt::kRead, ev::kAdd | ev::kEnable | ev::kDisable),
          invalid, "EINVAL", "");
  refuses(On("in", evfilt::kVnode, ev::kAdd,
             absl::Substitute("fflags: $0", note::kWrite)),
          invalid, "EINVAL", "");
  refuses(On("in", evfilt::kRead, ev::kDelete), grpc::NOT_FOUND, "ENOENT", "");
  refuses(On("in", evfilt::kRead, ev::kEnable), grpc::NOT_FOUND, "ENOENT", "");
  refuses(On("nobody", evfilt::kRead), grpc::FAILED_PRECONDITION, "EBADF",
          "HANDLE_UNKNOWN");
  refuses(Of(1u << 31, evfilt::kRead), grpc::FAILED_PRECONDITION, "EBADF",
          "HANDLE_UNKNOWN");
  refuses(Of(1, evfilt::kProc, ev::kAdd,
             absl::Substitute("fflags: $0", note::kExit)),
          grpc::PERMISSION_DENIED, "EPERM", "NOT_A_PROCESS_OF_THE_SESSION");
  refuses(Of(15, evfilt::kSignal), grpc::PERMISSION_DENIED, "EPERM",
          "SIGNALS_ARE_THE_SERVERS");
  refuses(Of(1, evfilt::kTimer, ev::kAdd, "data: -1"), invalid, "EINVAL", "");
  refuses(Of(1, evfilt::kTimer, ev::kAdd, "data: 1 fflags: 4096"), invalid,
          "EINVAL", "");
  refuses(Of(1, evfilt::kAio), grpc::UNIMPLEMENTED, "ENXIO", "");
}

TEST_P(KqueueNet, TheHandleOfAnotherSessionIsNone) {
  Peer other(address());
  other.MakePipe("theirs", "");
  EXPECT_THAT(Control(absl::Substitute(
                          "changes { $0 }",
                          Of(static_cast<std::uint64_t>(other.IdOf("theirs")),
                             evfilt::kRead)),
                      0),
              Fails(grpc::FAILED_PRECONDITION, "EBADF", "HANDLE_UNKNOWN"));
}

}  // namespace
}  // namespace farpoll
