// tests/support/signal_handler.h: room: tests. A handler that counts.
#ifndef FARPOLL_TESTS_SUPPORT_SIGNAL_HANDLER_H_
#define FARPOLL_TESTS_SUPPORT_SIGNAL_HANDLER_H_

#include <signal.h>

#include <atomic>

namespace farpoll {

// While it lives, `signal` is handled, with these flags of sigaction(2). One at
// a time.
class SignalHandler {
 public:
  explicit SignalHandler(int signal, int flags = 0) : signal_(signal) {
    count_ = 0;
    struct sigaction action = {};
    action.sa_handler = [](int) { count_.fetch_add(1); };
    action.sa_flags = flags;
    sigaction(signal, &action, &before_);
  }
  SignalHandler(const SignalHandler&) = delete;
  SignalHandler& operator=(const SignalHandler&) = delete;
  ~SignalHandler() { sigaction(signal_, &before_, nullptr); }

  // Signals handled so far.
  int count() const { return count_; }

 private:
  static inline std::atomic<int> count_{0};
  static_assert(std::atomic<int>::is_always_lock_free);

  const int signal_;
  struct sigaction before_ = {};
};

}  // namespace farpoll

#endif  // FARPOLL_TESTS_SUPPORT_SIGNAL_HANDLER_H_
