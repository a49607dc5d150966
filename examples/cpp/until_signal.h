// What the services of this folder share: they run until SIGINT or SIGTERM.
#ifndef FARPOLL_EXAMPLES_CPP_UNTIL_SIGNAL_H_
#define FARPOLL_EXAMPLES_CPP_UNTIL_SIGNAL_H_

#include <pthread.h>
#include <signal.h>

#include <functional>
#include <thread>
#include <utility>

// Make it before any other thread, so that none of them takes the signals.
class UntilSignal {
 public:
  UntilSignal() {
    sigemptyset(&signals_);
    sigaddset(&signals_, SIGINT);
    sigaddset(&signals_, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
  }
  ~UntilSignal() {
    if (thread_.joinable()) {
      pthread_kill(thread_.native_handle(), SIGTERM);
      thread_.join();
    }
  }

  // Has `stop` run once, in a thread of its own, when a signal comes or this
  // object goes.
  void Call(std::function<void()> stop) {
    thread_ = std::thread([this, stop = std::move(stop)] {
      int signal = 0;
      sigwait(&signals_, &signal);
      stop();
    });
  }

 private:
  sigset_t signals_;
  std::thread thread_;
};

#endif  // FARPOLL_EXAMPLES_CPP_UNTIL_SIGNAL_H_
