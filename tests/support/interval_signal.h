// tests/support/interval_signal.h: room: tests. A signal that keeps coming.
#ifndef FARPOLL_TESTS_SUPPORT_INTERVAL_SIGNAL_H_
#define FARPOLL_TESTS_SUPPORT_INTERVAL_SIGNAL_H_

#include <signal.h>
#include <sys/time.h>

namespace farpoll {

// While it lives, SIGALRM interrupts the process every 20 ms, without
// SA_RESTART: every blocking system call sees EINTR.
class IntervalSignal {
 public:
  IntervalSignal() {
    count_ = 0;
    struct sigaction action = {};
    action.sa_handler = [](int) { count_ = count_ + 1; };
    sigaction(SIGALRM, &action, &before_);
    SetInterval(20'000);
  }
  IntervalSignal(const IntervalSignal&) = delete;
  IntervalSignal& operator=(const IntervalSignal&) = delete;
  ~IntervalSignal() {
    SetInterval(0);
    sigaction(SIGALRM, &before_, nullptr);
  }

  // Signals handled so far.
  int count() const { return count_; }

 private:
  static void SetInterval(suseconds_t micros) {
    const timeval step = {.tv_sec = 0, .tv_usec = micros};
    const itimerval timer = {.it_interval = step, .it_value = step};
    setitimer(ITIMER_REAL, &timer, nullptr);
  }

  static inline volatile sig_atomic_t count_ = 0;
  struct sigaction before_ = {};
};

}  // namespace farpoll

#endif  // FARPOLL_TESTS_SUPPORT_INTERVAL_SIGNAL_H_
