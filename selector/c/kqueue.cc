// selector/c/kqueue.cc: room: selector. kqueue() and kevent() for C programs.
//
// There a queue is a descriptor, which the program closes without telling
// anybody. So the program gets a copy of a view of the queue, and the library
// keeps the view and the queue's numbers: whatever becomes of the copy, the
// library never touches a number that is somebody else's by now. The view is
// one open file for life, also when the queue gets a new kernel set, so that
// copies of the program's number and foreign epoll sets that hold it stay
// right. That a copy was closed is noticed by the next kqueue(), which looks at
// every queue there is, and by kevent() on the number; then the queue behind it
// is released. Threads: both functions from any thread. Source: FreeBSD
// kqueue(2); docs/kqueue.md.
#include "selector/kqueue/kqueue.h"

#include <fcntl.h>
#include <sys/event.h>

#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <memory>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "base/errno_status.h"
#include "base/mutex.h"
#include "base/timeout.h"
#include "base/unique_fd.h"
#include "selector/fork_guard.h"
#include "selector/kqueue/descriptor.h"
#include "selector/kqueue/kevent.h"
#include "selector/kqueue/kqueue_options.h"
#include "selector/on_signal.h"
#include "selector/pollable_view.h"

namespace farpoll {
namespace {

static_assert(sizeof(struct kevent) == sizeof(Kevent));
static_assert(offsetof(struct kevent, filter) == offsetof(Kevent, filter));
static_assert(offsetof(struct kevent, flags) == offsetof(Kevent, flags));
static_assert(offsetof(struct kevent, fflags) == offsetof(Kevent, fflags));
static_assert(offsetof(struct kevent, data) == offsetof(Kevent, data));
static_assert(offsetof(struct kevent, udata) == offsetof(Kevent, udata));

// What stands behind a number of the program's.
struct Backing {
  explicit Backing(std::unique_ptr<Kqueue> made) : queue(std::move(made)) {}

  const std::unique_ptr<Kqueue> queue;
  // Goes before the queue that it looks at.
  std::unique_ptr<StandingView> view;
};
using SharedBacking = std::shared_ptr<Backing>;

// The program's numbers and the queues behind them.
class Numbers {
 public:
  // A number for `backing`, the caller's to close; -1 with errno set.
  int Give(SharedBacking backing) {
    UniqueFd given(fcntl(backing->view->fd(), F_DUPFD_CLOEXEC, 0));
    if (!given.valid()) {
      return -1;
    }
    const int number = given.get();
    // Released after the mutex: closing a queue takes locks of its own.
    std::vector<SharedBacking> dead;
    {
      MutexLock lock(&mutex_);
      for (auto entry = backings_.begin(); entry != backings_.end();) {
        // The new number was free, so whatever is noted for it is closed.
        if (entry->first == number || !Names(entry->first, *entry->second)) {
          dead.push_back(std::move(entry->second));
          backings_.erase(entry++);
        } else {
          ++entry;
        }
      }
      backings_[number] = std::move(backing);
    }
    return given.Release();
  }

  // What stands behind `number`; null when it is none, or the program has
  // closed it.
  SharedBacking FindOpen(int number) {
    SharedBacking backing = Find(number);
    if (backing == nullptr || Names(number, *backing)) {
      return backing;
    }
    MutexLock lock(&mutex_);
    const auto found = backings_.find(number);
    if (found != backings_.end() && found->second == backing) {
      backings_.erase(found);
    }
    return nullptr;
  }

 private:
  SharedBacking Find(int number) {
    MutexLock lock(&mutex_);
    const auto found = backings_.find(number);
    return found != backings_.end() ? found->second : nullptr;
  }

  static bool Names(int number, const Backing& backing) {
    return SameOpenFile(backing.view->fd(), number);
  }

  Mutex mutex_;
  absl::flat_hash_map<int, SharedBacking> backings_ ABSL_GUARDED_BY(mutex_);
};

// A child after fork(2) has none of its parent's queues, and may make its own.
Numbers& AllNumbers() { return OfThisProcess<Numbers>(); }

// As the environment asks: whether flags come back as on macOS and with
// libkqueue.
KqueueOptions OptionsOfProcess() {
  static const bool echo = [] {
    const char* const setting = std::getenv("FARPOLL_KQUEUE_ECHO_ADD");
    return setting != nullptr && std::strcmp(setting, "1") == 0;
  }();
  return {.echoes_flags = echo};
}

int Fail(int error) {
  errno = error;
  return -1;
}

// What `call` returns. A C program cannot catch what it throws: memory that ran
// out is ENOMEM. The end of a cancelled thread unwinds like an exception, is no
// std::exception, and goes on.
template <typename Call>
int WithoutExceptions(Call call) {
  try {
    return call();
  } catch (const std::exception&) {
    return Fail(ENOMEM);
  }
}

absl::StatusOr<SharedBacking> MakeBacking() {
  absl::StatusOr<std::unique_ptr<Kqueue>> queue =
      Kqueue::Create(OptionsOfProcess());
  if (!queue.ok()) {
    return queue.status();
  }
  auto backing = std::make_shared<Backing>(*std::move(queue));
  const absl::StatusOr<int> number = backing->queue->fd();
  if (!number.ok()) {
    return number.status();
  }
  absl::StatusOr<std::unique_ptr<StandingView>> view =
      StandingView::Create(*number);
  if (!view.ok()) {
    return view.status();
  }
  backing->view = *std::move(view);
  return backing;
}

bool IsTimeout(const timespec& span) {
  return span.tv_sec >= 0 && span.tv_nsec >= 0 && span.tv_nsec < 1'000'000'000;
}

int Control(int number, absl::Span<const Kevent> changes,
            absl::Span<Kevent> events, Timeout timeout) {
  const SharedBacking backing = AllNumbers().FindOpen(number);
  if (backing == nullptr) {
    return Fail(EBADF);
  }
  const absl::StatusOr<std::size_t> count =
      backing->queue->Control(changes, events, timeout, OnSignal::kReturn);
  if (!count.ok()) {
    const int error = ErrnoOf(count.status());
    return Fail(error != 0 ? error : EINVAL);
  }
  return static_cast<int>(*count);
}

int MakeQueue() {
  const absl::StatusOr<SharedBacking> backing = MakeBacking();
  return backing.ok() ? AllNumbers().Give(*backing)
                      : Fail(ErrnoOf(backing.status()));
}

}  // namespace
}  // namespace farpoll

extern "C" {

int kqueue(void) {
  return farpoll::WithoutExceptions([] { return farpoll::MakeQueue(); });
}

int kevent(int kq, const struct kevent* changelist, int nchanges,
           struct kevent* eventlist, int nevents,
           const struct timespec* timeout) {
  if (nchanges < 0 || nevents < 0 ||
      (timeout != nullptr && !farpoll::IsTimeout(*timeout))) {
    return farpoll::Fail(EINVAL);
  }
  if ((changelist == nullptr && nchanges > 0) ||
      (eventlist == nullptr && nevents > 0)) {
    return farpoll::Fail(EFAULT);
  }
  // The two structures have one layout, as asserted above.
  const absl::Span<const farpoll::Kevent> changes(
      reinterpret_cast<const farpoll::Kevent*>(changelist),
      static_cast<std::size_t>(nchanges));
  const absl::Span<farpoll::Kevent> events(
      reinterpret_cast<farpoll::Kevent*>(eventlist),
      static_cast<std::size_t>(nevents));
  return farpoll::WithoutExceptions([&] {
    return farpoll::Control(
        kq, changes, events,
        timeout == nullptr
            ? farpoll::Timeout::Forever()
            : farpoll::Timeout(absl::DurationFromTimespec(*timeout)));
  });
}

}  // extern "C"
