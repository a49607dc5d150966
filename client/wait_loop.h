// client/wait_loop.h: room: client. Waits without a thread for each: many on
// one loop, which calls back.
//
// Callbacks, because nothing else is forced on the caller by them: a future or
// a coroutine is a few lines on top, and a loop of the caller's own is woken by
// them. The loop has one thread and one completion queue for all its waits,
// over any number of clients. Source: docs/streams.md, "Waits that call back".
#ifndef FARPOLL_CLIENT_WAIT_LOOP_H_
#define FARPOLL_CLIENT_WAIT_LOOP_H_

#include <functional>
#include <memory>

#include "absl/status/status.h"
#include "client/event_stream.h"

namespace farpoll::client {

// What a wait calls, in its loop's thread, one at a time. They must not block:
// they hold up every wait of the loop. A unary call to a server nearby is no
// worse than the work of a result.
struct WaitCallbacks {
  // A result, or a notice. It is dealt with when this returns: then it is
  // acknowledged, and the next one may come.
  std::function<void(const WaitResult&)> on_result;
  // The wait is over, with what EventStream::status() would say; not after
  // Cancel(). The last call.
  std::function<void(const absl::Status&)> on_end;
};

// One wait on a loop.
// Threads: Cancel() from any; moving and destroying it as any object.
class AsyncWait {
 public:
  class State;
  explicit AsyncWait(std::shared_ptr<State> state);
  AsyncWait(AsyncWait&&) noexcept;
  AsyncWait& operator=(AsyncWait&&) noexcept;
  // As Cancel().
  ~AsyncWait();

  // Ends the wait. None of its callbacks is called after the return, and none
  // is in progress, but for the one that this is called from. What was not
  // dealt with will be reported again.
  void Cancel();

 private:
  std::shared_ptr<State> state_;
};

// Owner of the thread "farpoll-waits", which runs the callbacks of its waits.
// Threads: any; not to be destroyed from a callback.
class WaitLoop {
 public:
  WaitLoop();
  // Cancels the waits that are still on.
  ~WaitLoop();
  WaitLoop(const WaitLoop&) = delete;
  WaitLoop& operator=(const WaitLoop&) = delete;

  class Core;
  Core& core() { return *core_; }

 private:
  const std::unique_ptr<Core> core_;
};

}  // namespace farpoll::client

namespace farpoll {
using client::AsyncWait;
using client::WaitCallbacks;
using client::WaitLoop;
}  // namespace farpoll

#endif  // FARPOLL_CLIENT_WAIT_LOOP_H_
