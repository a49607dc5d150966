#include "tests/bench/farpoll_peer.h"

#include <thread>

#include "absl/strings/str_cat.h"
#include "farpoll/v1/event.pb.h"

namespace farpoll {

FarpollPeer::FarpollPeer()
    : server_(OrDie(server::Server::Start(
          {.listen = {absl::StrCat("unix:", folder_.path(), "/s")}}))),
      client_(OrDie(Client::Connect(server_->addresses()[0]))),
      session_(OrDie(client_.CreateSession())),
      in_(OrDie(session_.Pass(pipe_.reader.get(), "in"))),
      selector_(OrDie(session_.CreateSelector(v1::SELECTOR_KIND_POLL, "s"))),
      channel_(ChannelTo(server_->addresses()[0])) {
  (void)OrDie(selector_.Register(in_, kIn));
}

v1::RegisterRequest FarpollPeer::RegisterRequest() const {
  v1::RegisterRequest request;
  request.set_session(session_id());
  request.mutable_selector()->set_name("s");
  v1::Interest* const item = request.add_items();
  item->mutable_handle()->set_name("in");
  item->set_events(v1::EVENT_BIT_IN);
  return request;
}

v1::WaitRequest FarpollPeer::OpenRequest(const std::string& selector,
                                         std::int32_t credits,
                                         std::int32_t max_events) const {
  v1::WaitRequest request;
  request.mutable_open()->set_session(session_id());
  request.mutable_open()->mutable_selector()->set_name(selector);
  request.mutable_open()->set_credits(credits);
  request.mutable_open()->set_max_events(max_events);
  return request;
}

void FarpollPeer::AwaitIdle(const std::string& selector) const {
  const auto stub = v1::SelectorService::NewStub(channel_);
  v1::GetSelectorRequest request;
  request.set_session(session_id());
  request.mutable_selector()->set_name(selector);
  for (;;) {
    grpc::ClientContext context;
    v1::GetSelectorResponse response;
    OrDie(stub->GetSelector(&context, request, &response));
    if (!response.selector().waiting()) {
      return;
    }
    std::this_thread::yield();
  }
}

}  // namespace farpoll
