// CKqueue.*: kqueue() and kevent() as a C program sees them, through the shared
// library.
// Source: FreeBSD kqueue(2); docs/kqueue.md.
#include <fcntl.h>
#include <signal.h>
#include <sys/event.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <iterator>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/blocked_call.h"
#include "tests/support/fd_fixtures.h"
#include "tests/support/signal_handler.h"

namespace farpoll {
namespace {

constexpr timespec kLookOnce = {};

// Whether flags come back as on macOS; else as on FreeBSD. The test runs both
// ways.
bool Echoes() { return std::getenv("FARPOLL_KQUEUE_ECHO_ADD") != nullptr; }

struct kevent Make(uintptr_t ident, int filter, int flags,
                   unsigned fflags = 0) {
  struct kevent event;
  EV_SET(&event, ident, filter, flags, fflags, 0, nullptr);
  return event;
}

int Change(int kq, struct kevent change) {
  return kevent(kq, &change, 1, nullptr, 0, nullptr);
}

TEST(CKqueue, Layout) {
  EXPECT_EQ(sizeof(struct kevent), 32u);
  EXPECT_EQ(offsetof(struct kevent, filter), 8u);
  EXPECT_EQ(offsetof(struct kevent, flags), 10u);
  EXPECT_EQ(offsetof(struct kevent, fflags), 12u);
  EXPECT_EQ(offsetof(struct kevent, data), 16u);
  EXPECT_EQ(offsetof(struct kevent, udata), 24u);
}

TEST(CKqueue, ReadAndClose) {
  const UniqueFd kq(kqueue());
  ASSERT_GE(kq.get(), 0);
  EXPECT_EQ(fcntl(kq.get(), F_GETFD), FD_CLOEXEC);
  const Pipe pipe;
  ASSERT_EQ(Change(kq.get(), Make(pipe.reader(), EVFILT_READ, EV_ADD)), 0);
  Write(pipe.writer(), "abc");

  struct kevent event;
  ASSERT_EQ(kevent(kq.get(), nullptr, 0, &event, 1, &kLookOnce), 1);

  EXPECT_EQ(event.ident, static_cast<uintptr_t>(pipe.reader()));
  EXPECT_EQ(event.data, 3);
  EXPECT_EQ(event.flags, Echoes() ? EV_ADD : 0);
}

TEST(CKqueue, EntriesEchoTheirChange) {
  const UniqueFd kq(kqueue());
  struct kevent list[] = {
      Make(1, EVFILT_USER, EV_ENABLE | EV_EOF),
      Make(2, EVFILT_USER, EV_ADD | EV_CLEAR | EV_RECEIPT),
  };

  ASSERT_EQ(kevent(kq.get(), list, 2, list, 2, nullptr), 2);

  EXPECT_EQ(list[0].flags, EV_ERROR | (Echoes() ? EV_ENABLE : 0));
  EXPECT_EQ(list[0].data, ENOENT);
  EXPECT_EQ(list[1].flags,
            EV_ERROR | (Echoes() ? EV_ADD | EV_CLEAR | EV_RECEIPT : 0));
  EXPECT_EQ(list[1].data, 0);
}

TEST(CKqueue, EveryEventEchoesAdd) {
  const UniqueFd kq(kqueue());
  const Pipe pipe;
  const auto reader = static_cast<uintptr_t>(pipe.reader());
  ASSERT_EQ(Change(kq.get(), Make(reader, EVFILT_READ, EV_ADD | EV_DISPATCH)),
            0);
  ASSERT_EQ(
      Change(kq.get(), Make(1, EVFILT_USER, EV_ADD | EV_DISABLE, NOTE_TRIGGER)),
      0);
  Write(pipe.writer(), "x");
  const int add = Echoes() ? EV_ADD : 0;
  struct kevent events[2];

  ASSERT_EQ(kevent(kq.get(), nullptr, 0, events, 2, &kLookOnce), 1);
  EXPECT_EQ(events[0].flags, EV_DISPATCH | add);
  ASSERT_EQ(kevent(kq.get(), nullptr, 0, events, 2, &kLookOnce), 0);

  // Enabled by changes that do not say EV_ADD.
  ASSERT_EQ(Change(kq.get(), Make(reader, EVFILT_READ, EV_ENABLE)), 0);
  ASSERT_EQ(Change(kq.get(), Make(1, EVFILT_USER, EV_ENABLE | EV_FORCEONESHOT)),
            0);
  ASSERT_EQ(kevent(kq.get(), nullptr, 0, events, 2, &kLookOnce), 2);
  for (const struct kevent& event : events) {
    EXPECT_EQ(event.flags,
              (event.filter == EVFILT_READ ? EV_DISPATCH : EV_ONESHOT) | add);
  }
}

TEST(CKqueue, BadArguments) {
  const UniqueFd kq(kqueue());
  struct kevent event = Make(1, EVFILT_USER, EV_ADD);
  const timespec bad_nanos = {.tv_sec = 0, .tv_nsec = 1'000'000'000};
  const timespec negative = {.tv_sec = -1, .tv_nsec = 0};
  const auto error_of = [](int result) { return result < 0 ? errno : 0; };

  EXPECT_EQ(error_of(kevent(kq.get(), &event, -1, nullptr, 0, nullptr)),
            EINVAL);
  EXPECT_EQ(error_of(kevent(kq.get(), nullptr, 0, &event, -1, nullptr)),
            EINVAL);
  EXPECT_EQ(error_of(kevent(kq.get(), nullptr, 0, &event, 1, &bad_nanos)),
            EINVAL);
  EXPECT_EQ(error_of(kevent(kq.get(), nullptr, 0, &event, 1, &negative)),
            EINVAL);
  EXPECT_EQ(error_of(kevent(kq.get(), nullptr, 1, nullptr, 0, nullptr)),
            EFAULT);
  EXPECT_EQ(error_of(kevent(kq.get(), nullptr, 0, nullptr, 1, nullptr)),
            EFAULT);
  EXPECT_EQ(error_of(kevent(-1, nullptr, 0, nullptr, 0, nullptr)), EBADF);
  EXPECT_EQ(error_of(kevent(STDIN_FILENO, nullptr, 0, nullptr, 0, nullptr)),
            EBADF);
  EXPECT_EQ(error_of(kevent(kq.get(), nullptr, 0, nullptr, 0, nullptr)), 0);
}

TEST(CKqueue, CloseIsNoticed) {
  UniqueFd kq(kqueue());
  const int number = kq.get();
  ASSERT_EQ(Change(number, Make(1, EVFILT_USER, EV_ADD, NOTE_TRIGGER)), 0);
  kq.Reset();

  EXPECT_EQ(kevent(number, nullptr, 0, nullptr, 0, nullptr), -1);
  EXPECT_EQ(errno, EBADF);

  // The number goes to another file.
  const UniqueFd reused = DuplicateTo(STDERR_FILENO, number);
  EXPECT_EQ(kevent(number, nullptr, 0, nullptr, 0, nullptr), -1);
  EXPECT_EQ(errno, EBADF);
  EXPECT_GE(fcntl(number, F_GETFD), 0);
}

TEST(CKqueue, RefusedConnectIsTheProgramsToSee) {
  const UniqueFd kq(kqueue());
  const UniqueFd socket = RefusedConnect();
  const auto ident = static_cast<uintptr_t>(socket.get());
  ASSERT_EQ(Change(kq.get(), Make(ident, EVFILT_WRITE, EV_ADD)), 0);

  struct kevent event;
  ASSERT_EQ(kevent(kq.get(), nullptr, 0, &event, 1, &kLookOnce), 1);

  EXPECT_EQ(event.flags & ~EV_ADD, EV_EOF);
  EXPECT_EQ(event.fflags, 0u);
  EXPECT_EQ(TakeSocketError(socket.get()), ECONNREFUSED);
}

TEST(CKqueue, AHandlerEndsTheWaitAndChangesStay) {
  const UniqueFd kq(kqueue());
  for (const int flags : {0, SA_RESTART}) {
    const SignalHandler handler(SIGUSR2, flags);
    ASSERT_EQ(Change(kq.get(), Make(1, EVFILT_USER, EV_ADD)), 0);
    int result = 0;
    int error = 0;
    BlockedCall call([&] {
      // Applied twice it would be an error entry.
      struct kevent list = Make(1, EVFILT_USER, EV_DELETE);
      result = kevent(kq.get(), &list, 1, &list, 1, nullptr);
      error = errno;
    });
    call.AwaitBlocked();

    call.Signal(SIGUSR2);
    call.Join();

    EXPECT_EQ(result, -1);
    EXPECT_EQ(error, EINTR);
    EXPECT_EQ(Change(kq.get(), Make(1, EVFILT_USER, EV_DELETE)), -1);
    EXPECT_EQ(errno, ENOENT);
  }
}

std::ptrdiff_t CountDescriptors() {
  const std::filesystem::directory_iterator folder("/proc/self/fd");
  return std::distance(begin(folder), end(folder));
}

TEST(CKqueue, NextQueueReleasesClosedOnes) {
  UniqueFd first(kqueue());
  const std::ptrdiff_t before = CountDescriptors();
  for (int i = 0; i < 20; ++i) {
    first.Reset();
    first.Reset(kqueue());
    ASSERT_GE(first.get(), 0);
  }

  EXPECT_EQ(CountDescriptors(), before);
  struct kevent event;
  EXPECT_EQ(kevent(first.get(), nullptr, 0, &event, 1, &kLookOnce), 0);
}

TEST(CKqueue, ReusedNumberIsANewQueue) {
  UniqueFd kq(kqueue());
  const int number = kq.get();
  ASSERT_EQ(Change(number, Make(1, EVFILT_USER, EV_ADD, NOTE_TRIGGER)), 0);
  kq.Reset();

  const UniqueFd next(kqueue());
  const UniqueFd same =
      next.get() == number ? UniqueFd() : DuplicateTo(next.get(), number);

  struct kevent event;
  EXPECT_EQ(kevent(next.get(), nullptr, 0, &event, 1, &kLookOnce), 0);
}

TEST(CKqueue, ForkChild) {
  const UniqueFd kq(kqueue());
  ASSERT_EQ(Change(kq.get(), Make(1, EVFILT_USER, EV_ADD, NOTE_TRIGGER)), 0);

  const pid_t child = MustSucceed(fork(), "fork");
  if (child == 0) {
    struct kevent event;
    const bool refused =
        kevent(kq.get(), nullptr, 0, &event, 1, &kLookOnce) < 0 &&
        errno == EBADF;
    const int own = kqueue();
    const bool works =
        Change(own, Make(2, EVFILT_USER, EV_ADD, NOTE_TRIGGER)) == 0 &&
        kevent(own, nullptr, 0, &event, 1, &kLookOnce) == 1 && event.ident == 2;
    _exit(refused && works ? 0 : 1);
  }
  int status = -1;
  waitpid(child, &status, 0);

  EXPECT_EQ(status, 0);
  struct kevent event;
  EXPECT_EQ(kevent(kq.get(), nullptr, 0, &event, 1, &kLookOnce), 1);
}

}  // namespace
}  // namespace farpoll
