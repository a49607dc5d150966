#include "client/cli/interrupt.h"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <utility>

#include "client/cli/failure.h"

namespace farpoll::cli {
namespace {

sigset_t EndingSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  return signals;
}

void Raise(const UniqueFd& event) {
  const std::uint64_t one = 1;
  (void)!::write(event.get(), &one, sizeof(one));
}

}  // namespace

Interrupt::Interrupt()
    : stop_(::eventfd(0, EFD_CLOEXEC)), raised_(::eventfd(0, EFD_CLOEXEC)) {
  const sigset_t signals = EndingSignals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signals_.Reset(::signalfd(-1, &signals, SFD_CLOEXEC));
  thread_ = std::thread([this] { Watch(); });
}

Interrupt::~Interrupt() {
  Raise(stop_);
  thread_.join();
}

int Interrupt::signal() const {
  MutexLock lock(&mutex_);
  return signal_;
}

void Interrupt::OnSignal(std::function<void()> action) {
  MutexLock lock(&mutex_);
  action_ = std::move(action);
  if (signal_ != 0 && action_) {
    action_();
  }
}

void Interrupt::Forward(std::function<void(int signal)> to) {
  MutexLock lock(&mutex_);
  forward_ = std::move(to);
}

void Interrupt::Watch() {
  for (;;) {
    pollfd waiting[] = {{signals_.get(), POLLIN, 0}, {stop_.get(), POLLIN, 0}};
    if (::poll(waiting, 2, -1) < 0) {
      continue;  // EINTR
    }
    if (waiting[1].revents != 0) {
      return;
    }
    signalfd_siginfo info = {};
    if (::read(signals_.get(), &info, sizeof(info)) != sizeof(info)) {
      continue;
    }
    MutexLock lock(&mutex_);
    if (forward_) {
      forward_(static_cast<int>(info.ssi_signo));
      continue;
    }
    if (signal_ != 0) {
      ::_exit(kExitSignalBase + static_cast<int>(info.ssi_signo));
    }
    signal_ = static_cast<int>(info.ssi_signo);
    Raise(raised_);
    if (action_) {
      action_();
    }
  }
}

}  // namespace farpoll::cli
