// tests/server/reactor/reactor_test.cc: room: tests. The loop: watches, timers,
// posted work.
#include "server/reactor/reactor.h"

#include <cerrno>
#include <future>
#include <memory>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "base/mutex.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/reactor/fence.h"
#include "tests/support/descriptor_limit.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fd_fixtures.h"
#include "tests/support/status_matchers.h"

namespace farpoll::server {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class ReactorTest : public testing::Test {
 protected:
  // What the callbacks did so far, once everything due has run.
  std::vector<int> Ran() {
    Fence(*reactor_);
    MutexLock lock(&mutex_);
    return ran_;
  }

  // Notes `number` when it runs.
  Reactor::Callback Note(int number) {
    return [this, number] {
      MutexLock lock(&mutex_);
      ran_.push_back(number);
    };
  }

  void Advance(absl::Duration span) {
    clock_.Advance(span);
    reactor_->Poke();
  }

  MonotonicTime In(absl::Duration span) {
    return DeadlineAfter(clock_.Now(), span);
  }

  FakeClock clock_;
  Mutex mutex_;
  std::vector<int> ran_ ABSL_GUARDED_BY(mutex_);
  std::unique_ptr<Reactor> reactor_ = *Reactor::Start(&clock_);
};

// ---- Watches.

TEST_F(ReactorTest, AWatchStartsDisarmed) {
  Pipe pipe;
  Write(pipe.writer(), "x");

  ASSERT_THAT(reactor_->Watch(pipe.reader(), Note(1)), IsOk());

  EXPECT_THAT(Ran(), IsEmpty());
}

TEST_F(ReactorTest, AWatchFiresOnceForEachArm) {
  Pipe pipe;
  Write(pipe.writer(), "x");
  const auto watch = reactor_->Watch(pipe.reader(), Note(1));

  reactor_->Arm(*watch);
  EXPECT_THAT(Ran(), ElementsAre(1));
  Write(pipe.writer(), "y");
  EXPECT_THAT(Ran(), ElementsAre(1));
  reactor_->Arm(*watch);
  EXPECT_THAT(Ran(), ElementsAre(1, 1));
}

TEST_F(ReactorTest, AnArmedWatchFiresWhenReadinessComes) {
  Pipe pipe;
  const auto watch = reactor_->Watch(pipe.reader(), Note(1));
  reactor_->Arm(*watch);
  EXPECT_THAT(Ran(), IsEmpty());

  Write(pipe.writer(), "x");

  EXPECT_THAT(Ran(), ElementsAre(1));
}

TEST_F(ReactorTest, AHangupOfADisarmedWatchIsSilent) {
  Pipe pipe;
  const auto watch = reactor_->Watch(pipe.reader(), Note(1));

  pipe.write_end.Reset();

  EXPECT_THAT(Ran(), IsEmpty());
  reactor_->Arm(*watch);
  EXPECT_THAT(Ran(), ElementsAre(1));
}

TEST_F(ReactorTest, UnwatchSilences) {
  Pipe pipe;
  const auto watch = reactor_->Watch(pipe.reader(), Note(1));
  reactor_->Arm(*watch);

  reactor_->Unwatch(*watch);
  Write(pipe.writer(), "x");

  EXPECT_THAT(Ran(), IsEmpty());
}

TEST_F(ReactorTest, IdsThatAreGoneAreIgnored) {
  Pipe pipe;
  const auto watch = reactor_->Watch(pipe.reader(), Note(1));
  reactor_->Unwatch(*watch);

  reactor_->Unwatch(*watch);
  reactor_->Arm(*watch);
  reactor_->Cancel(12345);

  EXPECT_THAT(Ran(), IsEmpty());
}

TEST_F(ReactorTest, ACallbackMayEndItsOwnWatch) {
  Pipe pipe;
  Write(pipe.writer(), "x");
  Reactor::WatchId id = 0;
  const auto watch = reactor_->Watch(pipe.reader(), [&] {
    reactor_->Unwatch(id);
    Note(1)();
  });
  id = *watch;

  reactor_->Arm(id);

  EXPECT_THAT(Ran(), ElementsAre(1));
}

TEST_F(ReactorTest, AReusedNumberIsANewWatch) {
  auto first = std::make_unique<Pipe>();
  const auto old = reactor_->Watch(first->reader(), Note(1));
  reactor_->Arm(*old);
  reactor_->Unwatch(*old);
  first.reset();
  Pipe second;
  const auto watch = reactor_->Watch(second.reader(), Note(2));
  reactor_->Arm(*watch);

  Write(second.writer(), "x");

  EXPECT_THAT(Ran(), ElementsAre(2));
}

TEST_F(ReactorTest, AClosedNumberCannotBeWatched) {
  EXPECT_THAT(reactor_->Watch(ClosedNumber(), Note(1)), HasErrno(EBADF));
}

// ---- Timers.

TEST_F(ReactorTest, TimersRunInOrderAndNeverEarly) {
  reactor_->RunAt(In(absl::Seconds(20)), Note(2));
  reactor_->RunAt(In(absl::Seconds(10)), Note(1));
  reactor_->RunAt(In(absl::Seconds(30)), Note(3));

  Advance(absl::Seconds(10) - absl::Nanoseconds(1));
  EXPECT_THAT(Ran(), IsEmpty());
  Advance(absl::Nanoseconds(1));
  EXPECT_THAT(Ran(), ElementsAre(1));
  Advance(absl::Hours(1));
  EXPECT_THAT(Ran(), ElementsAre(1, 2, 3));
}

TEST_F(ReactorTest, TimersOfOneMomentRunInTheOrderTheyWereMade) {
  const MonotonicTime when = In(absl::Seconds(1));
  for (int i = 0; i < 5; ++i) {
    reactor_->RunAt(when, Note(i));
  }

  Advance(absl::Seconds(1));

  EXPECT_THAT(Ran(), ElementsAre(0, 1, 2, 3, 4));
}

TEST_F(ReactorTest, ATimeThatHasPassedRunsAtOnce) {
  reactor_->RunAt(clock_.Now() - std::chrono::hours(1), Note(1));

  EXPECT_THAT(Ran(), ElementsAre(1));
}

TEST_F(ReactorTest, ACancelledTimerDoesNotRun) {
  const Reactor::TimerId timer = reactor_->RunAt(In(absl::Seconds(1)), Note(1));
  reactor_->RunAt(In(absl::Seconds(1)), Note(2));

  reactor_->Cancel(timer);
  Advance(absl::Seconds(1));

  EXPECT_THAT(Ran(), ElementsAre(2));
}

TEST_F(ReactorTest, ATimerMaySetTheNext) {
  reactor_->RunAt(In(absl::Seconds(1)), [this] {
    Note(1)();
    reactor_->RunAt(In(absl::Seconds(1)), Note(2));
  });

  Advance(absl::Seconds(1));
  EXPECT_THAT(Ran(), ElementsAre(1));
  Advance(absl::Seconds(1));
  EXPECT_THAT(Ran(), ElementsAre(1, 2));
}

TEST(ReactorRealClockTest, SleepsUntilTheTimerAndNoLonger) {
  const RealClock clock;
  const auto reactor = *Reactor::Start(&clock);
  const MonotonicTime when = DeadlineAfter(clock.Now(), absl::Milliseconds(20));
  std::promise<MonotonicTime> ran;

  reactor->RunAt(when, [&] { ran.set_value(clock.Now()); });

  EXPECT_GE(ran.get_future().get(), when);
}

// ---- Posted work.

TEST_F(ReactorTest, PostedWorkRunsInOrderOnTheReactorsThread) {
  std::thread::id thread;
  reactor_->Post([&] { thread = std::this_thread::get_id(); });
  reactor_->Post(Note(1));
  reactor_->Post(Note(2));

  EXPECT_THAT(Ran(), ElementsAre(1, 2));
  EXPECT_NE(thread, std::this_thread::get_id());
}

TEST_F(ReactorTest, StoppingDropsWhatHasNotRun) {
  reactor_->RunAt(In(absl::Seconds(1)), Note(1));

  reactor_.reset();
  clock_.Advance(absl::Hours(1));

  MutexLock lock(&mutex_);
  EXPECT_THAT(ran_, IsEmpty());
}

TEST(ReactorStartTest, ReportsThatDescriptorsRanOut) {
  const FakeClock clock;
  const auto reactor = [&clock] {
    const DescriptorLimit none(0);  // UBSan's own checks need some, too
    return Reactor::Start(&clock);
  }();

  EXPECT_THAT(reactor, HasErrno(EMFILE));
  EXPECT_THAT(reactor, StatusIs(absl::StatusCode::kResourceExhausted));
}

}  // namespace
}  // namespace farpoll::server
