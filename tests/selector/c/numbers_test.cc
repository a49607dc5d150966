// CKqueueNumbers.*: the whole life of descriptor numbers as a C program sees
// it, through the shared library: dup, dup2, close, fork and reuse, of what is
// watched and of the queue's own number.
// Source: FreeBSD kqueue(2); docs/kqueue.md, "Closing" and "The C library".
#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/event.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <set>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/selector/number_model.h"
#include "tests/support/blocked_call.h"
#include "tests/support/fd_fixtures.h"

namespace farpoll {
namespace {

constexpr timespec kLookOnce = {};

int Change(int kq, uintptr_t ident, int filter, int flags) {
  struct kevent change;
  EV_SET(&change, ident, static_cast<short>(filter),
         static_cast<unsigned short>(flags), 0, 0, nullptr);
  return kevent(kq, &change, 1, nullptr, 0, nullptr);
}

// The number that one look reports; -1: none, -2: the call failed.
int Look(int kq) {
  struct kevent event;
  const int count = kevent(kq, nullptr, 0, &event, 1, &kLookOnce);
  return count == 1 ? static_cast<int>(event.ident) : count - 1;
}

// Leaves an entry in the queue's kernel set that fires and can't be removed.
class Orphan {
 public:
  explicit Orphan(int kq) : keeper_(Duplicate(pipe_.reader())) {
    UniqueFd copy = Duplicate(pipe_.reader());
    EXPECT_EQ(Change(kq, copy.get(), EVFILT_READ, EV_ADD), 0);
    copy.Reset();
    Write(pipe_.writer(), "x");
  }

 private:
  const Pipe pipe_;
  const UniqueFd keeper_;
};

TEST(CKqueueNumbers, AQueueSurvivesAnOrphan) {
  const UniqueFd kq(kqueue());
  const Pipe other;
  ASSERT_EQ(Change(kq.get(), other.reader(), EVFILT_READ, EV_ADD), 0);
  for (int i = 0; i < 3; ++i) {
    const Orphan orphan(kq.get());

    EXPECT_EQ(Look(kq.get()), -1);
    EXPECT_EQ(Look(kq.get()), -1);
    EXPECT_EQ(KernelPoll(kq.get(), kIn), 0) << "the orphan makes it readable";
  }
  Write(other.writer(), "x");
  EXPECT_EQ(KernelPoll(kq.get(), kIn), kIn);
  EXPECT_EQ(Look(kq.get()), other.reader());
}

TEST(CKqueueNumbers, WhateverHoldsTheNumberSurvivesAnOrphan) {
  const UniqueFd kq(kqueue());
  const UniqueFd outer(kqueue());
  const UniqueFd copy = Duplicate(kq.get());
  const UniqueFd foreign(epoll_create1(EPOLL_CLOEXEC));
  epoll_event entry = {.events = EPOLLIN, .data = {}};
  ASSERT_EQ(epoll_ctl(foreign.get(), EPOLL_CTL_ADD, kq.get(), &entry), 0);
  ASSERT_EQ(Change(outer.get(), kq.get(), EVFILT_READ, EV_ADD), 0);
  const Pipe other;
  ASSERT_EQ(Change(kq.get(), other.reader(), EVFILT_READ, EV_ADD), 0);
  const Orphan orphan(kq.get());
  ASSERT_EQ(Look(kq.get()), -1);

  Write(other.writer(), "x");

  EXPECT_EQ(KernelPoll(copy.get(), kIn), kIn);
  EXPECT_EQ(KernelPoll(foreign.get(), kIn), kIn);
  EXPECT_EQ(Look(outer.get()), kq.get());
  Drain(other.reader());
  EXPECT_EQ(KernelPoll(copy.get(), kIn), 0);
  EXPECT_EQ(KernelPoll(foreign.get(), kIn), 0);
  EXPECT_EQ(Look(outer.get()), -1);
}

TEST(CKqueueNumbers, AWaitOnTheNumberSurvivesAnOrphan) {
  const UniqueFd kq(kqueue());
  const Pipe other;
  ASSERT_EQ(Change(kq.get(), other.reader(), EVFILT_READ, EV_ADD), 0);
  pollfd entry = {.fd = kq.get(), .events = POLLIN, .revents = 0};
  BlockedCall wait([&] {
    // The orphan may wake it; nothing may keep it awake but the other pipe.
    while (poll(&entry, 1, 10'000) == 1 && Look(kq.get()) == -1) {
    }
    EXPECT_EQ(entry.revents, POLLIN);
    EXPECT_EQ(Look(kq.get()), other.reader());
  });
  wait.AwaitBlocked();
  const Orphan orphan(kq.get());
  EXPECT_EQ(Look(kq.get()), -1);
  wait.AwaitBlocked();

  Write(other.writer(), "x");
}

class CQueue final : public NumberedQueue {
 public:
  int Add(int fd) override { return ErrorOf(fd, EV_ADD); }
  int Remove(int fd) override { return ErrorOf(fd, EV_DELETE); }
  std::set<int> Look() override {
    struct kevent events[64];
    const int count = kevent(kq_.get(), nullptr, 0, events, 64, &kLookOnce);
    EXPECT_GE(count, 0) << "errno " << errno;
    std::set<int> seen;
    for (int i = 0; i < count; ++i) {
      seen.insert(static_cast<int>(events[i].ident));
    }
    return seen;
  }
  int number() override { return kq_.get(); }

 private:
  int ErrorOf(int fd, int flags) {
    return Change(kq_.get(), static_cast<uintptr_t>(fd), EVFILT_READ, flags) < 0
               ? errno
               : 0;
  }

  const UniqueFd kq_{kqueue()};
};

TEST(CKqueueNumbers, ModelOfTheirWholeLife) {
  RunNumberModel(/*one_file=*/true, [] { return std::make_unique<CQueue>(); });
}

// ---- The program's numbers are the program's.

// Some registrations for which a queue has descriptors of its own.
bool WatchOfEveryKind(int kq) {
  // In a child, which ends soon.
  const int file = TemporaryFile("x").Release();
  struct kevent changes[4];
  EV_SET(&changes[0], 1, EVFILT_TIMER, EV_ADD, 0, 3'600'000, nullptr);
  EV_SET(&changes[1], SIGWINCH, EVFILT_SIGNAL, EV_ADD, 0, 0, nullptr);
  EV_SET(&changes[2], 1, EVFILT_USER, EV_ADD, 0, 0, nullptr);
  EV_SET(&changes[3], static_cast<uintptr_t>(file), EVFILT_VNODE, EV_ADD,
         NOTE_WRITE, 0, nullptr);
  return kevent(kq, changes, 4, nullptr, 0, nullptr) == 0;
}

// The last of them that is not `file` any more; -1: all are.
int Lost(const std::vector<int>& numbers, const struct stat& file) {
  int lost = -1;
  for (const int number : numbers) {
    struct stat status = {};
    if (fstat(number, &status) != 0 || status.st_ino != file.st_ino ||
        status.st_dev != file.st_dev) {
      lost = number;
    }
  }
  return lost;
}

TEST(CKqueueNumbers, StandardNumbersAreNeverTheLibrarys) {
  InAChild([] {
    const int saved = fcntl(STDERR_FILENO, F_DUPFD, 100);
    for (int number = 0; number < 3; ++number) {
      close(number);
    }
    const int first = kqueue();
    if (!WatchOfEveryKind(first)) {
      return 1;
    }
    close(first);
    struct stat file = {};
    fstat(saved, &file);
    for (int number = 0; number < 3; ++number) {
      dup2(saved, number);
    }
    const int second = kqueue();
    close(second);
    kqueue();
    return Lost({0, 1, 2}, file) < 0 ? 0 : 2;
  });
}

// Closes all numbers from 3 to `end`, fills them again, and makes new queues.
int CloseAndFill(int end) {
  const int queues[] = {kqueue(), kqueue(), kqueue()};
  for (const int kq : queues) {
    if (!WatchOfEveryKind(kq)) {
      return 1;
    }
  }
  for (int number = 3; number < end; ++number) {
    close(number);
  }
  std::vector<int> opened;
  int number = -1;
  do {
    number = open("/dev/zero", O_RDONLY);
    opened.push_back(number);
  } while (number >= 0 && number < end);
  struct stat file = {};
  fstat(number, &file);
  for (int i = 0; i < 4; ++i) {
    // Where a program's number of before may be free again, and where not.
    const int kq = kqueue();
    if (kq < 0 || !WatchOfEveryKind(kq)) {
      return 2;
    }
    close(kq);
  }
  for (const int kq : queues) {
    if (kevent(kq, nullptr, 0, nullptr, 0, nullptr) == 0) {
      return 3;
    }
  }
  return Lost(opened, file) < 0 ? 0 : 4;
}

TEST(CKqueueNumbers, ACloseRangeOfLowNumbersLosesNoFile) {
  InAChild([] { return CloseAndFill(60); });
}

TEST(CKqueueNumbers, ACloseRangeOfAllNumbersLosesNoFile) {
  AllowDescriptors(2048);
  InAChild([] { return CloseAndFill(1536); });
}

TEST(CKqueueNumbers, DuplicatedOverTheNumberIsTheOtherFile) {
  const UniqueFd kq(kqueue());
  const int number = kq.get();
  const Orphan orphan(number);
  const UniqueFd other = Open("/dev/zero", O_RDONLY);
  struct stat file = {};
  ASSERT_EQ(fstat(other.get(), &file), 0);
  MustSucceed(dup2(other.get(), number), "dup2");

  EXPECT_EQ(Look(number), -2);
  EXPECT_EQ(errno, EBADF);
  const UniqueFd next(kqueue());
  EXPECT_EQ(Look(next.get()), -1);

  EXPECT_EQ(Lost({number}, file), -1);
}

}  // namespace
}  // namespace farpoll
