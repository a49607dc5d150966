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
void AddEvent(Response* response, std::int64_t handle_id = 1) {
  v1::Event* const event = response->add_events();
  event->set_handle_id(handle_id);
  event->set_events(v1::EVENT_BIT_IN);
  event->set_generation(handle_id);
  event->set_readiness_generation(handle_id);
  response->set_sampled_at_ns(1'000'000'000'000);
}

}  // namespace

// A Wait. Its opening says what to send: with one credit an event for each
// Push(), with more as much as the client takes, max_events to a message. The
// first of its changes says how many bytes each event brings.
class BareService::Stream final
    : public grpc::ServerBidiReactor<v1::WaitRequest, v1::WaitResponse> {
 public:
  explicit Stream(BareService* service) : service_(service) {
    response_.set_epoch(1'700'000'000'000'000);
    StartRead(&request_);
  }

  // Sends the next message, with `bytes` if there are some; false while the
  // last one is on its way.
  bool Send(const std::string& bytes = "") {
    const std::lock_guard lock(mutex_);
    if (writing_ || ended_) {
      return ended_;
    }
    if (!bytes.empty()) {
      response_.mutable_events(0)->mutable_data()->set_data(bytes);
    }
    writing_ = true;
    response_.set_sequence(response_.sequence() + 1);
    StartWrite(&response_);
    return true;
  }

  void OnWriteDone(bool ok) override {
    bool ended = false;
    {
      const std::lock_guard lock(mutex_);
      writing_ = false;
      ended = ended_;
    }
    if (ended) {
      Finish(grpc::Status::OK);
    } else if (floods_ && ok) {
      Send();
    }
  }

  void OnReadDone(bool ok) override {
    if (!ok) {
      End();
      return;
    }
    const bool first = response_.events().empty();
    if (first) {
      Begin();
    }
    StartRead(&request_);
    if (first && floods_) {
      Send();
    }
  }
  void OnDone() override { delete this; }

 private:
  void Begin() {
    floods_ = request_.open().credits() > 1;
    for (int i = 0; i == 0 || i < request_.open().max_events(); ++i) {
      AddEvent(&response_, floods_ ? 1000 + i : 1);
      if (request_.changes_size() != 0) {
        response_.mutable_events(i)->mutable_data()->set_data(std::string(
            static_cast<std::size_t>(request_.changes(0).add().read_bytes()),
            'x'));
      }
    }
    StartSendInitialMetadata();
    service_->Add(this);
  }
  void End() {
    service_->Remove(this);
    {
      const std::lock_guard lock(mutex_);
      ended_ = true;
      if (writing_) {
        return;  // OnWriteDone() finishes
      }
    }
    Finish(grpc::Status::OK);
  }

  BareService* const service_;
  v1::WaitRequest request_;
  v1::WaitResponse response_;
  bool floods_ = false;
  std::mutex mutex_;
  bool writing_ = false;
  bool ended_ = false;
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

void BareService::Push(const std::string& bytes) {
  const std::lock_guard lock(mutex_);
  for (Stream* const stream : streams_) {
    while (!stream->Send(bytes)) {
      std::this_thread::yield();
    }
  }
}

bool BareService::streaming() {
  const std::lock_guard lock(mutex_);
  return !streams_.empty();
}

void BareService::Add(Stream* stream) {
  const std::lock_guard lock(mutex_);
  streams_.insert(stream);
}

void BareService::Remove(Stream* stream) {
  const std::lock_guard lock(mutex_);
  streams_.erase(stream);
}

BareServer::BareServer() {
  grpc::ServerBuilder builder;
  builder.AddListeningPort(address(), grpc::InsecureServerCredentials());
  builder.RegisterService(&service_);
  server_ = builder.BuildAndStart();
}

BareServer::~BareServer() {
  server_->Shutdown(std::chrono::system_clock::now());
}

std::string BareServer::address() const {
  return "unix:" + folder_.path() + "/bare";
}

}  // namespace farpoll
