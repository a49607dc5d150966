// tests/server/blocking/blocking_pool_test.cc: room: tests. Work that blocks,
// and who is held up by it.
#include "server/blocking/blocking_pool.h"

#include <future>
#include <memory>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace farpoll::server {
namespace {

using testing::ElementsAre;

// Work that is stuck until Free().
class Stuck {
 public:
  BlockingPool::Work work() {
    return [this] {
      started_.set_value();
      freed_.get_future().wait();
    };
  }
  void AwaitStart() { started_.get_future().wait(); }
  void Free() { freed_.set_value(); }

 private:
  std::promise<void> started_;
  std::promise<void> freed_;
};

// The end of work, and whether it was done.
class Ending {
 public:
  BlockingPool::Then then() {
    return [this](bool done) { done_.set_value(done); };
  }
  bool Await() { return done_.get_future().get(); }

 private:
  std::promise<bool> done_;
};

TEST(BlockingPoolTest, ALaneDoesOneThingAfterAnother) {
  BlockingPool pool(4, 4);
  const auto lane = pool.NewLane("me");
  std::vector<int> order;
  Ending ending;

  for (int i = 0; i < 3; ++i) {
    lane->Do([&order, i] { order.push_back(i); });
  }
  lane->Run([&order] { order.push_back(3); }, ending.then());

  EXPECT_TRUE(ending.Await());
  EXPECT_THAT(order, ElementsAre(0, 1, 2, 3));
}

TEST(BlockingPoolTest, WhatIsStuckHoldsUpItsOwnLane) {
  BlockingPool pool(2, 2);
  const auto stuck_lane = pool.NewLane("me");
  const auto lane = pool.NewLane("me");
  Stuck stuck;
  stuck_lane->Do(stuck.work());
  stuck.AwaitStart();
  Ending ending;

  lane->Run([] {}, ending.then());

  EXPECT_TRUE(ending.Await());
  stuck.Free();
}

TEST(BlockingPoolTest, AnOwnerLeavesThreadsToOthers) {
  BlockingPool pool(2, 1);
  const auto mine = pool.NewLane("me");
  const auto also_mine = pool.NewLane("me");
  const auto theirs = pool.NewLane("them");
  Stuck stuck;
  mine->Do(stuck.work());
  stuck.AwaitStart();
  bool waited = true;
  Ending my_ending;
  also_mine->Run([&waited] { EXPECT_FALSE(waited); }, my_ending.then());
  Ending their_ending;

  theirs->Run([] {}, their_ending.then());

  EXPECT_TRUE(their_ending.Await());
  waited = false;
  stuck.Free();
  EXPECT_TRUE(my_ending.Await());
}

TEST(BlockingPoolTest, StoppingAnswersForWhatIsStuck) {
  auto pool = std::make_unique<BlockingPool>(1, 1);
  const auto lane = pool->NewLane("me");
  // Both outlive the pool's threads.
  const auto stuck = std::make_shared<Stuck>();
  Ending at_work;
  Ending queued;
  Ending late;
  lane->Run([stuck, work = stuck->work()]() mutable { work(); },
            at_work.then());
  stuck->AwaitStart();
  lane->Run([] { ADD_FAILURE() << "was dropped"; }, queued.then());

  pool->Stop();

  EXPECT_FALSE(at_work.Await());
  EXPECT_FALSE(queued.Await());
  lane->Run([] { ADD_FAILURE() << "was refused"; }, late.then());
  EXPECT_FALSE(late.Await());
  stuck->Free();
  pool.reset();
}

TEST(BlockingPoolTest, WhatIsToBeDoneInAnyCaseIsDoneAfterTheStop) {
  bool done = false;
  std::unique_ptr<BlockingPool::Lane> lane;
  {
    BlockingPool pool(1, 1);
    lane = pool.NewLane("me");
    pool.Stop();
    lane->Do([&done] { done = true; });
  }

  EXPECT_TRUE(done);
}

TEST(BlockingPoolTest, WorkGoesWithAllItOwnsBeforeItsEndIsTold) {
  BlockingPool pool(1, 1);
  const auto lane = pool.NewLane("me");
  auto owned = std::make_shared<int>(0);
  const std::weak_ptr<int> watched = owned;
  std::promise<bool> gone;

  lane->Run([owned = std::move(owned)] {},
            [&](bool) { gone.set_value(watched.expired()); });

  EXPECT_TRUE(gone.get_future().get());
}

}  // namespace
}  // namespace farpoll::server
