#include "client/wait_loop.h"

#include <pthread.h>

#include <utility>
#include <vector>

#include "client/async_wait.h"

namespace farpoll::client {

WaitLoop::Core::Core() : thread_([this] { Run(); }) {}

WaitLoop::Core::~Core() {
  std::vector<std::shared_ptr<AsyncWait::State>> waits;
  {
    MutexLock lock(&mutex_);
    waits.assign(waits_.begin(), waits_.end());
  }
  for (const auto& wait : waits) {
    wait->Cancel();
  }
  {
    MutexLock lock(&mutex_);
    while (!waits_.empty()) {
      removed_.Wait(&mutex_);
    }
  }
  queue_.Shutdown();
  thread_.join();
}

void WaitLoop::Core::Add(std::shared_ptr<AsyncWait::State> wait) {
  MutexLock lock(&mutex_);
  waits_.insert(std::move(wait));
}

void WaitLoop::Core::Remove(const std::shared_ptr<AsyncWait::State>& wait) {
  MutexLock lock(&mutex_);
  waits_.erase(wait);
  removed_.SignalAll();
}

void WaitLoop::Core::Run() {
  pthread_setname_np(pthread_self(), "farpoll-waits");
  void* tag = nullptr;
  bool ok = false;
  while (queue_.Next(&tag, &ok)) {
    const auto* const step = static_cast<AsyncWait::State::Step*>(tag);
    // The step may be the last of its wait.
    const std::shared_ptr<AsyncWait::State> wait =
        step->wait->shared_from_this();
    wait->OnStep(step->kind, ok);
  }
}

WaitLoop::WaitLoop() : core_(std::make_unique<Core>()) {}
WaitLoop::~WaitLoop() = default;

}  // namespace farpoll::client
