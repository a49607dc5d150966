// tests/support/blocked_call.h: room: tests. A call that blocks, on a thread of
// its own, and how to know that it does.
#ifndef FARPOLL_TESTS_SUPPORT_BLOCKED_CALL_H_
#define FARPOLL_TESTS_SUPPORT_BLOCKED_CALL_H_

#include <atomic>
#include <functional>
#include <thread>

namespace farpoll {

// Runs `call` on a thread; destruction joins it.
class BlockedCall {
 public:
  explicit BlockedCall(std::function<void()> call);
  BlockedCall(const BlockedCall&) = delete;
  BlockedCall& operator=(const BlockedCall&) = delete;
  ~BlockedCall() { Join(); }

  // Returns once the thread sleeps in epoll_wait(2), poll(2) or a sibling of
  // theirs, by the kernel's word; fails the test after 10 s.
  void AwaitBlocked();

  // Sends the thread a signal.
  void Signal(int signal);

  // Returns once the call has returned.
  void Join();

 private:
  std::atomic<int> thread_id_{0};
  std::thread thread_;
};

}  // namespace farpoll

#endif  // FARPOLL_TESTS_SUPPORT_BLOCKED_CALL_H_
