// CKqueueMemory.*: kevent() when there is no memory, and when the lists that a
// program names are not all there.
// Source: docs/kqueue.md, "The C library".
#include <pthread.h>
#include <signal.h>
#include <sys/event.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <climits>
#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <iterator>
#include <new>
#include <vector>

#include "gtest/gtest.h"
#include "tests/support/blocked_call.h"
#include "tests/support/fd_fixtures.h"

namespace {

// Allocations until one fails; negative: none does.
std::atomic<long> until_failure{-1};
// No allocation of this program or of the library is greater.
constexpr std::size_t kMostBytes = 64 << 20;

}  // namespace

// The shared library takes its memory here, too.
// Not inlined: the optimiser would take free() for the wrong way to delete.
[[gnu::noinline]] void* operator new(std::size_t size) {
  const bool fails =
      until_failure.load() >= 0 && until_failure.fetch_sub(1) == 0;
  void* const block = fails || size > kMostBytes ? nullptr : malloc(size);
  if (block == nullptr) {
    throw std::bad_alloc();
  }
  return block;
}
[[gnu::noinline]] void operator delete(void* block) noexcept { free(block); }
[[gnu::noinline]] void operator delete(void* block, std::size_t) noexcept {
  free(block);
}

namespace farpoll {
namespace {

constexpr timespec kLookOnce = {};

struct kevent Make(uintptr_t ident, int filter, int flags, unsigned fflags = 0,
                   int64_t data = 0) {
  struct kevent event;
  EV_SET(&event, ident, filter, flags, fflags, data, nullptr);
  return event;
}

// A list of kevents whose last entry ends where no memory is.
class GuardedList {
 public:
  explicit GuardedList(std::size_t count)
      : page_(static_cast<std::size_t>(sysconf(_SC_PAGESIZE))),
        pages_(
            static_cast<char*>(mmap(nullptr, 2 * page_, PROT_READ | PROT_WRITE,
                                    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0))),
        list_(reinterpret_cast<struct kevent*>(pages_ + page_) - count) {
    mprotect(pages_ + page_, page_, PROT_NONE);
  }
  GuardedList(const GuardedList&) = delete;
  GuardedList& operator=(const GuardedList&) = delete;
  ~GuardedList() { munmap(pages_, 2 * page_); }

  struct kevent* get() {
    return list_;
  }
  struct kevent& operator[](std::size_t i) {
    return list_[i];
  }

 private:
  const std::size_t page_;
  char* const pages_;
  struct kevent* const list_;
};

TEST(CKqueueMemory, RoomCostsNothing) {
  const UniqueFd kq(kqueue());
  struct kevent event = Make(7, EVFILT_USER, EV_ADD | EV_CLEAR);

  EXPECT_EQ(kevent(kq.get(), nullptr, 0, &event, INT_MAX, &kLookOnce), 0);

  ASSERT_EQ(kevent(kq.get(), &event, 1, nullptr, 0, nullptr), 0);
  event.fflags = NOTE_TRIGGER;
  EXPECT_EQ(kevent(kq.get(), &event, 1, &event, INT_MAX, nullptr), 1);
  EXPECT_EQ(event.ident, 7u);
}

TEST(CKqueueMemory, ListsEndWhereTheyEnd) {
  const UniqueFd kq(kqueue());
  const std::vector<Pipe> pipes(3);
  GuardedList list(pipes.size());
  for (std::size_t i = 0; i < pipes.size(); ++i) {
    list[i] =
        Make(static_cast<uintptr_t>(pipes[i].writer()), EVFILT_WRITE, EV_ADD);
  }
  const int count = static_cast<int>(pipes.size());

  // As much room as was said, and more than there is.
  EXPECT_EQ(kevent(kq.get(), list.get(), count, list.get(), count, nullptr),
            count);
  EXPECT_EQ(kevent(kq.get(), nullptr, 0, list.get(), INT_MAX, nullptr), count);
}

TEST(CKqueueMemory, ManyMoreThanABatchInOneCall) {
  constexpr int kMany = 3000;
  const UniqueFd kq(kqueue());
  std::vector<struct kevent> list;
  for (uintptr_t i = 0; i < kMany; ++i) {
    list.push_back(Make(i, EVFILT_USER, EV_ADD, NOTE_TRIGGER));
  }
  ASSERT_EQ(kevent(kq.get(), list.data(), kMany, nullptr, 0, nullptr), 0);

  EXPECT_EQ(kevent(kq.get(), nullptr, 0, list.data(), INT_MAX, nullptr), kMany);
}

std::ptrdiff_t CountDescriptors() {
  const std::filesystem::directory_iterator folder("/proc/self/fd");
  return std::distance(begin(folder), end(folder));
}

// kevent(), which may have no memory and nothing worse.
void Try(int kq, const std::vector<struct kevent>& changes, int room) {
  static struct kevent events[300];
  const int result =
      kevent(kq, changes.data(), static_cast<int>(changes.size()), events, room,
             &kLookOnce);
  EXPECT_TRUE(result >= 0 || errno == ENOMEM || errno == ENOENT) << errno;
}

// What allocates: tables that grow, every filter's state, errors without room.
struct Script {
  Script() {
    for (uintptr_t i = 0; i < 140; ++i) {
      users.push_back(Make(i, EVFILT_USER, EV_ADD, NOTE_TRIGGER));
    }
    for (const Pipe& pipe : pipes) {
      const auto reader = static_cast<uintptr_t>(pipe.reader());
      const auto writer = static_cast<uintptr_t>(pipe.writer());
      descriptors.push_back(Make(reader, EVFILT_READ, EV_ADD));
      descriptors.push_back(
          Make(writer, EVFILT_WRITE, EV_ADD, NOTE_LOWAT, 1 << 30));
    }
    const auto fd = static_cast<uintptr_t>(file.get());
    const auto end = static_cast<uintptr_t>(socket.first.get());
    others = {Make(fd, EVFILT_READ, EV_ADD),
              Make(fd, EVFILT_VNODE, EV_ADD, NOTE_WRITE),
              Make(fd, EVFILT_WRITE, EV_ADD),
              Make(end, EVFILT_READ, EV_ADD),
              Make(end, EVFILT_WRITE, EV_ADD),
              Make(end, EVFILT_EMPTY, EV_ADD | EV_CLEAR),
              Make(1, EVFILT_TIMER, EV_ADD, NOTE_NSECONDS, 1),
              Make(SIGUSR1, EVFILT_SIGNAL, EV_ADD)};
  }

  void Run(int kq) const {
    Try(kq, others, 0);
    Try(kq, users, 0);
    Try(kq, descriptors, 0);
    raise(SIGUSR1);
    Write(file.get(), "more");
    Try(kq, unknown, 0);
    Try(kq, nothing, 300);
    Try(kq, nothing, 300);
  }

  const std::vector<Pipe> pipes{20};
  const UniqueFd file = TemporaryFile("text");
  const FdPair socket = UnixPair(SOCK_STREAM);
  std::vector<struct kevent> users;
  std::vector<struct kevent> descriptors;
  std::vector<struct kevent> others;
  const std::vector<struct kevent> unknown{Make(9999, EVFILT_USER, EV_ENABLE)};
  const std::vector<struct kevent> nothing;
};

TEST(CKqueueMemory, AnyAllocationMayFail) {
  struct sigaction ignore = {};
  ignore.sa_handler = SIG_IGN;
  sigaction(SIGUSR1, &ignore, nullptr);
  const Script script;
  { const UniqueFd first(kqueue()); }
  bool failed = true;
  std::ptrdiff_t before = 0;
  for (long nth = 0; failed; ++nth) {
    UniqueFd kq(kqueue());
    const std::ptrdiff_t now = CountDescriptors();
    EXPECT_TRUE(before == 0 || now == before) << "at allocation " << nth;
    before = now;

    until_failure = nth;
    script.Run(kq.get());
    failed = until_failure < 0;
    until_failure = -1;

    // What could not be done before can be done now.
    for (const auto* const list :
         {&script.others, &script.users, &script.descriptors}) {
      ASSERT_EQ(kevent(kq.get(), list->data(), static_cast<int>(list->size()),
                       nullptr, 0, nullptr),
                0)
          << "at allocation " << nth;
    }
    std::vector<struct kevent> events(1000);
    EXPECT_GE(kevent(kq.get(), nullptr, 0, events.data(), 1000, nullptr), 140);
  }
}

TEST(CKqueueMemory, NoQueueWithoutMemory) {
  bool failed = true;
  for (long nth = 0; failed; ++nth) {
    until_failure = nth;
    const UniqueFd kq(kqueue());
    const int error = kq.valid() ? ENOMEM : errno;
    failed = until_failure < 0;
    until_failure = -1;

    EXPECT_EQ(error, ENOMEM) << "at allocation " << nth;
  }
}

TEST(CKqueueMemory, ACancelledThreadLeavesTheQueueWhole) {
  UniqueFd kq(kqueue());
  std::atomic<pthread_t> self{};
  bool returned = false;
  BlockedCall waiter([&] {
    self = pthread_self();
    struct kevent event;
    kevent(kq.get(), nullptr, 0, &event, 1, nullptr);
    returned = true;
  });
  waiter.AwaitBlocked();

  pthread_cancel(self);
  waiter.Join();

  EXPECT_FALSE(returned);
  struct kevent event = Make(1, EVFILT_USER, EV_ADD, NOTE_TRIGGER);
  EXPECT_EQ(kevent(kq.get(), &event, 1, &event, 1, nullptr), 1);
  // The queue is released, which waits for all who are in it.
  kq.Reset();
  kq.Reset(kqueue());
  EXPECT_TRUE(kq.valid());
}

}  // namespace
}  // namespace farpoll
