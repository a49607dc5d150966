// tests/integration/gate_test.cc: room: tests. Who may call what, over every
// method of every service.
#include <grpcpp/grpcpp.h>
#include <unistd.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "farpoll/v1/passing.pb.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/policy/ip_range.h"
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
using server::Rules;
using server::Verb;

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

  const std::string& address() const { return server_->addresses().front(); }

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

// The verbs that `method` needs, as the protocol says.
std::vector<Verb> NeededBy(const MethodDescriptor& method) {
  std::vector<Verb> verbs;
  for (const std::string& name : VerbsOfMethod(method)) {
    const absl::StatusOr<Verb> verb = server::ParseVerb(name);
    EXPECT_THAT(verb, IsOk()) << PathOf(method);
    verbs.push_back(verb.value_or(Verb::kInspect));
  }
  return verbs;
}

TEST(GateTest, EveryMethodHasARule) {
  const Rules rules;
  for (const MethodDescriptor* method : AllMethods()) {
    EXPECT_FALSE(NeededBy(*method).empty()) << PathOf(*method);
    EXPECT_THAT(rules.VerbsOf(PathOf(*method)),
                testing::Pointee(NeededBy(*method)));
  }
  EXPECT_EQ(rules.VerbsOf("/farpoll.v1.HandleService/Reed"), nullptr);
  EXPECT_EQ(rules.VerbsOf("/other.v1.HandleService/Read"), nullptr);
}

// What every method needs is its verbs, and nothing but its verbs helps.
TEST(GateTest, AVerbOpensItsMethodsAndNoOther) {
  std::set<std::set<Verb>> grants;
  for (const MethodDescriptor* method : AllMethods()) {
    const std::vector<Verb> verbs = NeededBy(*method);
    grants.emplace(verbs.begin(), verbs.end());
    for (const Verb verb : verbs) {
      grants.insert({verb});
    }
  }
  for (const std::set<Verb>& granted : grants) {
    Grant grant{.name = "one", .to = {Grantee{.anyone = true}}};
    for (const Verb verb : granted) {
      grant.verbs.Add(verb);
    }
    Gated gated({.mode = Mode::kSystem, .no_basics = true, .grants = {grant}},
                kSomebody);
    for (const MethodDescriptor* method : AllMethods()) {
      const std::vector<Verb> needed = NeededBy(*method);
      const bool open =
          std::all_of(needed.begin(), needed.end(),
                      [&](Verb verb) { return granted.contains(verb); });
      EXPECT_NE(gated.Refuses(*method), open)
          << PathOf(*method) << " with " << granted.size() << " verbs from "
          << server::VerbName(*granted.begin()) << ": "
          << Describe(gated.Call(*method));
    }
  }
}

// Each verb is needed by something, or granting it would be an empty promise.
TEST(GateTest, EveryVerbBinds) {
  std::set<std::string> binding;
  for (const MethodDescriptor* method : AllMethods()) {
    for (const std::string& verb : VerbsOfMethod(*method)) {
      binding.insert(verb);
    }
  }
  for (const auto& [field, verbs] :
       VerbFieldsOf(*v1::PassingRequest::descriptor())) {
    binding.insert(verbs.begin(), verbs.end());
  }
  for (const Verb verb : server::kAllVerbs) {
    EXPECT_TRUE(binding.contains(std::string(server::VerbName(verb))))
        << server::VerbName(verb);
  }
}

// ---- Fields that take a verb of their own.

// Bytes out of a handle go to who may read, by whatever method they come.
TEST(GateTest, BytesComeWithTheVerbReadAlone) {
  for (const MethodDescriptor* method : AllMethods()) {
    const std::vector<Verb> verbs = NeededBy(*method);
    if (std::find(verbs.begin(), verbs.end(), Verb::kRead) == verbs.end()) {
      EXPECT_THAT(FreeBytesFieldsOf(*method->output_type()), testing::IsEmpty())
          << PathOf(*method);
    }
  }
}

// A request that sets a field of which the protocol says that it takes a verb;
// what became of it.
struct FieldRow {
  const char* name;
  const char* method;
  const char* field;
  std::function<v1::ErrorInfo(Peer& peer)> set;
};

const FieldRow kFieldRows[] = {
    {"RegisterForBytes", "/farpoll.v1.SelectorService/Register",
     "farpoll.v1.Interest.read_bytes",
     [](Peer& peer) {
       return InfoOf(peer.Call(&Selectors::Register,
                               "selector { name: 's' } items { handle { "
                               "name: 'new' } events: 1 read_bytes: 9 }")
                         .status);
     }},
    {"ModifyForBytes", "/farpoll.v1.SelectorService/Modify",
     "farpoll.v1.Interest.read_bytes",
     [](Peer& peer) {
       return InfoOf(peer.Call(&Selectors::Modify,
                               "selector { name: 's' } items { handle { "
                               "name: 'in' } events: 1 read_bytes: 9 }")
                         .status);
     }},
    {"WaitAndRegisterForBytes", "/farpoll.v1.SelectorService/Wait",
     "farpoll.v1.Interest.read_bytes",
     [](Peer& peer) {
       WaitStream wait(peer, "s");
       wait.Send(
           "changes { add { handle { name: 'new' } events: 1 read_bytes: 9 } }"
           "changes { modify { handle { name: 'in' } events: 1 read_bytes: 9 "
           "} }");
       const v1::WaitResponse response =
           wait.Read().value_or(v1::WaitResponse());
       if (response.change_results_size() != 2) {
         ADD_FAILURE() << "no answer: " << Describe(wait.Finish());
         return v1::ErrorInfo();
       }
       EXPECT_EQ(response.change_results(0).error().info().reason(),
                 response.change_results(1).error().info().reason());
       return response.change_results(0).error().info();
     }},
    {"WriteToSomebody", "/farpoll.v1.HandleService/Write",
     "farpoll.v1.WriteRequest.destination",
     [](Peer& peer) {
       return InfoOf(peer.Call(&Handles::Write,
                               "handle { name: 'out' } data: 'x' "
                               "destination: '127.0.0.1:9'")
                         .status);
     }},
    {"BindADatagramSocket", "/farpoll.v1.HandleService/CreateDatagramSocket",
     "farpoll.v1.CreateDatagramSocketRequest.local",
     [](Peer& peer) {
       return InfoOf(
           peer.Call(&Handles::CreateDatagramSocket, "local: '127.0.0.1:0'")
               .status);
     }},
    {"ConnectADatagramSocket", "/farpoll.v1.HandleService/CreateDatagramSocket",
     "farpoll.v1.CreateDatagramSocketRequest.peer", [](Peer& peer) {
       return InfoOf(
           peer.Call(&Handles::CreateDatagramSocket, "peer: '127.0.0.1:9'")
               .status);
     }}};

TEST(GateTest, EveryFieldThatTakesAVerbIsTested) {
  std::set<std::string> tested;
  for (const FieldRow& row : kFieldRows) {
    tested.insert(absl::StrCat(row.method, " ", row.field));
  }
  std::set<std::string> said;
  for (const MethodDescriptor* method : AllMethods()) {
    for (const auto& [field, verbs] : VerbFieldsOf(*method->input_type())) {
      said.insert(absl::StrCat(PathOf(*method), " ", field));
    }
  }
  EXPECT_EQ(tested, said);
}

// A server that grants every verb but `but`, and `peer` of it with the pipes
// "in", "out" and "new", "other", and "in" registered with "s".
class AllBut {
 public:
  explicit AllBut(absl::string_view but)
      : gated_({.mode = Mode::kSystem,
                .no_basics = true,
                .grants = {GrantAllBut(but)}},
               kSomebody),
        peer_(gated_.address()) {
    peer_.MakePipe("in", "out");
    peer_.MakePipe("new", "other");
    peer_.MakeSelector("s");
    peer_.Register("s", "in", kIn);
  }

  Peer& peer() { return peer_; }

 private:
  static Grant GrantAllBut(absl::string_view but) {
    const server::NetworkRule loopback{.range =
                                           *server::ParseIpRange("127.0.0.1")};
    Grant grant{.name = "most",
                .to = {Grantee{.anyone = true}},
                .connect = {loopback},
                .listen = {loopback}};
    for (const Verb verb : server::kAllVerbs) {
      if (server::VerbName(verb) != but) {
        grant.verbs.Add(verb);
      }
    }
    return grant;
  }

  Gated gated_;
  Peer peer_;
};

class FieldVerbTest : public testing::TestWithParam<FieldRow> {};

TEST_P(FieldVerbTest, IsNeededForTheField) {
  const FieldRow& row = GetParam();
  for (const MethodDescriptor* method : AllMethods()) {
    if (PathOf(*method) == row.method) {
      const auto fields = VerbFieldsOf(*method->input_type());
      for (const std::string& verb : fields.at(row.field)) {
        AllBut without(verb);
        const v1::ErrorInfo refused = row.set(without.peer());
        EXPECT_EQ(refused.reason(), "POLICY_VERB");
        EXPECT_EQ(refused.subject(), verb);
      }
    }
  }
  AllBut nothing("");
  EXPECT_NE(row.set(nothing.peer()).reason(), "POLICY_VERB");
}

INSTANTIATE_TEST_SUITE_P(Table, FieldVerbTest, testing::ValuesIn(kFieldRows),
                         [](const auto& info) {
                           return std::string(info.param.name);
                         });

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
      EXPECT_NE(gated.Refuses(*method), harmless.contains(name))
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
