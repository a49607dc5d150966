#include "selector/kqueue/signal_desk.h"

#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <utility>

#include "selector/kqueue/fork_guard.h"

namespace farpoll {

SignalDesk& SignalDesk::OfProcess() { return OfThisProcess<SignalDesk>(); }

void SignalDesk::Subscribe(std::weak_ptr<SignalListener> listener,
                           KnoteId knote, int signal) {
  const SignalListener* const identity = listener.lock().get();
  MutexLock lock(&mutex_);
  subscriptions_.push_back({.listener = std::move(listener),
                            .identity = identity,
                            .knote = knote,
                            .signal = signal});
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
