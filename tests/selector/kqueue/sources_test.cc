// Kqueue.*: PROC, PROCDESC, SIGNAL, TIMER and USER.
// Source: docs/semantics.md section 6.
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <limits>
#include <thread>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "selector/kqueue/kevent.h"
#include "selector/kqueue/kqueue.h"
#include "tests/selector/kqueue/test_queue.h"
#include "tests/support/blocked_call.h"
#include "tests/support/fd_fixtures.h"
#include "tests/support/signal_handler.h"
#include "tests/support/stopwatch.h"

namespace farpoll {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::Field;
using testing::IsEmpty;
using testing::SizeIs;

// A child that waits for its release, and then exits with a code.
class Child {
 public:
  explicit Child(int code) : pid_(MustSucceed(fork(), "fork")) {
    if (pid_ == 0) {
      gate_.write_end.Reset();
      pollfd gate = {.fd = gate_.reader(), .events = POLLIN, .revents = 0};
      poll(&gate, 1, -1);
      _exit(code);
    }
  }
  ~Child() {
    Release();
    Reap();
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  pid_t pid() const { return pid_; }
  std::uint64_t ident() const { return static_cast<std::uint64_t>(pid_); }
  void Release() { gate_.write_end.Reset(); }
  // Returns once it is a zombie.
  void AwaitEnd() const {
    siginfo_t info = {};
    MustSucceed(
        waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOWAIT),
        "waitid");
  }
  void Reap() {
    if (!reaped_) {
      waitpid(pid_, nullptr, 0);
    }
    reaped_ = true;
  }
  UniqueFd OpenPidfd() const {
    return UniqueFd(MustSucceed(
        static_cast<int>(syscall(SYS_pidfd_open, pid_, 0)), "pidfd_open"));
  }

 private:
  Pipe gate_;
  const pid_t pid_;
  bool reaped_ = false;
};

TEST(Kqueue, ProcExit) {
  TestQueue queue;
  Child child(3);
  ASSERT_THAT(queue.Change(child.ident(), evfilt::kProc, ev::kAdd, note::kExit),
              IsOk());
  EXPECT_THAT(queue.Now(), IsEmpty());

  child.Release();

  EXPECT_THAT(queue.Await(),
              ElementsAre(AllOf(
                  HasData(child.pid(), evfilt::kProc, 3 << 8),
                  Field(&Kevent::flags, ev::kEof | ev::kOneShot | ev::kClear),
                  HasNotes(note::kExit))));
  EXPECT_EQ(queue->size(), 0u);
}

// EV_CLEAR is of no consequence for what is asked later.
TEST(Kqueue, ProcAskedAfterTheEnd) {
  TestQueue queue;
  Child child(7);
  ASSERT_THAT(queue.Change(child.ident(), evfilt::kProc, ev::kAdd), IsOk());
  child.Release();
  child.AwaitEnd();
  EXPECT_THAT(queue.Now(), IsEmpty());

  ASSERT_THAT(queue.Change(child.ident(), evfilt::kProc, ev::kAdd, note::kExit),
              IsOk());

  EXPECT_THAT(queue.Now(),
              ElementsAre(HasData(child.pid(), evfilt::kProc, 7 << 8)));
}

TEST(Kqueue, ProcKilled) {
  TestQueue queue;
  const Child child(0);
  ASSERT_THAT(queue.Change(child.ident(), evfilt::kProc, ev::kAdd, note::kExit),
              IsOk());

  kill(child.pid(), SIGKILL);

  const std::vector<Kevent> events = queue.Await();
  ASSERT_THAT(events, SizeIs(1));
  const int status = static_cast<int>(events[0].data);
  EXPECT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(WTERMSIG(status), SIGKILL);
}

TEST(Kqueue, ProcAlreadyDead) {
  TestQueue queue;
  Child child(5);
  child.Release();
  child.AwaitEnd();

  ASSERT_THAT(queue.Change(child.ident(), evfilt::kProc, ev::kAdd, note::kExit),
              IsOk());

  EXPECT_THAT(queue.Now(),
              ElementsAre(HasData(child.pid(), evfilt::kProc, 5 << 8)));
}

TEST(Kqueue, ProcReapedBeforeTheWait) {
  TestQueue queue;
  Child child(6);
  ASSERT_THAT(queue.Change(child.ident(), evfilt::kProc, ev::kAdd, note::kExit),
              IsOk());

  child.Release();
  child.Reap();

  // Linux keeps the status since 6.15.
  EXPECT_THAT(
      queue.Await(),
      ElementsAre(AllOf(IsOf(child.pid(), evfilt::kProc),
                        Field(&Kevent::data, testing::AnyOf(6 << 8, -1)))));
}

TEST(Kqueue, ProcUnknown) {
  TestQueue queue;
  Child child(0);
  child.Release();
  child.Reap();

  EXPECT_THAT(queue.Change(child.ident(), evfilt::kProc, ev::kAdd, note::kExit),
              HasErrno(ESRCH));
  EXPECT_THAT(queue.Change(std::uint64_t{1} << 40, evfilt::kProc, ev::kAdd,
                           note::kExit),
              HasErrno(ESRCH));
  EXPECT_THAT(queue.Change(-1, evfilt::kProc, ev::kAdd, note::kExit),
              HasErrno(EINVAL));
  EXPECT_EQ(queue->size(), 0u);
}

TEST(Kqueue, ProcOfOthers) {
  TestQueue queue;

  EXPECT_THAT(queue.Change(getpid(), evfilt::kProc, ev::kAdd, note::kExit),
              HasErrno(ECHILD));
}

TEST(Kqueue, ProcForkExecRefused) {
  TestQueue queue;
  const Child child(0);

  for (const std::uint32_t refused :
       {note::kFork, note::kExec, note::kTrack, note::kExit | note::kFork}) {
    EXPECT_THAT(queue.Change(child.ident(), evfilt::kProc, ev::kAdd, refused),
                HasErrno(ENOTSUP));
  }
  EXPECT_THAT(queue.Change(child.ident(), evfilt::kProc, ev::kAdd, 0x100),
              HasErrno(EINVAL));
}

TEST(Kqueue, ProcdescExit) {
  TestQueue queue;
  Child child(4);
  const UniqueFd pidfd = child.OpenPidfd();
  const Pipe pipe;
  EXPECT_THAT(
      queue.Change(pipe.reader(), evfilt::kProcdesc, ev::kAdd, note::kExit),
      HasErrno(EINVAL));
  ASSERT_THAT(
      queue.Change(pidfd.get(), evfilt::kProcdesc, ev::kAdd, note::kExit),
      IsOk());
  EXPECT_THAT(queue.Now(), IsEmpty());

  child.Release();

  EXPECT_THAT(queue.Await(),
              ElementsAre(AllOf(HasData(pidfd.get(), evfilt::kProcdesc, 4 << 8),
                                Field(&Kevent::flags,
                                      ev::kEof | ev::kOneShot | ev::kClear))));
}

// Blocks a signal in this thread, and so in those it starts.
class Blocked {
 public:
  explicit Blocked(int signal) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, signal);
    pthread_sigmask(SIG_BLOCK, &set, &before_);
  }
  ~Blocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_;
};

// Whether this thread blocks `signal`.
bool IsBlocked(int signal) {
  sigset_t set;
  pthread_sigmask(SIG_BLOCK, nullptr, &set);
  return sigismember(&set, signal) == 1;
}

TEST(Kqueue, SignalCount) {
  const Blocked blocked(SIGUSR1);
  TestQueue one;
  TestQueue two;
  ASSERT_THAT(one.Change(SIGUSR1, evfilt::kSignal, ev::kAdd), IsOk());
  ASSERT_THAT(two.Change(SIGUSR1, evfilt::kSignal, ev::kAdd), IsOk());
  EXPECT_THAT(one.Now(), IsEmpty());

  kill(getpid(), SIGUSR1);
  kill(getpid(), SIGUSR1);

  EXPECT_THAT(one.Await(),
              ElementsAre(AllOf(IsOf(SIGUSR1, evfilt::kSignal),
                                Field(&Kevent::data, testing::Ge(1)),
                                HasFlags(ev::kClear))));
  EXPECT_THAT(two.Await(), ElementsAre(IsOf(SIGUSR1, evfilt::kSignal)));
  EXPECT_THAT(one.Now(), IsEmpty());
  EXPECT_THAT(two.Now(), IsEmpty());
}

TEST(Kqueue, SignalRealTimeCounts) {
  const Blocked blocked(SIGRTMIN);
  TestQueue queue;
  ASSERT_THAT(queue.Change(SIGRTMIN, evfilt::kSignal, ev::kAdd), IsOk());

  for (int i = 0; i < 3; ++i) {
    kill(getpid(), SIGRTMIN);
  }

  EXPECT_THAT(queue.Now(), ElementsAre(HasData(SIGRTMIN, evfilt::kSignal, 3)));
}

TEST(Kqueue, SignalDeleted) {
  const Blocked blocked(SIGUSR2);
  TestQueue queue;
  ASSERT_THAT(queue.Change(SIGUSR2, evfilt::kSignal, ev::kAdd), IsOk());
  ASSERT_THAT(queue.Change(SIGUSR2, evfilt::kSignal, ev::kDelete), IsOk());

  kill(getpid(), SIGUSR2);
  EXPECT_THAT(queue.Now(), IsEmpty());

  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR2);
  const timespec now = {};
  EXPECT_EQ(sigtimedwait(&set, nullptr, &now), SIGUSR2);
}

TEST(Kqueue, SignalDeletedReachesItsHandler) {
  const SignalHandler handler(SIGUSR2);
  TestQueue queue;
  ASSERT_THAT(queue.Change(SIGUSR2, evfilt::kSignal, ev::kAdd), IsOk());
  raise(SIGUSR2);
  EXPECT_THAT(queue.Now(), ElementsAre(IsOf(SIGUSR2, evfilt::kSignal)));
  EXPECT_EQ(handler.count(), 0);

  ASSERT_THAT(queue.Change(SIGUSR2, evfilt::kSignal, ev::kDelete), IsOk());
  raise(SIGUSR2);

  EXPECT_EQ(handler.count(), 1);
}

TEST(Kqueue, SignalPendingAtDeletionReachesItsHandler) {
  const SignalHandler handler(SIGUSR2);
  TestQueue queue;
  ASSERT_THAT(queue.Change(SIGUSR2, evfilt::kSignal, ev::kAdd), IsOk());
  raise(SIGUSR2);

  ASSERT_THAT(queue.Change(SIGUSR2, evfilt::kSignal, ev::kDelete), IsOk());

  EXPECT_EQ(handler.count(), 1);
}

TEST(Kqueue, SignalStaysBlockedWhileAnyQueueAsks) {
  const SignalHandler handler(SIGUSR2);
  TestQueue one;
  TestQueue two;
  ASSERT_THAT(one.Change(SIGUSR2, evfilt::kSignal, ev::kAdd), IsOk());
  ASSERT_THAT(two.Change(SIGUSR2, evfilt::kSignal, ev::kAdd), IsOk());
  ASSERT_THAT(one.Change(SIGUSR2, evfilt::kSignal, ev::kDelete), IsOk());

  raise(SIGUSR2);

  EXPECT_EQ(handler.count(), 0);
  EXPECT_THAT(two.Now(), ElementsAre(IsOf(SIGUSR2, evfilt::kSignal)));
  two->Close();
  EXPECT_FALSE(IsBlocked(SIGUSR2));
}

TEST(Kqueue, SignalOneShotUnblocksWithItsEvent) {
  const SignalHandler handler(SIGUSR2);
  TestQueue queue;
  ASSERT_THAT(queue.Change(SIGUSR2, evfilt::kSignal, ev::kAdd | ev::kOneShot),
              IsOk());
  EXPECT_TRUE(IsBlocked(SIGUSR2));
  raise(SIGUSR2);

  EXPECT_THAT(queue.Now(), ElementsAre(IsOf(SIGUSR2, evfilt::kSignal)));

  EXPECT_FALSE(IsBlocked(SIGUSR2));
}

TEST(Kqueue, SignalBlockedBeforeStaysSo) {
  const Blocked blocked(SIGUSR2);
  TestQueue queue;
  ASSERT_THAT(queue.Change(SIGUSR2, evfilt::kSignal, ev::kAdd), IsOk());

  ASSERT_THAT(queue.Change(SIGUSR2, evfilt::kSignal, ev::kDelete), IsOk());

  EXPECT_TRUE(IsBlocked(SIGUSR2));
}

TEST(Kqueue, SignalDeletedElsewhereUnblocksAtTheNextCall) {
  const SignalHandler handler(SIGUSR2);
  TestQueue queue;
  ASSERT_THAT(queue.Change(SIGUSR2, evfilt::kSignal, ev::kAdd), IsOk());

  std::thread([&] {
    EXPECT_THAT(queue.Change(SIGUSR2, evfilt::kSignal, ev::kDelete), IsOk());
  }).join();

  EXPECT_TRUE(IsBlocked(SIGUSR2));
  EXPECT_THAT(queue.Now(), IsEmpty());
  EXPECT_FALSE(IsBlocked(SIGUSR2));
}

TEST(Kqueue, SignalBad) {
  TestQueue queue;

  for (const std::uint64_t signal : {0, SIGKILL, SIGSTOP, 32, 33, 65, 100000}) {
    EXPECT_THAT(queue.Change(signal, evfilt::kSignal, ev::kAdd),
                HasErrno(EINVAL));
  }
}

TEST(Kqueue, TimerUnits) {
  TestQueue queue;
  const Stopwatch watch;
  ASSERT_THAT(queue.Change(1, evfilt::kTimer, ev::kAdd | ev::kOneShot,
                           note::kSeconds, 1),
              IsOk());
  ASSERT_THAT(queue.Change(2, evfilt::kTimer, ev::kAdd | ev::kOneShot, 0, 20),
              IsOk());
  ASSERT_THAT(queue.Change(3, evfilt::kTimer, ev::kAdd | ev::kOneShot,
                           note::kMicroseconds, 10'000),
              IsOk());
  ASSERT_THAT(queue.Change(4, evfilt::kTimer, ev::kAdd | ev::kOneShot,
                           note::kNanoseconds, 1),
              IsOk());

  EXPECT_THAT(queue.Await(1), ElementsAre(HasData(4, evfilt::kTimer, 1)));
  EXPECT_THAT(queue.Await(1), ElementsAre(HasData(3, evfilt::kTimer, 1)));
  EXPECT_GE(watch.elapsed(), absl::Milliseconds(10));
  EXPECT_THAT(queue.Await(1), ElementsAre(HasData(2, evfilt::kTimer, 1)));
  EXPECT_GE(watch.elapsed(), absl::Milliseconds(20));
  EXPECT_THAT(queue.Await(1), ElementsAre(HasData(1, evfilt::kTimer, 1)));
  EXPECT_GE(watch.elapsed(), absl::Seconds(1));
  EXPECT_EQ(queue->size(), 0u);
}

TEST(Kqueue, TimerPeriodicCount) {
  TestQueue queue;
  TestQueue pause;
  ASSERT_THAT(queue.Change(1, evfilt::kTimer, ev::kAdd, 0, 1), IsOk());

  EXPECT_THAT(pause->Control({}, 1, absl::Milliseconds(10)),
              IsOkAndHolds(IsEmpty()));

  EXPECT_THAT(queue.Now(),
              ElementsAre(AllOf(Field(&Kevent::data, testing::Ge(5)),
                                HasFlags(ev::kClear))));
  EXPECT_THAT(queue.Await(), SizeIs(1));
}

TEST(Kqueue, TimerNegative) {
  TestQueue queue;

  EXPECT_THAT(queue.Change(1, evfilt::kTimer, ev::kAdd, 0, -1),
              HasErrno(EINVAL));
  EXPECT_THAT(queue.Change(1, evfilt::kTimer, ev::kAdd, 0x40, 1),
              HasErrno(EINVAL));
  EXPECT_THAT(queue.Change(1, evfilt::kTimer, ev::kAdd,
                           note::kSeconds | note::kNanoseconds, 1),
              HasErrno(EINVAL));
  EXPECT_EQ(queue->size(), 0u);

  ASSERT_THAT(queue.Change(1, evfilt::kTimer, ev::kAdd, 0, 0), IsOk());
  EXPECT_THAT(queue.Await(), SizeIs(1));
  EXPECT_THAT(queue.Await(), SizeIs(1));
}

TEST(Kqueue, TimerOverflowNeverFires) {
  TestQueue queue;

  ASSERT_THAT(queue.Change(1, evfilt::kTimer, ev::kAdd, note::kSeconds,
                           std::numeric_limits<std::int64_t>::max()),
              IsOk());

  EXPECT_THAT(queue.Now(), IsEmpty());
}

TEST(Kqueue, TimerOneShotZero) {
  TestQueue queue;
  ASSERT_THAT(queue.Change(1, evfilt::kTimer, ev::kAdd | ev::kOneShot, 0, 0),
              IsOk());

  EXPECT_THAT(queue.Await(), ElementsAre(HasData(1, evfilt::kTimer, 1)));
  EXPECT_EQ(queue->size(), 0u);
}

TEST(Kqueue, TimerOneShotZeroIsAtOnceInAnyUnit) {
  TestQueue queue;
  ASSERT_THAT(queue.Change(1, evfilt::kTimer, ev::kAdd | ev::kOneShot,
                           note::kSeconds, 0),
              IsOk());
  // The clock of this test: due later than at once, and before one second.
  ASSERT_THAT(queue.Change(2, evfilt::kTimer, ev::kAdd | ev::kOneShot,
                           note::kMilliseconds, 1),
              IsOk());

  EXPECT_THAT(queue.Await(), testing::Contains(HasData(1, evfilt::kTimer, 1)));
}

TEST(Kqueue, TimerPastAbsolute) {
  TestQueue queue;
  ASSERT_THAT(queue.Change(1, evfilt::kTimer, ev::kAdd,
                           note::kAbsoluteTime | note::kSeconds, 1),
              IsOk());
  ASSERT_THAT(queue.Change(2, evfilt::kTimer, ev::kAdd | ev::kClear,
                           note::kAbsoluteTime | note::kSeconds, 1),
              IsOk());

  EXPECT_THAT(queue.Await(), SizeIs(2));
  // It is past for good; EV_CLEAR says it once.
  EXPECT_THAT(queue.Now(), ElementsAre(HasData(1, evfilt::kTimer, 1)));
}

TEST(Kqueue, TimerAbsoluteFuture) {
  TestQueue queue;
  const std::int64_t now = time(nullptr);
  ASSERT_THAT(queue.Change(1, evfilt::kTimer, ev::kAdd,
                           note::kAbsoluteTime | note::kSeconds, now + 3600),
              IsOk());
  EXPECT_THAT(queue.Now(), IsEmpty());

  // From one clock to the other.
  ASSERT_THAT(queue.Change(1, evfilt::kTimer, ev::kAdd, note::kNanoseconds, 1),
              IsOk());

  EXPECT_THAT(queue.Await(), ElementsAre(IsOf(1, evfilt::kTimer)));
}

TEST(Kqueue, TimerReAdd) {
  TestQueue queue;
  ASSERT_THAT(queue.Change(1, evfilt::kTimer, ev::kAdd, note::kNanoseconds, 1),
              IsOk());
  AwaitKernelPoll(*queue->fd(), kIn, kIn);

  ASSERT_THAT(queue.Change(1, evfilt::kTimer, ev::kAdd, note::kSeconds, 3600),
              IsOk());

  EXPECT_THAT(queue.Now(), IsEmpty());
  ASSERT_THAT(queue.Change(1, evfilt::kTimer, ev::kAdd, 0, 1), IsOk());
  EXPECT_THAT(queue.Await(), SizeIs(1));
}

TEST(Kqueue, TimerCountsWhileDisabled) {
  TestQueue queue;
  TestQueue pause;
  ASSERT_THAT(queue.Change(1, evfilt::kTimer, ev::kAdd | ev::kDisable, 0, 1),
              IsOk());
  EXPECT_THAT(pause->Control({}, 1, absl::Milliseconds(10)),
              IsOkAndHolds(IsEmpty()));
  EXPECT_THAT(queue.Now(), IsEmpty());

  ASSERT_THAT(queue.Change(1, evfilt::kTimer, ev::kEnable), IsOk());

  EXPECT_THAT(queue.Now(), ElementsAre(Field(&Kevent::data, testing::Ge(5))));
}

TEST(Kqueue, UserTrigger) {
  TestQueue queue;
  ASSERT_THAT(queue.Change(1, evfilt::kUser, ev::kAdd | ev::kClear), IsOk());
  EXPECT_THAT(queue.Now(), IsEmpty());

  for (int i = 0; i < 3; ++i) {
    ASSERT_THAT(queue.Change(1, evfilt::kUser, 0, note::kTrigger, 0, 42),
                IsOk());
  }

  EXPECT_THAT(queue.Now(), ElementsAre(AllOf(IsOf(1, evfilt::kUser),
                                             Field(&Kevent::udata, 42u))));
  EXPECT_THAT(queue.Now(), IsEmpty());
}

TEST(Kqueue, UserLevelStays) {
  TestQueue queue;
  ASSERT_THAT(queue.Change(1, evfilt::kUser, ev::kAdd), IsOk());
  ASSERT_THAT(queue.Change(1, evfilt::kUser, 0, note::kTrigger, 9), IsOk());

  EXPECT_THAT(queue.Now(), ElementsAre(HasData(1, evfilt::kUser, 9)));
  EXPECT_THAT(queue.Now(), SizeIs(1));
  ASSERT_THAT(queue.Change(1, evfilt::kUser, ev::kDelete), IsOk());
  EXPECT_THAT(queue.Now(), IsEmpty());
}

TEST(Kqueue, UserDisabledTrigger) {
  TestQueue queue;
  ASSERT_THAT(queue.Change(1, evfilt::kUser, ev::kAdd | ev::kDisable), IsOk());
  ASSERT_THAT(queue.Change(1, evfilt::kUser, 0, note::kTrigger), IsOk());
  EXPECT_THAT(queue.Now(), IsEmpty());

  ASSERT_THAT(queue.Change(1, evfilt::kUser, ev::kEnable), IsOk());

  EXPECT_THAT(queue.Now(), SizeIs(1));
}

TEST(Kqueue, UserFlagOps) {
  TestQueue queue;
  ASSERT_THAT(queue.Change(1, evfilt::kUser, ev::kAdd | ev::kClear, 0x0f),
              IsOk());
  const auto trigger = [&](std::uint32_t fflags) {
    EXPECT_THAT(queue.Change(1, evfilt::kUser, 0, fflags | note::kTrigger),
                IsOk());
    return queue.Now().at(0).fflags;
  };

  EXPECT_EQ(trigger(note::kUserNop | 0xff), 0x0fu);
  EXPECT_EQ(trigger(note::kUserAnd | 0x3c), 0x0cu);
  EXPECT_EQ(trigger(note::kUserOr | 0x30), 0x3cu);
  EXPECT_EQ(trigger(note::kUserCopy | 0xabcdef), 0xabcdefu);
  EXPECT_EQ(trigger(note::kUserCopy | 0x3f000000), 0u);
}

TEST(Kqueue, UserOneShotSaysItsBits) {
  TestQueue queue;
  ASSERT_THAT(queue.Change(1, evfilt::kUser, ev::kAdd | ev::kOneShot, 0x0f, 3),
              IsOk());
  ASSERT_THAT(queue.Change(1, evfilt::kUser, 0,
                           note::kTrigger | note::kUserOr | 0xf0, 4),
              IsOk());

  EXPECT_THAT(queue.Now(),
              ElementsAre(AllOf(HasData(1, evfilt::kUser, 4), HasNotes(0xff))));
  EXPECT_EQ(queue->size(), 0u);
}

TEST(Kqueue, UserCrossThread) {
  TestQueue queue;
  ASSERT_THAT(queue.Change(1, evfilt::kUser, ev::kAdd | ev::kClear), IsOk());
  std::vector<Kevent> got;
  BlockedCall waiter([&] { got = queue.Await(); });
  waiter.AwaitBlocked();
  const Stopwatch watch;

  ASSERT_THAT(queue.Change(1, evfilt::kUser, 0, note::kTrigger), IsOk());
  waiter.Join();

  EXPECT_THAT(got, ElementsAre(IsOf(1, evfilt::kUser)));
  EXPECT_LT(watch.elapsed(), kAtOnce);
}

}  // namespace
}  // namespace farpoll
