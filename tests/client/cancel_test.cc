// tests/client/cancel_test.cc: room: tests. Cancelling a client while the
// server makes something for it.
#include <grpcpp/grpcpp.h>

#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "client/client.h"
#include "farpoll/v1/selector.grpc.pb.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temporary_folder.h"

namespace farpoll {
namespace {

using testing::ElementsAre;

// Makes selector 7, not before it is told to, and notes what is closed.
class SlowSelectors : public v1::SelectorService::Service {
 public:
  grpc::Status CreateSelector(grpc::ServerContext* /*context*/,
                              const v1::CreateSelectorRequest* /*request*/,
                              v1::CreateSelectorResponse* response) override {
    making_.set_value();
    made_.get_future().wait();
    response->mutable_selector()->set_id(7);
    return grpc::Status::OK;
  }
  grpc::Status CloseSelector(grpc::ServerContext* /*context*/,
                             const v1::CloseSelectorRequest* request,
                             v1::CloseSelectorResponse* /*response*/) override {
    closed_.push_back(request->selector().id());
    return grpc::Status::OK;
  }

  std::promise<void> making_;
  std::promise<void> made_;
  std::vector<std::int64_t> closed_;  // one call at a time
};

TEST(CancelTest, WhatIsBeingMadeIsClosedAndNotForgotten) {
  const TemporaryFolder folder;
  const std::string address = "unix:" + folder.path() + "/s";
  SlowSelectors selectors;
  const std::unique_ptr<grpc::Server> server =
      grpc::ServerBuilder()
          .AddListeningPort(address, grpc::InsecureServerCredentials())
          .RegisterService(&selectors)
          .BuildAndStart();
  Client client = *Client::Connect(address);
  std::thread maker([&] {
    absl::StatusOr<Selector> selector =
        client.AttachSession("s").CreateSelector(v1::SELECTOR_KIND_POLL);
    EXPECT_THAT(selector, IsOk());
  });
  selectors.making_.get_future().wait();

  client.Cancel();
  selectors.made_.set_value();
  maker.join();

  EXPECT_THAT(selectors.closed_, ElementsAre(7));
  EXPECT_THAT(client.AttachSession("s").CreateSelector(v1::SELECTOR_KIND_POLL),
              StatusIs(absl::StatusCode::kCancelled));
}

}  // namespace
}  // namespace farpoll
