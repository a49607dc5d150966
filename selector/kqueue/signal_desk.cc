#include "selector/kqueue/signal_desk.h"

#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <utility>

#include "selector/fork_guard.h"

namespace farpoll {
namespace {

// The signals that were blocked in this thread by the desk.
thread_local std::uint64_t blocked_here = 0;

std::uint64_t BitOf(int signal) { return std::uint64_t{1} << (signal - 1); }

}  // namespace

sigset_t SignalSetOf(std::uint64_t mask) {
  sigset_t set;
  sigemptyset(&set);
  for (int signal = 1; signal < NSIG; ++signal) {
    if ((mask & BitOf(signal)) != 0) {
      sigaddset(&set, signal);
    }
  }
  return set;
}

SignalDesk& SignalDesk::OfProcess() { return OfThisProcess<SignalDesk>(); }

void SignalDesk::Block(std::uint64_t mask) {
  const sigset_t set = SignalSetOf(mask);
  sigset_t before;
  pthread_sigmask(SIG_BLOCK, &set, &before);
  for (int signal = 1; signal < NSIG; ++signal) {
    if ((mask & BitOf(signal)) != 0 && sigismember(&before, signal) == 0) {
      blocked_here |= BitOf(signal);
    }
  }
}

void SignalDesk::UnblockUnasked() {
  if (blocked_here == 0) {
    return;
  }
  const std::uint64_t unasked = blocked_here & ~OfProcess().asked_.load();
  if (unasked == 0) {
    return;
  }
  blocked_here &= ~unasked;  // first: a handler may come back to here
  const sigset_t set = SignalSetOf(unasked);
  pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}

void SignalDesk::NoteAsked() {
  std::uint64_t asked = 0;
  for (const Subscription& subscription : subscriptions_) {
    asked |= BitOf(subscription.signal);
  }
  asked_.store(asked);
}

void SignalDesk::Subscribe(std::weak_ptr<SignalListener> listener,
                           KnoteId knote, int signal) {
  const SignalListener* const identity = listener.lock().get();
  MutexLock lock(&mutex_);
  subscriptions_.push_back({.listener = std::move(listener),
                            .identity = identity,
                            .knote = knote,
                            .signal = signal});
  NoteAsked();
}

void SignalDesk::Unsubscribe(const SignalListener* listener, KnoteId knote) {
  MutexLock lock(&mutex_);
  subscriptions_.erase(
      std::remove_if(subscriptions_.begin(), subscriptions_.end(),
                     [&](const Subscription& subscription) {
                       return subscription.identity == listener &&
                              subscription.knote == knote;
                     }),
      subscriptions_.end());
  NoteAsked();
}

void SignalDesk::Dispatch(int signal_fd) {
  // Room first: what was read and not told would be lost.
  std::vector<Subscription> told;
  {
    MutexLock lock(&mutex_);
    told.reserve(subscriptions_.size());
  }
  std::array<std::uint32_t, NSIG> counts = {};
  signalfd_siginfo record = {};
  while (read(signal_fd, &record, sizeof(record)) == sizeof(record)) {
    ++counts[record.ssi_signo];
  }
  {
    MutexLock lock(&mutex_);
    for (const Subscription& subscription : subscriptions_) {
      if (counts[static_cast<std::size_t>(subscription.signal)] > 0) {
        told.push_back(subscription);
      }
    }
  }
  for (const Subscription& subscription : told) {
    if (const auto listener = subscription.listener.lock()) {
      listener->Signalled(
          subscription.knote,
          counts[static_cast<std::size_t>(subscription.signal)]);
    }
  }
}

}  // namespace farpoll
