// OnSignalTest.*: what a signal handler does to a wait, for every way to wait.
// Source: docs/semantics.md section 1.
#include "selector/on_signal.h"

#include <signal.h>

#include <array>
#include <cerrno>
#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "base/clock.h"
#include "base/timeout.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "selector/base_selector.h"
#include "selector/epoll_selector.h"
#include "selector/interest_set.h"
#include "selector/kqueue/kevent.h"
#include "selector/kqueue/kqueue.h"
#include "selector/kqueue_selector.h"
#include "selector/poll_object.h"
#include "selector/poll_selector.h"
#include "selector/select.h"
#include "selector/select_selector.h"
#include "tests/support/blocked_call.h"
#include "tests/support/fd_fixtures.h"
#include "tests/support/signal_handler.h"
#include "tests/support/status_matchers.h"

namespace farpoll {
namespace {

// Waits for the descriptor that the wait was made for.
using Wait = std::function<absl::Status(Timeout, OnSignal)>;

struct Front {
  const char* name;
  Wait (*make)(int fd);
};

void PrintTo(const Front& front, std::ostream* out) { *out << front.name; }

MonotonicTime DeadlineOf(Timeout timeout) {
  return timeout.forever() ? kNever
                           : DeadlineAfter(RealClock().Now(), timeout.span());
}

Wait OnInterestSet(int fd) {
  std::shared_ptr<InterestSet> set =
      *InterestSet::Create(InterestSet::Custody::kOwned);
  EXPECT_THAT(set->Add(fd, kIn, Trigger::kLevel, 0), IsOk());
  return [set](Timeout timeout, OnSignal on_signal) {
    std::array<Event, 4> room;
    return set->Wait(absl::MakeSpan(room), DeadlineOf(timeout), on_signal)
        .status();
  };
}

Wait OnPollObject(int fd) {
  std::shared_ptr<PollObject> poll = *PollObject::Create();
  EXPECT_THAT(poll->Register(fd, kIn), IsOk());
  return [poll](Timeout timeout, OnSignal on_signal) {
    return poll->Poll(timeout, on_signal).status();
  };
}

Wait OnSelect(int fd) {
  return [fd](Timeout timeout, OnSignal on_signal) {
    return Select({fd}, {}, {}, timeout, on_signal).status();
  };
}

Wait OnSelectObjects(int fd) {
  return [fd](Timeout timeout, OnSignal on_signal) {
    const std::vector<int> read = {fd};
    const std::vector<int> none;
    return SelectObjects(read, none, none, timeout, on_signal).status();
  };
}

template <typename Selector>
Wait OnSelector(int fd) {
  std::shared_ptr<BaseSelector> selector = *Selector::Create();
  EXPECT_THAT(selector->Register(fd, kEventRead), IsOk());
  return [selector](Timeout timeout, OnSignal on_signal) {
    return selector->Select(timeout, on_signal).status();
  };
}

Wait OnEpollSelector(int fd) {
  std::shared_ptr<BaseSelector> selector = *EpollSelector::Create();
  EXPECT_THAT(selector->Register(fd, kEventRead), IsOk());
  return [selector](Timeout timeout, OnSignal on_signal) {
    return selector->Select(timeout, on_signal).status();
  };
}

std::shared_ptr<Kqueue> QueueOf(int fd) {
  std::shared_ptr<Kqueue> queue = *Kqueue::Create();
  const Kevent add = {.ident = static_cast<std::uint64_t>(fd)};
  EXPECT_THAT(queue->Apply({add}, {}), IsOk());
  return queue;
}

Wait OnControl(int fd) {
  return [queue = QueueOf(fd)](Timeout timeout, OnSignal on_signal) {
    return queue->Control({}, 4, timeout, on_signal).status();
  };
}

Wait OnKqueueWait(int fd) {
  return [queue = QueueOf(fd)](Timeout timeout, OnSignal on_signal) {
    std::array<Kevent, 4> room;
    return queue->Wait(absl::MakeSpan(room), DeadlineOf(timeout), on_signal)
        .status();
  };
}

class OnSignalTest : public testing::TestWithParam<Front> {
 protected:
  const Pipe pipe_;
  const Wait wait_ = GetParam().make(pipe_.reader());
};

TEST_P(OnSignalTest, EndsTheWaitWhenAskedTo) {
  for (const Timeout timeout : {Timeout::Forever(), Timeout(absl::Hours(1))}) {
    for (const int flags : {0, SA_RESTART}) {
      const SignalHandler handler(SIGUSR2, flags);
      absl::Status status;
      BlockedCall call([&] { status = wait_(timeout, OnSignal::kReturn); });
      call.AwaitBlocked();

      call.Signal(SIGUSR2);
      call.Join();

      EXPECT_THAT(status, HasErrno(EINTR));
      EXPECT_EQ(handler.count(), 1);
    }
  }
}

TEST_P(OnSignalTest, DoesNotEndItByDefault) {
  const SignalHandler handler(SIGUSR2);
  absl::Status status;
  BlockedCall call([&] { status = wait_(absl::Hours(1), OnSignal::kRetry); });
  call.AwaitBlocked();

  call.Signal(SIGUSR2);
  while (handler.count() == 0) {
    std::this_thread::yield();
  }
  Write(pipe_.writer(), "x");
  call.Join();

  EXPECT_THAT(status, IsOk());
}

INSTANTIATE_TEST_SUITE_P(
    Fronts, OnSignalTest,
    testing::Values(
        Front{"InterestSet", OnInterestSet}, Front{"PollObject", OnPollObject},
        Front{"Select", OnSelect}, Front{"SelectObjects", OnSelectObjects},
        Front{"PollSelector", OnSelector<PollSelector>},
        Front{"SelectSelector", OnSelector<SelectSelector>},
        Front{"EpollSelector", OnEpollSelector},
        Front{"KqueueSelector", OnSelector<KqueueSelector>},
        Front{"KqueueControl", OnControl}, Front{"KqueueWait", OnKqueueWait}),
    [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace farpoll
