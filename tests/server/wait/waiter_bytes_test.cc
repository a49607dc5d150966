// Events that bring their data: what they take, who is asked to wait, and what
// comes back when nobody acknowledges. Time is a plain value here.
#include <sys/socket.h>

#include <cerrno>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/handle/transfer.h"
#include "server/wait/waiter.h"
#include "tests/server/handle/handle_fixture.h"
#include "tests/server/wait/handles.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fd_fixtures.h"
#include "tests/support/status_matchers.h"

namespace farpoll::server {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr std::int64_t kHandle = 1;

// A selector, its waiter, and handles whose other ends the test holds.
class BytesTest : public testing::Test {
 protected:
  struct Watched {
    Handle handle;
    Handle other;
  };

  Watched& Add(std::int64_t id, HandlePair pair) {
    Watched& added = watched_[id];
    added.handle = std::move(pair.first);
    added.handle.id = id;
    added.other = std::move(pair.second);
    return added;
  }
  Watched& AddPipe(std::int64_t id = kHandle) { return Add(id, WrapPipe()); }
  Watched& AddSockets(int type) {
    return Add(kHandle, WrapPair(UnixPair(type), type));
  }

  Target TargetOf(std::int64_t id) {
    const auto it = watched_.find(id);
    if (it == watched_.end()) {
      return {};
    }
    Handle& handle = it->second.handle;
    return {
        .fd = handle.fd.get(), .mark = &handle.readiness, .handle = &handle};
  }

  absl::StatusOr<std::int64_t> Register(Interest interest,
                                        std::int64_t id = kHandle) {
    interest.events = interest.events.value_or(kIn);
    return selector_->Register(id, TargetOf(id), interest);
  }

  void Begin(WaitOptions options = {}) {
    options.max_credits = 16;
    options.max_events = 64;
    options.max_unacked_events = 64;
    options.max_result_bytes =
        options.max_result_bytes == 0 ? 1000 : options.max_result_bytes;
    options.max_unacked_bytes =
        options.max_unacked_bytes == 1 ? 1000 : options.max_unacked_bytes;
    ASSERT_THAT(waiter_.Begin(options, clock_.Now(),
                              [this](std::int64_t id) { return TargetOf(id); }),
                IsOk());
    TellReturned(*selector_);
  }
  // A new wait that does not resume: nothing of the last one is acknowledged.
  void BeginAfresh(WaitOptions options = {}) {
    waiter_.End();
    Begin(options);
  }
  void TellReturned(Selector& selector) {
    for (const std::int64_t id : waiter_.TakeReturned()) {
      selector.BytesReturned(id);
    }
  }

  absl::optional<Result> Take() { return waiter_.Take(clock_.Now()); }
  // What the events of the next result bring, in order: "DATA", "(end)",
  // "(would block)", the errno of an error, or "-" for an event without.
  std::vector<std::string> Brought() {
    std::vector<std::string> brought;
    const absl::optional<Result> result = Take();
    for (const ReadyEvent& event : result.value_or(Result()).events) {
      if (event.bytes == nullptr) {
        brought.push_back("-");
      } else if (!event.bytes->error.ok()) {
        brought.push_back(ErrnoName(ErrnoOf(event.bytes->error)));
      } else {
        brought.push_back(Text(event.bytes->read));
      }
    }
    return brought;
  }
  void Grant(std::int64_t acknowledge, std::int64_t credits = 1) {
    ASSERT_THAT(waiter_.Grant(acknowledge, credits, clock_.Now()), IsOk());
  }

  FakeClock clock_;
  std::map<std::int64_t, Watched> watched_;
  const std::unique_ptr<Selector> selector_ = MakeSelector(SelectorKind::kPoll);
  Waiter waiter_{selector_.get()};
};

// ---- What an event brings.

TEST_F(BytesTest, AnEventBringsUpToWhatWasAskedFor) {
  Watched& in = AddPipe();
  ASSERT_THAT(Register({.read_bytes = 4}), IsOk());
  Put(in.other, "abcdefgh");
  Begin({.credits = 3});

  EXPECT_THAT(Brought(), ElementsAre("abcd"));
  EXPECT_THAT(Brought(), ElementsAre("efgh"));
  EXPECT_THAT(Brought(), IsEmpty());
  EXPECT_EQ(in.handle.bytes_read, 8);
}

TEST_F(BytesTest, NothingIsReadWithoutACredit) {
  Watched& in = AddPipe();
  ASSERT_THAT(Register({.read_bytes = 4}), IsOk());
  Put(in.other, "abcdefgh");
  Begin();

  EXPECT_THAT(Brought(), ElementsAre("abcd"));
  EXPECT_THAT(Brought(), IsEmpty());
  EXPECT_EQ(ReadableBytes(in.handle), 4);
}

TEST_F(BytesTest, EndOfFileAndErrorsComeAsTheyDo) {
  Watched& in = AddPipe();
  ASSERT_THAT(Register({.read_bytes = 9}), IsOk());
  Put(in.other, "last");
  in.other.fd.Reset();
  Begin({.credits = 3});

  EXPECT_THAT(Brought(), ElementsAre("last"));
  EXPECT_THAT(Brought(), ElementsAre("(end)"));
  // Told; it comes again when that is acknowledged, as a local loop sees it.
  EXPECT_THAT(Brought(), IsEmpty());
  Grant(2);
  EXPECT_THAT(Brought(), ElementsAre("(end)"));
}

TEST_F(BytesTest, AnErrorIsBroughtOnce) {
  Watched& in = AddSockets(SOCK_STREAM);
  ASSERT_THAT(Register({.read_bytes = 9}), IsOk());
  Put(in.handle, "unread");
  in.other.fd.Reset();  // with bytes that it has not read: a reset
  Begin();

  EXPECT_THAT(Brought(), ElementsAre("ECONNRESET"));
  Grant(1);
  EXPECT_THAT(Brought(), ElementsAre("(end)"));
}

TEST_F(BytesTest, AMessageIsBroughtAsOne) {
  for (const int type : {SOCK_SEQPACKET, SOCK_DGRAM}) {
    Watched& in = AddSockets(type);
    ASSERT_THAT(Register({.read_bytes = 4}), IsOk());
    Put(in.other, "one");
    Put(in.other, "three");
    BeginAfresh({.credits = 2});

    EXPECT_THAT(Brought(), ElementsAre("one"));
    const absl::optional<Result> second = Take();
    ASSERT_TRUE(second.has_value());
    EXPECT_EQ(second->events.at(0).bytes->read.data, "thre");
    EXPECT_TRUE(second->events.at(0).bytes->read.truncated);

    ASSERT_THAT(selector_->Unregister(kHandle), IsOk());
  }
}

TEST_F(BytesTest, AnEventOfABusyHandleIsNoEventWhenSomebodyElseReadIt) {
  Watched& in = AddPipe();
  ASSERT_THAT(Register({.trigger = Trigger::kEdge, .read_bytes = 4}), IsOk());
  Put(in.other, "word");
  EXPECT_EQ(farpoll::server::Take(in.handle), "word");
  Begin();

  EXPECT_THAT(Brought(), IsEmpty());
  Put(in.other, "more");
  EXPECT_THAT(Brought(), ElementsAre("more"));
}

TEST_F(BytesTest, AnEdgeGoesOnUntilAllOfItIsTaken) {
  Watched& in = AddPipe();
  ASSERT_THAT(Register({.trigger = Trigger::kEdge, .read_bytes = 3}), IsOk());
  Put(in.other, "abcdefgh");
  Begin({.credits = 8});

  EXPECT_THAT(Brought(), ElementsAre("abc"));
  EXPECT_THAT(Brought(), ElementsAre("def"));
  EXPECT_THAT(Brought(), ElementsAre("gh"));
  EXPECT_THAT(Brought(), IsEmpty());
}

TEST_F(BytesTest, OneThatIsWritableTooWaitsForItsAcknowledgement) {
  Watched& in = AddSockets(SOCK_STREAM);
  ASSERT_THAT(Register({.events = kIn | kOut, .read_bytes = 2}), IsOk());
  Put(in.other, "abcd");
  Begin({.credits = 4});

  EXPECT_THAT(Brought(), ElementsAre("ab"));
  EXPECT_THAT(Brought(), IsEmpty());
  Grant(1);
  EXPECT_THAT(Brought(), ElementsAre("cd"));
  Grant(2);
  EXPECT_THAT(Brought(), ElementsAre("-"));
  Put(in.other, "ef");
  EXPECT_THAT(Brought(), IsEmpty());
  Grant(3);
  EXPECT_THAT(Brought(), ElementsAre("ef"));
}

TEST_F(BytesTest, AOneShotBringsOnePiece) {
  Watched& in = AddPipe();
  ASSERT_THAT(Register({.trigger = Trigger::kOneShot, .read_bytes = 3}),
              IsOk());
  Put(in.other, "abcdefgh");
  Begin({.credits = 8});

  EXPECT_THAT(Brought(), ElementsAre("abc"));
  EXPECT_THAT(Brought(), IsEmpty());
  EXPECT_EQ(in.handle.held->taker(), 0);
}

TEST_F(BytesTest, APollBringsNone) {
  Watched& in = AddPipe();
  ASSERT_THAT(Register({.read_bytes = 3}), IsOk());
  Put(in.other, "abc");
  ASSERT_THAT(waiter_.Begin({.max_events = 1}, clock_.Now(),
                            [this](std::int64_t id) { return TargetOf(id); }),
              IsOk());

  const absl::optional<Result> result = waiter_.TakeOnly(clock_.Now());

  ASSERT_TRUE(result.has_value());
  EXPECT_THAT(result->events, ElementsAre(Saw(kHandle, kIn)));
  EXPECT_EQ(result->events[0].bytes, nullptr);
  EXPECT_EQ(farpoll::server::Take(in.handle), "abc");
}

// ---- Who may ask for them.

TEST_F(BytesTest, WhatHasNoBytesIsRefused) {
  AddPipe();
  EXPECT_EQ(ReasonOf(Register({.read_bytes = -1})), "NO_BYTES");
  EXPECT_EQ(ReasonOf(Register({.events = kOut, .read_bytes = 1})), "NO_BYTES");
  Pipe pipe;
  EXPECT_EQ(ReasonOf(selector_->Register(2, {.fd = pipe.reader()},
                                         {.events = kIn, .read_bytes = 1})),
            "NO_BYTES");
  EXPECT_EQ(selector_->size(), 0u);

  ASSERT_THAT(Register({.read_bytes = 1}), IsOk());
  EXPECT_EQ(
      ReasonOf(selector_->Modify(kHandle, {.events = kOut, .read_bytes = 1})),
      "NO_BYTES");
  EXPECT_EQ(selector_->Find(kHandle)->asked, kIn);
}

TEST_F(BytesTest, OneRegistrationOfAHandleTakesItsBytes) {
  Watched& in = AddPipe();
  ASSERT_THAT(Register({.read_bytes = 3}), IsOk());
  const auto other =
      Must(Selector::Create(SelectorKind::kPoll, kManyRegistrations, 99));
  const Interest takes{.events = kIn, .read_bytes = 3};

  EXPECT_EQ(ReasonOf(other->Register(kHandle, TargetOf(kHandle), takes)),
            "BYTES_TAKEN");
  EXPECT_THAT(other->Register(kHandle, TargetOf(kHandle), {.events = kIn}),
              IsOk());

  // When it is left, with none of them on the way, another may.
  Put(in.other, "abc");
  Begin();
  EXPECT_THAT(Brought(), ElementsAre("abc"));
  ASSERT_THAT(selector_->Unregister(kHandle), IsOk());
  EXPECT_EQ(ReasonOf(other->Modify(kHandle, takes)), "BYTES_ON_THE_WAY");
  EXPECT_THAT(Register({.read_bytes = 3}), IsOk());
  ASSERT_THAT(selector_->Unregister(kHandle), IsOk());
  Grant(1);
  EXPECT_THAT(other->Modify(kHandle, takes), IsOk());
}

TEST_F(BytesTest, ReadsWaitForWhatIsOnTheWay) {
  Watched& in = AddPipe();
  Watched& out = AddPipe(2);
  ASSERT_THAT(Register({.read_bytes = 3}), IsOk());
  Put(in.other, "abcdef");
  Begin();
  EXPECT_THAT(Brought(), ElementsAre("abc"));

  EXPECT_EQ(ReasonOf(TryRead(in.handle)), "BYTES_ON_THE_WAY");
  EXPECT_THAT(TryRead(in.handle), HasErrno(EBUSY));
  EXPECT_EQ(ReasonOf(Transfer(in.handle, out.other, 10)), "BYTES_ON_THE_WAY");

  Grant(1);
  EXPECT_EQ(farpoll::server::Take(in.handle), "def");
}

// ---- What nobody acknowledged.

TEST_F(BytesTest, AResumedWaitIsSentTheSameBytes) {
  Watched& in = AddPipe();
  ASSERT_THAT(Register({.read_bytes = 3}), IsOk());
  Put(in.other, "abcdef");
  Begin({.credits = 2});
  EXPECT_THAT(Brought(), ElementsAre("abc"));
  EXPECT_THAT(Brought(), ElementsAre("def"));
  waiter_.End();

  Begin({.credits = 2, .resume_after = 1});

  EXPECT_THAT(Brought(), ElementsAre("def"));
  EXPECT_THAT(Brought(), IsEmpty());
  EXPECT_EQ(in.handle.bytes_read, 6);
}

TEST_F(BytesTest, WhatIsGivenUpIsReadFirstAndInOrder) {
  Watched& in = AddPipe();
  ASSERT_THAT(Register({.read_bytes = 3}), IsOk());
  Put(in.other, "abcdefghij");
  Begin({.credits = 3});
  EXPECT_THAT(Brought(), ElementsAre("abc"));
  EXPECT_THAT(Brought(), ElementsAre("def"));
  EXPECT_THAT(Brought(), ElementsAre("ghi"));
  Grant(1);
  waiter_.End();

  waiter_.GiveUp();

  EXPECT_EQ(ReadableBytes(in.handle), 7);
  EXPECT_EQ(Peek(in.handle), "def");
  EXPECT_EQ(farpoll::server::Take(in.handle, 2), "de");
  EXPECT_EQ(farpoll::server::Take(in.handle), "f");
  EXPECT_EQ(farpoll::server::Take(in.handle), "ghi");
  EXPECT_EQ(farpoll::server::Take(in.handle), "j");
  EXPECT_EQ(in.handle.bytes_read, 10);
}

TEST_F(BytesTest, AFreshWaitBringsThemAgain) {
  std::int64_t id = 0;
  for (const Trigger trigger :
       {Trigger::kLevel, Trigger::kEdge, Trigger::kOneShot}) {
    Watched& in = AddPipe(++id);
    ASSERT_THAT(Register({.trigger = trigger, .read_bytes = 6}, id), IsOk());
    Put(in.other, "abc");
    BeginAfresh();
    EXPECT_THAT(Brought(), ElementsAre("abc"));

    BeginAfresh({.credits = 2});

    EXPECT_TRUE(waiter_.wants_readiness());
    EXPECT_EQ(KernelPoll(selector_->fd(), kIn), kIn);
    EXPECT_THAT(Brought(), ElementsAre("abc"));
    EXPECT_THAT(Brought(), IsEmpty());
    Grant(in.handle.readiness.sequence);
    (void)selector_->Unregister(id);
  }
}

TEST_F(BytesTest, WhatComesAfterThemIsBroughtAfterThem) {
  for (const Trigger trigger : {Trigger::kLevel, Trigger::kEdge}) {
    const std::int64_t id = trigger == Trigger::kLevel ? 1 : 2;
    Watched& in = AddPipe(id);
    ASSERT_THAT(Register({.trigger = trigger, .read_bytes = 2}, id), IsOk());
    Put(in.other, "abcd");
    BeginAfresh({.credits = 2});
    EXPECT_THAT(Brought(), ElementsAre("ab"));
    EXPECT_THAT(Brought(), ElementsAre("cd"));
    Put(in.other, "ef");

    BeginAfresh({.credits = 4});

    EXPECT_THAT(Brought(), ElementsAre("ab"));
    EXPECT_THAT(Brought(), ElementsAre("cd"));
    EXPECT_THAT(Brought(), ElementsAre("ef"));
    EXPECT_THAT(Brought(), IsEmpty());
    ASSERT_THAT(selector_->Unregister(id), IsOk());
  }
}

TEST_F(BytesTest, TheyMakeOtherSelectorsReadyUntilTheyAreRead) {
  Watched& in = AddPipe();
  ASSERT_THAT(Register({.read_bytes = 3}), IsOk());
  const auto other =
      Must(Selector::Create(SelectorKind::kPoll, kManyRegistrations, 99));
  ASSERT_THAT(other->Register(kHandle, TargetOf(kHandle), {.events = kIn}),
              IsOk());
  Put(in.other, "abc");
  Begin();
  EXPECT_THAT(Brought(), ElementsAre("abc"));
  EXPECT_EQ(KernelPoll(other->fd(), kIn), 0);
  waiter_.End();

  waiter_.GiveUp();
  TellReturned(*other);

  Result seen;
  EXPECT_EQ(KernelPoll(other->fd(), kIn), kIn);
  other->Collect(64, &seen);
  EXPECT_THAT(seen.events, ElementsAre(Saw(kHandle, kIn)));
  EXPECT_EQ(SampleReadiness(in.handle), kIn | kReadNormal);
  EXPECT_EQ(farpoll::server::Take(in.handle), "abc");
  Result none;
  other->Collect(64, &none);
  EXPECT_THAT(none.events, IsEmpty());
  EXPECT_EQ(KernelPoll(other->fd(), kIn), 0);
}

TEST_F(BytesTest, MessagesComeBackAsMessages) {
  Watched& in = AddSockets(SOCK_SEQPACKET);
  Watched& out = Add(2, WrapPair(UnixPair(SOCK_SEQPACKET), SOCK_SEQPACKET));
  ASSERT_THAT(Register({.read_bytes = 9}), IsOk());
  Put(in.other, "one");
  Put(in.other, "two");
  Put(in.other, "three");
  Begin({.credits = 2});
  EXPECT_THAT(Brought(), ElementsAre("one"));
  EXPECT_THAT(Brought(), ElementsAre("two"));
  waiter_.End();

  waiter_.GiveUp();

  const ReadResult cut = Must(TryRead(in.handle, 2));
  EXPECT_EQ(cut.data, "on");
  EXPECT_TRUE(cut.truncated);
  EXPECT_EQ(Must(Transfer(in.handle, out.handle, 100)).bytes, 8);
  EXPECT_EQ(farpoll::server::Take(out.other), "two");
  EXPECT_EQ(farpoll::server::Take(out.other), "three");
}

TEST_F(BytesTest, AnErrorThatWasGivenUpIsToldAgain) {
  Watched& in = AddSockets(SOCK_STREAM);
  ASSERT_THAT(Register({.read_bytes = 9}), IsOk());
  Put(in.handle, "unread");
  in.other.fd.Reset();
  Begin();
  EXPECT_THAT(Brought(), ElementsAre("ECONNRESET"));
  waiter_.End();

  waiter_.GiveUp();

  EXPECT_THAT(TryRead(in.handle), HasErrno(ECONNRESET));
  EXPECT_EQ(farpoll::server::Take(in.handle), "(end)");
}

TEST_F(BytesTest, AClosedHandleTakesItsBytesAlong) {
  Watched& in = AddPipe();
  ASSERT_THAT(Register({.read_bytes = 3}), IsOk());
  Put(in.other, "abc");
  Begin();
  EXPECT_THAT(Brought(), ElementsAre("abc"));
  selector_->HandleClosed(kHandle);
  watched_.clear();

  waiter_.End();
  Begin({.credits = 2, .resume_after = 0});
  EXPECT_THAT(Brought(), ElementsAre("abc"));

  BeginAfresh();
  const absl::optional<Result> closed = Take();
  ASSERT_TRUE(closed.has_value());
  EXPECT_THAT(closed->events, ElementsAre(Saw(kHandle, kInvalid)));
}

// ---- How many.

TEST_F(BytesTest, AResultStopsTakingAtItsLimit) {
  for (const std::int64_t id : {1, 2, 3}) {
    Watched& in = AddPipe(id);
    ASSERT_THAT(Register({.read_bytes = 4}, id), IsOk());
    Put(in.other, "abcd");
  }
  Begin({.credits = 4, .max_result_bytes = 5});

  EXPECT_THAT(Brought(), ElementsAre("abcd", "abcd"));
  EXPECT_THAT(Brought(), ElementsAre("abcd"));
  EXPECT_THAT(Brought(), IsEmpty());
}

TEST_F(BytesTest, NothingIsTakenWhileTooManyAreOnTheWay) {
  Watched& in = AddPipe();
  ASSERT_THAT(Register({.read_bytes = 4}), IsOk());
  Put(in.other, "abcdefghijkl");
  Begin({.credits = 8, .max_unacked_bytes = 8});
  EXPECT_THAT(Brought(), ElementsAre("abcd"));
  EXPECT_THAT(Brought(), ElementsAre("efgh"));

  EXPECT_FALSE(waiter_.wants_readiness());
  EXPECT_FALSE(waiter_.has_credit());
  EXPECT_THAT(Brought(), IsEmpty());

  Grant(1);
  EXPECT_TRUE(waiter_.wants_readiness());
  EXPECT_THAT(Brought(), ElementsAre("ijkl"));
}

TEST_F(BytesTest, ACreditsTimeoutPassesWhileTooManyAreOnTheWay) {
  Watched& in = AddPipe();
  ASSERT_THAT(Register({.read_bytes = 4}), IsOk());
  Put(in.other, "abcdefgh");
  Begin({.credits = 8, .max_unacked_bytes = 4, .timeout = absl::Seconds(1)});
  EXPECT_THAT(Brought(), ElementsAre("abcd"));
  EXPECT_EQ(Take(), absl::nullopt);

  clock_.Advance(absl::Seconds(1));

  const absl::optional<Result> result = Take();
  ASSERT_TRUE(result.has_value());
  EXPECT_TRUE(result->timed_out);
}

TEST_F(BytesTest, UrgentBytesComeBeside) {
  FdPair pair = TcpPair();
  HandlePair sockets{Wrap(HandleKind::kConnection, std::move(pair.first)),
                     Wrap(HandleKind::kConnection, std::move(pair.second))};
  sockets.first.socket_type = SOCK_STREAM;
  sockets.second.socket_type = SOCK_STREAM;
  Watched& in = Add(kHandle, std::move(sockets));
  ASSERT_THAT(Register({.events = kIn | kPriority, .read_bytes = 9}), IsOk());
  Must(WriteSome(in.other, {.data = "!", .out_of_band = true}));
  Await(in.handle, kPriority);
  Begin();

  const absl::optional<Result> result = Take();

  ASSERT_TRUE(result.has_value());
  EXPECT_EQ(result->events.at(0).bytes->urgent, "!");
  EXPECT_EQ(Text(result->events.at(0).bytes->read), "(would block)");
  waiter_.End();
  waiter_.GiveUp();
  EXPECT_EQ(
      Must(ReadSome(in.handle, {.max_bytes = 1, .out_of_band = true})).data,
      "!");
}

}  // namespace
}  // namespace farpoll::server
