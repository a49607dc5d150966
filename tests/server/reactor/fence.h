// tests/server/reactor/fence.h: room: tests. How to know that a reactor has
// done everything that was due.
#ifndef FARPOLL_TESTS_SERVER_REACTOR_FENCE_H_
#define FARPOLL_TESTS_SERVER_REACTOR_FENCE_H_

#include <future>

#include "server/reactor/reactor.h"

namespace farpoll::server {

// Returns once the callbacks of watches that were ready, and of timers that
// were due, have run. A turn of the loop runs posted work before timers, and
// the first turn may have read the clock before the caller moved it: hence
// three.
inline void Fence(Reactor& reactor) {
  for (int turn = 0; turn < 3; ++turn) {
    std::promise<void> passed;
    reactor.Post([&] { passed.set_value(); });
    passed.get_future().wait();
  }
}

}  // namespace farpoll::server

#endif  // FARPOLL_TESTS_SERVER_REACTOR_FENCE_H_
