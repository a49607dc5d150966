// tests/server/rpc/inside_test.cc: room: tests. Who is taken for this process.
#include "server/rpc/inside.h"

#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>

#include "farpoll/v1/server.grpc.pb.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/accept/peers.h"
#include "server/policy/limits.h"
#include "server/policy/principal.h"
#include "server/rpc/calls.h"
#include "server/rpc/convert.h"
#include "server/rpc/gate.h"
#include "tests/server/authority/server_accounts.h"

namespace farpoll::server {
namespace {

// Answers with what the gate found.
class Probe final : public v1::ServerService::CallbackService {
 public:
  grpc::ServerUnaryReactor* GetServer(
      grpc::CallbackServerContext* context,
      const v1::GetServerRequest* /*request*/,
      v1::GetServerResponse* response) override {
    const absl::StatusOr<Principal>& caller = CallContext::CallerOf(context);
    if (caller.ok()) {
      response->set_version(caller->Key());
    }
    grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
    reactor->Finish(ToGrpc(caller.status()));
    return reactor;
  }
};

class InsideTest : public testing::Test {
 protected:
  InsideTest() {
    grpc::ServerBuilder builder;
    builder.RegisterService(&probe_);
    InstallGate(builder, &peers_, &accounts_.authority, &calls_, &inside_);
    server_ = builder.BuildAndStart();
  }

  // Whom a call over `channel` is taken for; "" when it is refused.
  static std::string CallerOver(const std::shared_ptr<grpc::Channel>& channel,
                                const std::string& stamp = "") {
    const auto stub = v1::ServerService::NewStub(channel);
    grpc::ClientContext context;
    if (!stamp.empty()) {
      context.AddMetadata("farpoll-inside-bin", stamp);
    }
    v1::GetServerResponse response;
    const grpc::Status status = stub->GetServer(&context, {}, &response);
    EXPECT_TRUE(status.ok() ||
                status.error_code() == grpc::StatusCode::UNAUTHENTICATED)
        << status.error_message();
    return response.version();
  }
  std::shared_ptr<grpc::Channel> Unstamped() {
    return server_->InProcessChannel(grpc::ChannelArguments());
  }

  ServerAccounts accounts_{Limits()};
  Peers peers_{&accounts_.accounts, IdentifyByKernel};
  Calls calls_{10};
  Inside inside_;
  Probe probe_;
  std::unique_ptr<grpc::Server> server_;
};

TEST_F(InsideTest, ACallOverItsChannelIsTheServersOwnUsers) {
  EXPECT_EQ(CallerOver(inside_.ChannelTo(*server_)),
            Principal::ThisProcess().Key());
}

// gRPC says "unknown" of each of these too.
TEST_F(InsideTest, WhoIsUnknownWithoutTheSecretIsNobody) {
  EXPECT_EQ(CallerOver(Unstamped()), "");
  EXPECT_EQ(CallerOver(Unstamped(), "x"), "");
  EXPECT_EQ(CallerOver(Unstamped(), std::string(16, 'x')), "");
  EXPECT_EQ(CallerOver(Inside().ChannelTo(*server_)), "");
}

}  // namespace
}  // namespace farpoll::server
