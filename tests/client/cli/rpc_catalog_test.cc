#include "client/cli/rpc_catalog.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "client/cli/failure.h"
#include "client/cli/rpc_field.h"

namespace farpoll::cli {
namespace {

using ::google::protobuf::Message;
using ::google::protobuf::MethodDescriptor;
using ::google::protobuf::ServiceDescriptor;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsSupersetOf;

class RpcCatalogTest : public testing::Test {
 protected:
  std::unique_ptr<Message> Request(const char* service, const char* method) {
    return catalog_.NewMessage(
        catalog_.FindService(service)->FindMethodByName(method)->input_type());
  }

  RpcCatalog catalog_;
};

TEST_F(RpcCatalogTest, KnowsAllServices) {
  std::vector<std::string> names;
  for (const ServiceDescriptor* service : catalog_.services()) {
    names.push_back(service->name());
  }

  EXPECT_THAT(
      names, IsSupersetOf({"SessionService", "HandleService", "SelectorService",
                           "ObserverService", "ServerService"}));
}

TEST_F(RpcCatalogTest, FindsByShortAndFullName) {
  EXPECT_NE(catalog_.FindService("HandleService"), nullptr);
  EXPECT_EQ(catalog_.FindService("farpoll.v1.HandleService"),
            catalog_.FindService("HandleService"));
  EXPECT_EQ(catalog_.FindService("NoService"), nullptr);
}

TEST_F(RpcCatalogTest, KeepsComments) {
  const MethodDescriptor* read =
      catalog_.FindService("HandleService")->FindMethodByName("Read");

  EXPECT_EQ(FirstSentence(CommentOf(read)),
            "Takes what is there to read, up to `max_bytes`");
  EXPECT_EQ(PathOf(*read), "/farpoll.v1.HandleService/Read");
}

TEST_F(RpcCatalogTest, ListsFlagsOfNestedFields) {
  const auto request = Request("SelectorService", "Wait");

  EXPECT_THAT(FieldFlagsOf(*request->GetDescriptor()),
              IsSupersetOf({Field(&FieldFlag::flag, "--open.selector.name"),
                            Field(&FieldFlag::flag, "--open.timeout"),
                            Field(&FieldFlag::flag, "--grant.credits")}));
}

TEST_F(RpcCatalogTest, EnumsShowShortNames) {
  const auto request = Request("SelectorService", "CreateSelector");

  EXPECT_THAT(
      EnumShortNames(
          *request->GetDescriptor()->FindFieldByName("kind")->enum_type()),
      ElementsAre("poll", "select", "kqueue", "default"));
}

struct FlagRow {
  const char* name;
  const char* service;
  const char* method;
  std::vector<std::string> words;
  const char* text;  // ShortDebugString of the request
};
class FlagTest : public RpcCatalogTest,
                 public testing::WithParamInterface<FlagRow> {};

TEST_P(FlagTest, SetsFields) {
  const auto request = Request(GetParam().service, GetParam().method);

  const absl::Status status = ApplyFlags(GetParam().words, *request);

  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(request->ShortDebugString(), GetParam().text);
}

INSTANTIATE_TEST_SUITE_P(
    Table, FlagTest,
    testing::Values(FlagRow{"Nested",
                            "HandleService",
                            "Read",
                            {"--handle.name", "in", "--max_bytes=64"},
                            R"(handle { name: "in" } max_bytes: 64)"},
                    FlagRow{"Bytes",
                            "HandleService",
                            "Write",
                            {"--data", "a b"},
                            R"(data: "a b")"},
                    FlagRow{"EnumShort",
                            "SelectorService",
                            "CreateSelector",
                            {"--kind", "poll"},
                            "kind: SELECTOR_KIND_POLL"},
                    FlagRow{"EnumFull",
                            "SelectorService",
                            "CreateSelector",
                            {"--kind", "SELECTOR_KIND_SELECT"},
                            "kind: SELECTOR_KIND_SELECT"},
                    FlagRow{"Duration",
                            "SelectorService",
                            "Poll",
                            {"--timeout", "1250ms"},
                            "timeout { seconds: 1 nanos: 250000000 }"},
                    FlagRow{"NegativeDuration",
                            "SelectorService",
                            "Poll",
                            {"--timeout", "-1s"},
                            "timeout { seconds: -1 }"},
                    FlagRow{"Bool",
                            "SelectorService",
                            "Poll",
                            {"--with_names", "true"},
                            "with_names: true"},
                    FlagRow{"RepeatedStartsTheNextItem",
                            "SelectorService",
                            "Register",
                            {"--items.handle.name", "a", "--items.events", "1",
                             "--items.handle.name", "b"},
                            R"(items { handle { name: "a" } events: 1 } )"
                            R"(items { handle { name: "b" } })"},
                    FlagRow{
                        "MessageAsJson",
                        "SelectorService",
                        "Unregister",
                        {"--handles", R"({"id":"7"})", "--handles.name", "b"},
                        R"(handles { id: 7 } handles { name: "b" })"}),
    [](const testing::TestParamInfo<FlagRow>& info) {
      return std::string(info.param.name);
    });

TEST_F(RpcCatalogTest, BadFlagsAreNamed) {
  const auto request = Request("HandleService", "Read");
  const auto message = [&](const std::vector<std::string>& words) {
    const absl::Status status = ApplyFlags(words, *request);
    EXPECT_TRUE(IsUsage(status)) << status;
    return std::string(status.message());
  };

  EXPECT_THAT(message({"--handel.name", "x"}), HasSubstr("'handel'"));
  EXPECT_THAT(message({"--max_bytes", "x"}), HasSubstr("32-bit number"));
  EXPECT_THAT(message({"--max_bytes"}), HasSubstr("needs a value"));
  EXPECT_THAT(message({"stray"}), HasSubstr("'stray'"));
  EXPECT_THAT(message({"--session.x", "1"}), HasSubstr("has no fields"));
}

TEST_F(RpcCatalogTest, BadJsonIsRefused) {
  const auto request = Request("HandleService", "Read");

  EXPECT_TRUE(IsUsage(ApplyJson("{", *request)));
  EXPECT_TRUE(IsUsage(ApplyJson(R"({"nope":1})", *request)));
  EXPECT_TRUE(ApplyJson(R"({"maxBytes":3})", *request).ok());
}

TEST_F(RpcCatalogTest, SessionIsFilledWhereItLacks) {
  const auto read = Request("HandleService", "Read");
  const auto wait = Request("SelectorService", "Wait");
  ASSERT_TRUE(ApplyFlags({"--open.credits", "1"}, *wait).ok());
  const auto server = Request("ServerService", "GetServer");

  EXPECT_TRUE(LacksSession(*read));
  EXPECT_TRUE(LacksSession(*wait));
  EXPECT_FALSE(LacksSession(*server));
  FillSession("s", *wait);

  EXPECT_EQ(wait->ShortDebugString(), R"(open { session: "s" credits: 1 })");
}

TEST_F(RpcCatalogTest, OffersNames) {
  EXPECT_THAT(RpcCandidates("SERVICE", {}),
              Contains(Field(&Candidate::text, "HandleService")));
  EXPECT_THAT(RpcCandidates("METHOD", {"HandleService"}),
              Contains(Field(&Candidate::text, "Read")));
  EXPECT_THAT(RpcCandidates("FIELD", {"HandleService", "Read"}),
              Contains(Field(&Candidate::text, "--max_bytes")));
  EXPECT_TRUE(RpcCandidates("METHOD", {"NoService"}).empty());
}

}  // namespace
}  // namespace farpoll::cli
