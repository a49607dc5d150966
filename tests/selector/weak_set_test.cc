// Descriptors in weak custody: events without a number.
// Source: docs/semantics.md section 6, "Weak custody".
#include "selector/weak_set.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "absl/types/span.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/fd_count.h"
#include "tests/support/fd_fixtures.h"
#include "tests/support/status_matchers.h"

namespace farpoll {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

UniqueFd Duplicate(int fd) {
  return UniqueFd(MustSucceed(fcntl(fd, F_DUPFD_CLOEXEC, 0), "dup"));
}

class WeakSetTest : public testing::Test {
 protected:
  absl::Status Add(int fd, Events events, std::uint64_t data) {
    return set_->Add(Duplicate(fd), events, data);
  }
  // What is ready, by data.
  std::map<std::uint64_t, Events> Collect(std::size_t room = 8) {
    std::vector<Event> events(room);
    const std::size_t count = set_->Collect(absl::MakeSpan(events));
    std::map<std::uint64_t, Events> seen;
    for (std::size_t i = 0; i < count; ++i) {
      EXPECT_EQ(events[i].fd, -1);
      seen[events[i].data] = events[i].events;
    }
    return seen;
  }
  bool Readable() { return KernelPoll(set_->fd(), kIn) != 0; }

  std::unique_ptr<WeakSet> set_ = *WeakSet::Create();
};

TEST_F(WeakSetTest, ReportsWhileAnotherHoldsTheFile) {
  auto pipe = std::make_unique<Pipe>();
  const int before = CountOpenDescriptors();
  ASSERT_THAT(Add(pipe->reader(), kIn, 7), IsOk());
  EXPECT_EQ(CountOpenDescriptors(), before);
  EXPECT_FALSE(Readable());

  Write(pipe->writer(), "x");

  EXPECT_TRUE(Readable());
  EXPECT_THAT(Collect(), ElementsAre(Pair(7, kIn)));
  EXPECT_THAT(Collect(), IsEmpty());
  Write(pipe->writer(), "y");
  EXPECT_THAT(Collect(), ElementsAre(Pair(7, kIn)));
}

TEST_F(WeakSetTest, WhatHoldsAtFirstIsAnEdge) {
  Pipe pipe;
  Write(pipe.writer(), "x");
  ASSERT_THAT(Add(pipe.reader(), kIn, 7), IsOk());
  EXPECT_THAT(Collect(), ElementsAre(Pair(7, kIn)));
}

TEST_F(WeakSetTest, DataTakenBeforeTheCollectIsNotReported) {
  Pipe pipe;
  ASSERT_THAT(Add(pipe.reader(), kIn, 7), IsOk());
  Write(pipe.writer(), "x");
  EXPECT_EQ(Read(pipe.reader()), "x");
  EXPECT_THAT(Collect(), IsEmpty());
}

TEST_F(WeakSetTest, FallsSilentWithItsLastHolder) {
  auto pipe = std::make_unique<Pipe>();
  ASSERT_THAT(Add(pipe->reader(), kIn, 7), IsOk());
  Write(pipe->writer(), "x");
  pipe.reset();
  EXPECT_FALSE(Readable());
  EXPECT_THAT(Collect(), IsEmpty());
}

TEST_F(WeakSetTest, MoreThanABatchIsCollectedAtOnce) {
  constexpr std::size_t kMany = 700;
  std::vector<UniqueFd> counters;
  for (std::size_t i = 0; i < kMany; ++i) {
    counters.emplace_back(MustSucceed(eventfd(1, EFD_CLOEXEC), "eventfd"));
    ASSERT_THAT(Add(counters.back().get(), kIn, i), IsOk());
  }
  EXPECT_EQ(Collect(kMany - 1).size(), kMany - 1);
  EXPECT_EQ(Collect(kMany).size(), 1u);
}

TEST_F(WeakSetTest, RefusesWhatTheKernelRefuses) {
  const UniqueFd file(open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
  const UniqueFd path(open("/", O_PATH | O_CLOEXEC));
  const int before = CountOpenDescriptors();

  EXPECT_THAT(Add(file.get(), kIn, 1), HasErrno(EPERM));
  EXPECT_THAT(Add(path.get(), kIn, 2), HasErrno(EBADF));

  EXPECT_EQ(CountOpenDescriptors(), before);
}

// Each copy gets the number of the one before, which the kernel's entry goes
// by.
TEST_F(WeakSetTest, AFileMayBeEnteredAgainThoughNotForEver) {
  Pipe pipe;
  const int before = CountOpenDescriptors();
  std::uint64_t times = 0;
  while (Add(pipe.reader(), kIn, times).ok()) {
    ++times;
    ASSERT_LT(times, 100u);
  }
  EXPECT_EQ(times, 16u);
  EXPECT_THAT(Add(pipe.reader(), kIn, times), HasErrno(EEXIST));
  EXPECT_EQ(CountOpenDescriptors(), before);

  Write(pipe.writer(), "x");

  EXPECT_EQ(Collect(32).size(), times);
}

}  // namespace
}  // namespace farpoll
