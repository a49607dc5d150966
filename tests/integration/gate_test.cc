// tests/integration/gate_test.cc: room: tests. Who may call what, over every
// method of every service.
#include <grpcpp/grpcpp.h>
#include <unistd.h>

#include <memory>
#include <set>
#include <string>
#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/policy/policy.h"
#include "server/policy/verb.h"
#include "server/rpc/rules.h"
#include "server/server.h"
#include "tests/integration/any_call.h"
#include "tests/integration/peer.h"
#include "tests/support/fd_fixtures.h"
#include "tests/support/status_matchers.h"

namespace farpoll {
namespace {

using google::protobuf::MethodDescriptor;
using server::Grant;
using server::Grantee;
using server::Mode;
using server::Policy;
using server::PolicySpec;
using server::Principal;
using server::Verb;
using server::VerbOf;

constexpr uid_t kSomebody = 12345;

// A server under some policy, and a client that it takes for `user`.
class Gated {
 public:
  Gated(PolicySpec spec, uid_t user) {
    auto server = server::Server::Start(
        {.listen = {"unix:" + folder_.path() + "/s"},
         .policy = std::make_shared<Policy>(std::move(spec)),
         .identify = [user](int) { return Principal::Local(user, user, 1); }});
    EXPECT_THAT(server, IsOk());
    server_ = *std::move(server);
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    channel_ = grpc::CreateCustomChannel(server_->addresses().front(),
                                         grpc::InsecureChannelCredentials(),
                                         arguments);
  }

  grpc::Status Call(const MethodDescriptor& method) {
    return CallAny(channel_, method, "none");
  }

  // Whether the gate refused the call, before its handler looked at anything.
  bool Refuses(const MethodDescriptor& method) {
    const grpc::Status status = Call(method);
    return status.error_code() == grpc::PERMISSION_DENIED &&
           InfoOf(status).reason() == "POLICY_VERB";
  }

 private:
  TemporaryFolder folder_;
  std::unique_ptr<server::Server> server_;
  std::shared_ptr<grpc::Channel> channel_;
};

TEST(GateTest, EveryMethodHasARule) {
  for (const MethodDescriptor* method : AllMethods()) {
    EXPECT_TRUE(VerbOf(PathOf(*method)).has_value()) << PathOf(*method);
  }
  EXPECT_FALSE(VerbOf("/farpoll.v1.HandleService/Reed").has_value());
  EXPECT_FALSE(VerbOf("/other.v1.HandleService/Read").has_value());
}

// What every method needs is its verb, and nothing but its verb helps.
TEST(GateTest, AVerbOpensItsMethodsAndNoOther) {
  std::set<Verb> verbs;
  for (const MethodDescriptor* method : AllMethods()) {
    verbs.insert(*VerbOf(PathOf(*method)));
  }
  for (const Verb verb : verbs) {
    PolicySpec spec{.mode = Mode::kSystem, .no_basics = true};
    spec.grants.push_back(
        Grant{.name = "one", .to = {Grantee{.anyone = true}}, .verbs = {verb}});
    Gated gated(std::move(spec), kSomebody);
    for (const MethodDescriptor* method : AllMethods()) {
      EXPECT_EQ(gated.Refuses(*method), VerbOf(PathOf(*method)) != verb)
          << PathOf(*method) << " with " << server::VerbName(verb) << ": "
          << Describe(gated.Call(*method));
    }
  }
}

// The door of a private server is closed to everybody else.
TEST(GateTest, APrivateServerIsForItsOwnUser) {
  const PolicySpec spec{.mode = Mode::kPrivate, .own_uid = geteuid()};
  Gated own(spec, geteuid());
  Gated foreign(spec, geteuid() + 1);

  for (const MethodDescriptor* method : AllMethods()) {
    EXPECT_FALSE(own.Refuses(*method)) << PathOf(*method);
    EXPECT_TRUE(foreign.Refuses(*method)) << PathOf(*method);
  }
}

// What a system server lets everybody do without a policy file. It makes,
// reads, writes and watches things inside the server: nothing here may start a
// process, open a file or reach the network.
constexpr const char* kHarmless[] = {
    "SessionService.CreateSession",
    "SessionService.GetSession",
    "SessionService.ListSessions",
    "SessionService.KeepAlive",
    "SessionService.DeleteSession",
    "HandleService.CreatePipe",
    "HandleService.CreateSocketPair",
    "HandleService.CreateTimer",
    "HandleService.CreateCounter",
    "HandleService.Read",
    "HandleService.Write",
    "HandleService.Shutdown",
    "HandleService.Transfer",
    "HandleService.GetHandle",
    "HandleService.ListHandles",
    "HandleService.Close",
    "SelectorService.CreateSelector",
    "SelectorService.GetSelector",
    "SelectorService.ListSelectors",
    "SelectorService.CloseSelector",
    "SelectorService.Register",
    "SelectorService.Modify",
    "SelectorService.Unregister",
    "SelectorService.ListRegistrations",
    "SelectorService.GetRegistration",
    "SelectorService.Poll",
    "SelectorService.Select",
    "SelectorService.Wait",
    "SelectorService.Control",
    "ObserverService.Observe",
    "ServerService.GetServer",
};

TEST(GateTest, ASystemServerWithoutAPolicyReachesNothingOutside) {
  const PolicySpec spec{.mode = Mode::kSystem, .own_uid = geteuid()};
  const std::set<std::string> harmless(std::begin(kHarmless),
                                       std::end(kHarmless));
  for (const uid_t user : {kSomebody, geteuid()}) {
    Gated gated(spec, user);
    for (const MethodDescriptor* method : AllMethods()) {
      const std::string name = method->service()->name() + "." + method->name();
      const bool admin = *VerbOf(PathOf(*method)) == Verb::kAdmin;
      EXPECT_EQ(gated.Refuses(*method),
                !harmless.contains(name) && !(admin && user == geteuid()))
          << name << " for user " << user;
    }
  }
}

TEST(GateTest, ARefusalSaysWhatIsMissing) {
  Gated gated(PolicySpec{.mode = Mode::kSystem, .no_basics = true}, kSomebody);

  for (const MethodDescriptor* method : AllMethods()) {
    if (PathOf(*method) == "/farpoll.v1.HandleService/Write") {
      const grpc::Status status = gated.Call(*method);
      EXPECT_THAT(status,
                  Fails(grpc::PERMISSION_DENIED, "EACCES", "POLICY_VERB"));
      EXPECT_EQ(InfoOf(status).subject(), "write");
      EXPECT_THAT(status.error_message(), testing::HasSubstr("uid:12345"));
    }
  }
}

}  // namespace
}  // namespace farpoll
