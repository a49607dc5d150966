// A warm wait allocates nothing, whichever front end it is of.
#include <stdlib.h>

#include <atomic>
#include <memory>
#include <new>
#include <vector>

#include "base/clock.h"
#include "gtest/gtest.h"
#include "selector/epoll_selector.h"
#include "selector/interest_set.h"
#include "selector/poll_object.h"
#include "tests/support/fd_fixtures.h"

namespace {

std::atomic<int> allocations{0};

}  // namespace

void* operator new(std::size_t size) {
  ++allocations;
  void* const block = malloc(size);
  if (block == nullptr) {
    throw std::bad_alloc();
  }
  return block;
}
void operator delete(void* block) noexcept { free(block); }
void operator delete(void* block, std::size_t) noexcept { free(block); }

namespace farpoll {
namespace {

// More than any buffer on the stack holds.
constexpr std::size_t kMany = 400;

class Allocation : public testing::Test {
 protected:
  // Allocations made by `wait` once it has run before.
  template <typename Wait>
  static int WhenWarm(Wait wait) {
    wait();
    wait();
    const int before = allocations;
    wait();
    return allocations - before;
  }

  std::vector<Pipe> pipes_{kMany};
};

TEST_F(Allocation, NoneInWarmInterestSet) {
  const auto set = *InterestSet::Create(InterestSet::Custody::kOwned);
  const UniqueFd file = TemporaryFile("");
  ASSERT_TRUE(set->Add(file.get(), kIn, Trigger::kLevel, 0).ok());
  for (const Pipe& pipe : pipes_) {
    ASSERT_TRUE(set->Add(pipe.writer(), kOut, Trigger::kLevel, 0).ok());
  }
  std::vector<Event> room(kMany + 1);

  EXPECT_EQ(WhenWarm([&] {
              EXPECT_EQ(*set->Wait(absl::MakeSpan(room), kNever), kMany + 1);
            }),
            0);
}

TEST_F(Allocation, NoneInWarmPollObject) {
  const auto poll = *PollObject::Create();
  for (const Pipe& pipe : pipes_) {
    ASSERT_TRUE(poll->Register(pipe.writer(), kOut).ok());
  }

  EXPECT_EQ(WhenWarm([&] { EXPECT_EQ(poll->Poll()->size(), kMany); }), 0);
}

TEST_F(Allocation, NoneInWarmSelector) {
  const auto selector = *EpollSelector::Create();
  for (const Pipe& pipe : pipes_) {
    ASSERT_TRUE(selector->Register(pipe.writer(), kEventWrite).ok());
  }
  std::vector<SelectorReady> room(
      kMany, SelectorReady{SelectorKey(FileObject(0), 0, 0, 0), 0});

  EXPECT_EQ(WhenWarm([&] {
              EXPECT_EQ(*selector->SelectInto(absl::MakeSpan(room),
                                              Timeout::Forever()),
                        kMany);
            }),
            0);
}

}  // namespace
}  // namespace farpoll
