#include "server/heartbeat.h"

#include <utility>

#include "absl/time/time.h"

namespace farpoll::server {
namespace {

constexpr absl::Duration kInterval = absl::Milliseconds(400);

}  // namespace

Heartbeat::Heartbeat(Reactor* reactor, const Clock* clock,
                     std::shared_ptr<grpc::Channel> channel)
    : reactor_(reactor),
      clock_(clock),
      stub_(v1::ServerService::NewStub(std::move(channel))) {
  MutexLock lock(&mu_);
  Schedule();
}

void Heartbeat::Schedule() {
  timer_ = reactor_->RunAt(DeadlineAfter(clock_->Now(), kInterval),
                           [this] { Send(); });
}

void Heartbeat::Send() {
  Beat* beat = nullptr;
  {
    MutexLock lock(&mu_);
    if (stopped_) {
      return;
    }
    Schedule();
    if (beat_ != nullptr) {
      return;  // the last one is still on its way
    }
    beat_ = std::make_unique<Beat>();
    beat = beat_.get();
  }
  stub_->async()->GetServer(&beat->context, &beat->request, &beat->response,
                            [this](const grpc::Status& /*status*/) {
                              MutexLock lock(&mu_);
                              beat_.reset();
                              idle_.SignalAll();
                            });
}

void Heartbeat::Stop() {
  MutexLock lock(&mu_);
  stopped_ = true;
  reactor_->Cancel(timer_);
  while (beat_ != nullptr) {
    idle_.Wait(&mu_);
  }
}

}  // namespace farpoll::server
