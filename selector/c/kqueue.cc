// selector/c/kqueue.cc: room: selector. kqueue() and kevent() for C programs.
//
// There a queue is a descriptor, which the program closes without telling
// anybody. So the program gets a copy of the queue's number, and the queue
// keeps its own: whatever becomes of the copy, the library never touches a
// number that is somebody else's by now. That a copy was closed is noticed by
// the next kqueue(), which looks at every queue there is, and by kevent() on
// the number; then the queue behind it is released. Threads: both functions
// from any thread. Source: FreeBSD kqueue(2); docs/kqueue.md.
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
#include "selector/kqueue/descriptor.h"
#include "selector/kqueue/fork_guard.h"
#include "selector/kqueue/kevent.h"
#include "selector/kqueue/kqueue_options.h"
#include "selector/on_signal.h"

namespace farpoll {
namespace {

static_assert(sizeof(struct kevent) == sizeof(Kevent));
static_assert(offsetof(struct kevent, filter) == offsetof(Kevent, filter));
static_assert(offsetof(struct kevent, flags) == offsetof(Kevent, flags));
static_assert(offsetof(struct kevent, fflags) == offsetof(Kevent, fflags));
static_assert(offsetof(struct kevent, data) == offsetof(Kevent, data));
static_assert(offsetof(struct kevent, udata) == offsetof(Kevent, udata));

using SharedQueue = std::shared_ptr<Kqueue>;

// The program's numbers and the queues behind them.
class Numbers {
 public:
  // A number for `queue`, the caller's to close; -1 with errno set.
  int Give(SharedQueue queue) {
    const int number = fcntl(*queue->fd(), F_DUPFD_CLOEXEC, 0);
    if (number < 0) {
      return -1;
    }
    // Released after the mutex: closing a queue may wait for its waiters.
    std::vector<SharedQueue> dead;
    MutexLock lock(&mutex_);
    for (auto entry = queues_.begin(); entry != queues_.end();) {
      // The new number was free, so whatever is noted for it is closed.
      if (entry->first == number || !Names(entry->first, *entry->second)) {
        dead.push_back(std::move(entry->second));
        queues_.erase(entry++);
      } else {
        ++entry;
      }
    }
    queues_[number] = std::move(queue);
    return number;
  }

  // The queue of `number`; null when it is none.
  SharedQueue Find(int number) {
    MutexLock lock(&mutex_);
    const auto found = queues_.find(number);
    return found != queues_.end() ? found->second : nullptr;
  }

  // As Find, and sure that the number is still the queue's.
  SharedQueue FindOpen(int number) {
    SharedQueue queue = Find(number);
    if (queue == nullptr || Names(number, *queue)) {
      return queue;
    }
    MutexLock lock(&mutex_);
    const auto found = queues_.find(number);
    if (found != queues_.end() && found->second == queue) {
      queues_.erase(found);
    }
    return nullptr;
  }

 private:
  static bool Names(int number, const Kqueue& queue) {
    const absl::StatusOr<int> own = queue.fd();
    return own.ok() && SameOpenFile(*own, number);
  }

  Mutex mutex_;
  absl::flat_hash_map<int, SharedQueue> queues_ ABSL_GUARDED_BY(mutex_);
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

bool IsTimeout(const timespec& span) {
  return span.tv_sec >= 0 && span.tv_nsec >= 0 && span.tv_nsec < 1'000'000'000;
}

int Control(int number, absl::Span<const Kevent> changes,
            absl::Span<Kevent> events, Timeout timeout) {
  const SharedQueue queue = AllNumbers().FindOpen(number);
  if (queue == nullptr) {
    return Fail(EBADF);
  }
  const absl::StatusOr<std::size_t> count =
      queue->Control(changes, events, timeout, OnSignal::kReturn);
  if (!count.ok()) {
    const int error = ErrnoOf(count.status());
    return Fail(error != 0 ? error : EINVAL);
  }
  return static_cast<int>(*count);
}

int MakeQueue() {
  absl::StatusOr<std::unique_ptr<Kqueue>> queue =
      Kqueue::Create(OptionsOfProcess());
  return queue.ok() ? AllNumbers().Give(*std::move(queue))
                    : Fail(ErrnoOf(queue.status()));
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
