// A warm wait allocates nothing, whichever front end it is of, and no wait
// allocates for room that it does not need.
#include <stdlib.h>
#include <sys/mman.h>

#include <atomic>
#include <memory>
#include <new>
#include <vector>

#include "absl/types/span.h"
#include "base/clock.h"
#include "gtest/gtest.h"
#include "selector/base_selector.h"
#include "selector/epoll_selector.h"
#include "selector/interest_set.h"
#include "selector/kqueue_selector.h"
#include "selector/poll_object.h"
#include "tests/support/fd_fixtures.h"

namespace {

std::atomic<int> allocations{0};
std::atomic<std::size_t> bytes{0};

}  // namespace

// Not inlined: the optimiser would take free() for the wrong way to delete.
[[gnu::noinline]] void* operator new(std::size_t size) {
  ++allocations;
  bytes += size;
  void* const block = malloc(size);
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

// Room for more than there will ever be: address space, and no memory.
template <typename T>
class HugeRoom {
 public:
  HugeRoom() { EXPECT_NE(room_, MAP_FAILED); }
  HugeRoom(const HugeRoom&) = delete;
  HugeRoom& operator=(const HugeRoom&) = delete;
  ~HugeRoom() { munmap(room_, kCount * sizeof(T)); }

  absl::Span<T> get() { return absl::MakeSpan(static_cast<T*>(room_), kCount); }

 private:
  static constexpr std::size_t kCount = 1 << 24;

  void* const room_ = mmap(nullptr, kCount * sizeof(T), PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
};

// Bytes allocated by `wait`.
template <typename Wait>
std::size_t BytesFor(Wait wait) {
  const std::size_t before = bytes;
  wait();
  return bytes - before;
}

constexpr std::size_t kLittle = 1 << 20;

TEST_F(Allocation, RoomCostsNothing) {
  const auto set = *InterestSet::Create(InterestSet::Custody::kOwned);
  const auto poll = *PollObject::Create();
  const auto epoll = *EpollSelector::Create();
  const auto kqueue = *KqueueSelector::Create();
  for (const Pipe& pipe : pipes_) {
    ASSERT_TRUE(set->Add(pipe.writer(), kOut, Trigger::kLevel, 0).ok());
    ASSERT_TRUE(poll->Register(pipe.writer(), kOut).ok());
    ASSERT_TRUE(epoll->Register(pipe.writer(), kEventWrite).ok());
    ASSERT_TRUE(kqueue->Register(pipe.writer(), kEventWrite).ok());
  }
  HugeRoom<Event> events;
  HugeRoom<SelectorReady> ready;

  EXPECT_LT(BytesFor([&] { EXPECT_EQ(*set->Collect(events.get()), kMany); }),
            kLittle);
  EXPECT_LT(BytesFor([&] { EXPECT_EQ(*poll->Collect(events.get()), kMany); }),
            kLittle);
  for (BaseSelector* const selector :
       {static_cast<BaseSelector*>(epoll.get()),
        static_cast<BaseSelector*>(kqueue.get())}) {
    EXPECT_LT(BytesFor([&] {
                EXPECT_EQ(
                    *selector->SelectInto(ready.get(), Timeout::Forever()),
                    kMany);
              }),
              kLittle);
  }
}

}  // namespace
}  // namespace farpoll
