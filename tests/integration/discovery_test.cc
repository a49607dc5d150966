// tests/integration/discovery_test.cc: room: tests. What a client can learn of
// a server it knows nothing of: GetServer, health, reflection.
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "base/version.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/policy/limits.h"
#include "tests/integration/peer.h"
#include "tests/integration/server_fixture.h"

namespace farpoll {
namespace {

using testing::ElementsAre;

class Discovery : public ServerTest {};

INSTANTIATE_SERVER_TESTS(Discovery);

TEST_P(Discovery, TheServerSaysWhatItIs) {
  const auto info = peer().Must(&ServerInfo::GetServer, "");

  EXPECT_EQ(info.version(), kVersion);
  EXPECT_EQ(info.api(), "v1");
  EXPECT_GT(info.epoch(), 0);
  EXPECT_EQ(info.pipe_buf(), 4096);
  // All that the proto knows, in its order.
  ASSERT_EQ(info.handle_kinds_size(),
            v1::HandleKind_descriptor()->value_count() - 1);
  for (int i = 0; i < info.handle_kinds_size(); ++i) {
    EXPECT_EQ(info.handle_kinds(i), i + 1);
  }
  ASSERT_EQ(info.selector_kinds_size(),
            v1::SelectorKind_descriptor()->value_count() - 1);
  for (int i = 0; i < info.selector_kinds_size(); ++i) {
    EXPECT_EQ(info.selector_kinds(i), i + 1);
    EXPECT_THAT(
        peer().Call(&Selectors::CreateSelector, absl::StrCat("kind: ", i + 1)),
        Succeeds());
  }
  EXPECT_EQ(info.limits_size(), static_cast<int>(server::LimitFields().size()));
  for (const v1::Limit& limit : info.limits()) {
    // 0 is a limit that is off, and only those below may be.
    const bool may_be_off = limit.name() == "max_connection_age_ms";
    EXPECT_GE(limit.value(), may_be_off ? 0 : 1) << limit.name();
    EXPECT_FALSE(limit.description().empty()) << limit.name();
  }
  EXPECT_GT(info.monotonic_now_ns(), 0);
  EXPECT_GT(info.wall_now().seconds(), 0);
  EXPECT_EQ(info.sessions(), 1);
  EXPECT_EQ(info.handles(), 0);
}

// A unary call by its path, with a message of no more than a string: enough for
// services whose stubs Debian does not ship.
grpc::Status CallRaw(const std::string& address, const std::string& path,
                     const std::string& request, std::string* response) {
  const auto channel =
      grpc::CreateChannel(address, grpc::InsecureChannelCredentials());
  grpc::GenericStub stub(channel);
  grpc::ClientContext context;
  grpc::CompletionQueue queue;
  const grpc::Slice slice(request);
  const grpc::ByteBuffer bytes(&slice, 1);
  const auto call = stub.PrepareUnaryCall(&context, path, bytes, &queue);
  call->StartCall();
  grpc::ByteBuffer answer;
  grpc::Status status;
  call->Finish(&answer, &status, nullptr);
  void* tag = nullptr;
  bool ok = false;
  queue.Next(&tag, &ok);
  grpc::Slice whole;
  if (status.ok() && answer.DumpToSingleSlice(&whole).ok()) {
    response->assign(reinterpret_cast<const char*>(whole.begin()),
                     whole.size());
  }
  return status;
}

TEST_P(Discovery, HealthIsServed) {
  std::string response;

  EXPECT_THAT(CallRaw(address(), "/grpc.health.v1.Health/Check", "", &response),
              Succeeds());

  EXPECT_EQ(response, "\x08\x01");  // status: SERVING
}

TEST_P(Discovery, ReflectionNamesEveryService) {
  const auto channel =
      grpc::CreateChannel(address(), grpc::InsecureChannelCredentials());
  grpc::GenericStub stub(channel);
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(absl::Now() + kPatience));
  grpc::CompletionQueue queue;
  void* tag = nullptr;
  bool ok = false;
  const auto call = stub.PrepareCall(
      &context,
      "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", &queue);
  call->StartCall(nullptr);
  ASSERT_TRUE(queue.Next(&tag, &ok) && ok);
  const grpc::Slice list_services(std::string("\x3a\x00", 2));  // field 7: ""
  call->Write(grpc::ByteBuffer(&list_services, 1), nullptr);
  ASSERT_TRUE(queue.Next(&tag, &ok) && ok);
  grpc::ByteBuffer answer;
  call->Read(&answer, nullptr);
  ASSERT_TRUE(queue.Next(&tag, &ok) && ok);
  grpc::Slice whole;
  ASSERT_TRUE(answer.DumpToSingleSlice(&whole).ok());
  const std::string names(reinterpret_cast<const char*>(whole.begin()),
                          whole.size());

  for (const char* const service :
       {"SessionService", "HandleService", "SelectorService", "ObserverService",
        "ServerService"}) {
    EXPECT_THAT(names,
                testing::HasSubstr(absl::StrCat("farpoll.v1.", service)));
  }
  context.TryCancel();
  grpc::Status status;
  call->Finish(&status, nullptr);
  queue.Next(&tag, &ok);
}

}  // namespace
}  // namespace farpoll
