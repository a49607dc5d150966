#include "tests/bench/bare_service.h"

#include <chrono>
#include <thread>

namespace farpoll {
namespace {

grpc::ServerUnaryReactor* Done(grpc::CallbackServerContext* context) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  reactor->Finish(grpc::Status::OK);
  return reactor;
}

template <class Response>
void AddEvent(Response* response) {
  v1::Event* const event = response->add_events();
  event->set_handle_id(1);
  event->set_events(v1::EVENT_BIT_IN);
  event->set_generation(1);
  response->set_sampled_at_ns(1'000'000'000'000);
}

}  // namespace

class BareService::Stream final
    : public grpc::ServerBidiReactor<v1::WaitRequest, v1::WaitResponse> {
 public:
  explicit Stream(BareService* service) : service_(service) {
    response_.set_epoch(1'700'000'000'000'000);
    response_.set_sequence(1);
    AddEvent(&response_);
    StartRead(&request_);
  }

  void Push() {
    while (writing_.exchange(true)) {  // the last one is on its way
      std::this_thread::yield();
    }
    StartWrite(&response_);
  }

  void OnWriteDone(bool /*ok*/) override { writing_ = false; }

  void OnReadDone(bool ok) override {
    if (ok) {
      StartRead(&request_);
      service_->stream_ = this;
    } else {
      service_->stream_ = nullptr;
      Finish(grpc::Status::OK);
    }
  }
  void OnDone() override { delete this; }

 private:
  BareService* const service_;
  v1::WaitRequest request_;
  v1::WaitResponse response_;
  std::atomic<bool> writing_{false};
};

grpc::ServerUnaryReactor* BareService::Register(
    grpc::CallbackServerContext* context,
    const v1::RegisterRequest* /*request*/, v1::RegisterResponse* response) {
  v1::ChangeResult* const result = response->add_results();
  result->set_handle_id(1);
  result->set_generation(1);
  return Done(context);
}

grpc::ServerUnaryReactor* BareService::Poll(
    grpc::CallbackServerContext* context, const v1::PollRequest* /*request*/,
    v1::PollResponse* response) {
  AddEvent(response);
  return Done(context);
}

grpc::ServerUnaryReactor* BareService::Select(
    grpc::CallbackServerContext* context, const v1::SelectRequest* /*request*/,
    v1::SelectResponse* response) {
  response->add_read(0);
  return Done(context);
}

grpc::ServerBidiReactor<v1::WaitRequest, v1::WaitResponse>* BareService::Wait(
    grpc::CallbackServerContext* /*context*/) {
  return new Stream(this);
}

void BareService::Push() { stream_.load()->Push(); }

BareServer::BareServer() {
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(),
                           &port_);
  builder.RegisterService(&service_);
  server_ = builder.BuildAndStart();
}

BareServer::~BareServer() {
  server_->Shutdown(std::chrono::system_clock::now());
}

std::string BareServer::address() const {
  return "127.0.0.1:" + std::to_string(port_);
}

}  // namespace farpoll
