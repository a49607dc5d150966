// server/blocking/blocking_pool.h: room: server/blocking. Work that can block
// for as long as somebody else likes: closing or receiving a descriptor that
// others share, and calls into a file system. It runs on threads that nobody
// waits for: who wants to know the end is called.
//
// Work is done in lanes, one piece after another in each. What is stuck holds
// up its own lane, and takes one of its owner's threads.
// Threads: "farpoll-block", started when there is work and none is free; all
//   but one end when there is nothing left to do. Every method from any thread.
#ifndef FARPOLL_SERVER_BLOCKING_BLOCKING_POOL_H_
#define FARPOLL_SERVER_BLOCKING_BLOCKING_POOL_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/functional/any_invocable.h"

namespace farpoll::server {

class BlockingPool {
  struct State;
  struct Queue;

 public:
  // May block. Runs once, and is destroyed by the thread that ran it. It must
  // own whatever it touches: everything else may be gone when it comes back.
  using Work = absl::AnyInvocable<void()>;
  // Runs once, with no lock held and before Stop() returns; must not block.
  // `done`: whether the work was. It was not when the pool was stopped before.
  using Then = absl::AnyInvocable<void(bool done)>;

  class Lane {
   public:
    // What was given is still done, in its order.
    ~Lane() = default;
    Lane(const Lane&) = delete;
    Lane& operator=(const Lane&) = delete;

    // Does `work`, and then calls `then`.
    void Run(Work work, Then then);
    // The same without a word, and even when the pool was stopped.
    void Do(Work work);

   private:
    friend class BlockingPool;
    Lane(std::shared_ptr<State> state, std::shared_ptr<Queue> queue);

    const std::shared_ptr<State> state_;  // shared with the pool's threads
    const std::shared_ptr<Queue> queue_;  // shared while work is in it
  };

  // At most `max_threads`, and of them `max_owner_threads` for the lanes of one
  // owner.
  BlockingPool(std::int64_t max_threads, std::int64_t max_owner_threads);
  // Stops, and waits a moment for what is to be done all the same. A thread
  // that is still stuck then is left to the end of the process.
  ~BlockingPool();
  BlockingPool(const BlockingPool&) = delete;
  BlockingPool& operator=(const BlockingPool&) = delete;

  // A lane of `owner`'s. May outlive the pool.
  std::unique_ptr<Lane> NewLane(const std::string& owner);

  // Calls every `then` that is due, with `done` false, and from now on each new
  // one at once. When it returns none is running.
  void Stop();

 private:
  const std::shared_ptr<State> state_;  // shared with threads and lanes
};

}  // namespace farpoll::server

#endif  // FARPOLL_SERVER_BLOCKING_BLOCKING_POOL_H_
