// tests/server/policy/config_test.cc: room: tests. Configuration files, good
// and bad, by table.
#include "server/policy/config.h"

#include <sys/resource.h>

#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace farpoll::server {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

absl::StatusOr<PolicySpec> Read(absl::string_view text, uid_t own_uid = 500) {
  return ParseConfig(text, "f.cfg", own_uid);
}

// ---- Good ones.

TEST(ConfigTest, AnEmptyFileIsAPrivateServer) {
  const auto spec = Read("");

  ASSERT_THAT(spec, IsOk());
  EXPECT_EQ(spec->mode, Mode::kPrivate);
  EXPECT_EQ(spec->own_uid, 500u);
  EXPECT_FALSE(spec->no_basics);
  EXPECT_TRUE(spec->grants.empty());
  EXPECT_FALSE(spec->inherited.has_value());
}

TEST(ConfigTest, EverythingIsRead) {
  const auto spec = Read(R"pb(
                           # A comment.
                           mode: "system"
                           no_basics: true
                           spawn_template {
                             name: "tail"
                             program: "/usr/bin/tail"
                             argument: "-f"
                             argument: "/var/log/*"
                             extra_arguments: true
                             extra_pattern: "--*"
                             allow_environment: "TZ"
                             environment { name: "HOME" value: "/" }
                             working_directory: "/var/log"
                             limit { name: "nofile" soft: 64 hard: 128 }
                             limit { name: "core" hard: 0 }
                             uid: 33
                             gid: 34
                           }
                           grant {
                             name: "ops"
                             to { uid: 1000 }
                             to { gid: 27 }
                             to { anonymous_tcp: true }
                             to { anyone: true }
                             verb: "create.pipe"
                             verb: [ "spawn", "connect", "listen", "open" ]
                             free_argv: true
                             spawn_template: "tail"
                             connect {
                               range: "10.0.0.0/8"
                               ports { first: 443 }
                               ports { first: 1 last: 9 }
                             }
                             listen { range: "::1" }
                             unix_socket { directory: "/run/app" }
                             unix_socket { abstract_prefix: "app" }
                             root { path: "/srv" write: true }
                             quota { limit: "max_session_handles" most: 10 }
                           }
                           inherited { name: "sockets" owner_uid: 7 }
                         )pb",
                         0);

  ASSERT_THAT(spec, IsOk());
  EXPECT_EQ(spec->mode, Mode::kSystem);
  EXPECT_TRUE(spec->no_basics);
  ASSERT_EQ(spec->templates.size(), 1u);
  const SpawnTemplate& tail = spec->templates[0];
  EXPECT_EQ(tail.program, "/usr/bin/tail");
  EXPECT_THAT(tail.arguments, ElementsAre("-f", "/var/log/*"));
  EXPECT_EQ(tail.extra_pattern, "--*");
  EXPECT_THAT(tail.limits, ElementsAre(ResourceLimit{RLIMIT_NOFILE, 64, 128},
                                       ResourceLimit{RLIMIT_CORE, 0, 0}));
  EXPECT_EQ(tail.uid, 33u);
  ASSERT_EQ(spec->grants.size(), 1u);
  const Grant& ops = spec->grants[0];
  EXPECT_EQ(ops.to.size(), 4u);
  EXPECT_TRUE(ops.verbs.Has(Verb::kCreatePipe) && ops.verbs.Has(Verb::kOpen));
  EXPECT_FALSE(ops.verbs.Has(Verb::kPass));
  EXPECT_EQ(ops.connect[0].range.Text(), "10.0.0.0/8");
  EXPECT_THAT(ops.connect[0].ports,
              ElementsAre(std::make_pair(443, 443), std::make_pair(1, 9)));
  EXPECT_TRUE(ops.roots[0].write);
  EXPECT_EQ(ops.quotas[0].second, 10);
  EXPECT_EQ(spec->inherited->name, "sockets");
  EXPECT_EQ(spec->inherited->owner, 7u);
}

TEST(ConfigTest, TheExampleIsGood) {
  std::ifstream file(std::getenv("EXAMPLE_CONFIG"));
  std::stringstream text;
  text << file.rdbuf();

  const auto spec = Read(text.str());

  ASSERT_THAT(spec, IsOk());
  EXPECT_EQ(spec->templates.size(), 2u);
  EXPECT_EQ(spec->grants.size(), 3u);
  EXPECT_EQ(spec->inherited->name, "sockets");
}

// ---- Bad ones: where, and what was expected.

struct BadRow {
  const char* name;
  const char* text;
  const char* said;  // the message begins so
};

class BadConfigTest : public testing::TestWithParam<BadRow> {};

TEST_P(BadConfigTest, SaysWhereAndWhatWasExpected) {
  const auto spec = Read(GetParam().text);

  EXPECT_THAT(spec, HasErrno(EINVAL));
  EXPECT_EQ(DetailOf(spec.status()).reason, "BAD_CONFIG");
  EXPECT_EQ(DetailOf(spec.status()).subject, "f.cfg");
  EXPECT_THAT(std::string(spec.status().message()),
              HasSubstr(absl::StrCat("f.cfg:", GetParam().said)));
}

std::string RowName(const testing::TestParamInfo<BadRow>& info) {
  return info.param.name;
}

INSTANTIATE_TEST_SUITE_P(
    Syntax, BadConfigTest,
    testing::Values(
        BadRow{"Word", "frobnicate", "1:1: Message type"},
        BadRow{"UnknownField", "mode: \"system\"\ngrants { }\n",
               "2:1: Message type \"farpoll.config.v1.Config\" has no field "
               "named \"grants\". Expected one of mode, no_basics, "},
        BadRow{"UnknownInnerField", "grant {\n  name: \"g\"\n  verbs: \"x\"\n}",
               "3:3: Message type \"farpoll.config.v1.Grant\" has no field "
               "named \"verbs\". Expected one of name, to, verb, "},
        BadRow{"NotClosed", "grant {\n  name: \"g\"\n", "3:1: Expected"},
        BadRow{"String", "mode: system", "1:7: Expected string, got: system"},
        BadRow{"Bool", "no_basics: maybe", "1:12: Invalid value for boolean"},
        BadRow{"BoolAtTheEnd", "no_basics: maybe # why\n\n",
               "1:12: Invalid value for boolean"},
        BadRow{"BehindTabs", "\tno_basics:\tmaybe\n", "1:25: Invalid value"},
        BadRow{"Twice", "mode: \"system\"\nmode: \"private\"\n",
               "2:1: Non-repeated field \"mode\" is specified multiple"},
        BadRow{"Number", "grant { to { uid: -1 } }", "1:19: Expected integer"},
        BadRow{"Quote", "mode: \"system\n", "1:14: String literals cannot"}),
    RowName);

INSTANTIATE_TEST_SUITE_P(
    Top, BadConfigTest,
    testing::Values(BadRow{"Mode", "mode: \"public\"",
                           "1:1: mode: expected private or system"},
                    BadRow{"InheritedUnnamed", "inherited { }",
                           "1:1: name: expected a name for the session"},
                    BadRow{"InheritedName", "inherited { name: \"a/b\" }",
                           "1:13: name: name: a name has at most 64"}),
    RowName);

constexpr char kNoVerb[] = "1:1: verb: expected a verb or a quota";

INSTANTIATE_TEST_SUITE_P(
    Grants, BadConfigTest,
    testing::Values(
        BadRow{"Unnamed", "grant { }", "1:1: name: expected a name"},
        BadRow{"BadName", "grant {\n name: \"7\" }", "2:2: name: "},
        BadRow{"SameName", "grant { name: \"g\" }\ngrant {\n  name: \"g\" }",
               "3:3: name: expected a name that no other grant has"},
        BadRow{"ToNobody", "grant { name: \"g\" }",
               "1:1: to: expected whom the grant is for"},
        BadRow{"NoVerb", "grant { name: \"g\" }", kNoVerb},
        BadRow{"EmptyTo", "grant {\n  to { }\n}",
               "2:3: uid: expected uid, gid, anonymous_tcp: true"},
        BadRow{"ToFalse", "grant {\n  to { anyone: false }\n}",
               "2:3: uid: expected uid, gid, anonymous_tcp: true"},
        BadRow{"Verb", "grant {\n  verb: \"read\"\n  verb: \"fly\"\n}",
               "3:3: verb: expected a verb, one of inspect, create.pipe, "},
        BadRow{"VerbInAList", "grant {\n  verb: [\"read\", \"fly\"]\n}",
               "2:3: verb: expected a verb, one of inspect, "},
        BadRow{"GrantInAList", "grant: [{ name: \"a\" },\n { name: \"a\" }]",
               "2:4: name: expected a name that no other grant has"},
        BadRow{"Admin", "grant {\n  verb: \"admin\"\n}",
               "2:3: verb: expected a verb, one of inspect, "},
        BadRow{"SpawnNothing", "grant {\n  verb: \"spawn\"\n}",
               "2:3: verb: the verb spawn allows nothing without free_argv or "
               "spawn_template"},
        BadRow{"ConnectNothing", "grant {\n  verb: \"connect\"\n}",
               "2:3: verb: the verb connect allows nothing without connect or "
               "unix_socket"},
        BadRow{"ListenNothing", "grant {\n  verb: \"listen\"\n}",
               "2:3: verb: the verb listen allows nothing"},
        BadRow{"OpenNothing", "grant {\n  verb: \"open\"\n}",
               "2:3: verb: the verb open allows nothing without root"},
        BadRow{"ConnectWithoutVerb",
               "grant {\n  connect { range: \"10.0.0.0/8\" }\n}",
               "2:3: connect: expected verb: \"connect\" beside it"},
        BadRow{"RootWithoutVerb", "grant {\n  root { path: \"/srv\" }\n}",
               "2:3: root: expected verb: \"open\" beside it"},
        BadRow{"FreeWithoutVerb", "grant {\n  free_argv: true\n}",
               "2:3: free_argv: expected verb: \"spawn\" beside it"},
        BadRow{"UnixWithoutVerb",
               "grant {\n  unix_socket { directory: \"/run\" }\n}",
               "2:3: unix_socket: expected verb: \"connect\" or"},
        BadRow{"Template", "grant {\n  spawn_template: \"none\"\n}",
               "2:3: spawn_template: there is no template named none"}),
    RowName);

INSTANTIATE_TEST_SUITE_P(
    Objects, BadConfigTest,
    testing::Values(
        BadRow{"Cidr", "grant {\n  connect {\n    range: \"10.0.0.0/99\"\n }}",
               "3:5: range: expected a prefix from 0 to 32 after '/'"},
        BadRow{"CidrBits", "grant {\n  listen { range: \"10.0.0.1/8\" }\n}",
               "2:12: range: expected no bits set behind the first 8"},
        BadRow{"NoRange", "grant {\n  connect { }\n}",
               "2:3: range: expected an address or ADDRESS/PREFIX"},
        BadRow{"HostName", "grant {\n  connect { range: \"db.local\" }\n}",
               "2:13: range: expected an address or ADDRESS/PREFIX"},
        BadRow{
            "PortTooBig",
            "grant {\n  connect { range: \"::1\"\n ports { first: 70000 } }}",
            "3:2: ports: expected ports from 0 to 65535"},
        BadRow{
            "PortsBackwards",
            "grant { connect { range: \"::1\"\n ports { first: 9 last: 8 }}}",
            "2:2: ports: expected ports from 0 to 65535, first not"},
        BadRow{"RelativeRoot", "grant {\n  root { path: \"srv\" }\n}",
               "2:10: path: expected an absolute path"},
        BadRow{"DotDotRoot", "grant {\n  root { path: \"/srv/../etc\" }\n}",
               "2:10: path: expected an absolute path"},
        BadRow{"RootSlashes", "grant {\n  root { path: \"/srv//a\" }\n}",
               "2:10: path: expected an absolute path"},
        BadRow{"RootSlash", "grant {\n  root { path: \"/srv/\" }\n}",
               "2:10: path: expected an absolute path"},
        BadRow{"SocketsSlash",
               "grant {\n  unix_socket { directory: \"/run/\" }\n}",
               "2:17: directory: expected an absolute path"},
        BadRow{"NoRootPath", "grant {\n  root { }\n}",
               "2:3: path: expected an absolute path"},
        BadRow{"RelativeSockets",
               "grant {\n  unix_socket { directory: \"run\" }\n}",
               "2:17: directory: expected an absolute path"},
        BadRow{"NoSockets", "grant {\n  unix_socket { }\n}",
               "2:3: abstract_prefix: expected a directory or"},
        BadRow{"NoPrefix",
               "grant {\n  unix_socket { abstract_prefix: \"\" }\n}",
               "2:17: abstract_prefix: expected a directory or"},
        BadRow{"QuotaName", "grant {\n  quota { limit: \"max_fun\" }\n}",
               "2:11: limit: expected a limit, one of max_connections, "},
        BadRow{
            "QuotaOfTheServer",
            "grant {\n  quota { limit: \"max_peer_silence_ms\" most: 100 }\n}",
            "2:11: limit: expected a limit, one of max_connections, "},
        BadRow{"QuotaRange",
               "grant {\n  quota { limit: \"max_sessions\" most: 0 }\n}",
               "2:33: most: expected from 1 to "}),
    RowName);

INSTANTIATE_TEST_SUITE_P(
    Templates, BadConfigTest,
    testing::Values(
        BadRow{"TemplateUnnamed", "spawn_template { }",
               "1:1: name: expected a name for the template"},
        BadRow{"TemplateTwice",
               "spawn_template { name: \"t\" }\nspawn_template { name: \"t\" }",
               "2:18: name: expected a name that no other template has"},
        BadRow{"NoProgram", "spawn_template { name: \"t\" }",
               "1:1: program: expected an absolute path"},
        BadRow{"ProgramByPath", "spawn_template {\n  program: \"ls\"\n}",
               "2:3: program: expected an absolute path"},
        BadRow{"ProgramSlashes", "spawn_template {\n  program: \"//ls\"\n}",
               "2:3: program: expected an absolute path"},
        BadRow{"WorkingDirectory",
               "spawn_template {\n  working_directory: \"tmp\"\n}",
               "2:3: working_directory: expected an absolute path"},
        BadRow{"ExtraPattern", "spawn_template {\n  extra_pattern: \"a\"\n}",
               "2:3: extra_pattern: expected extra_arguments: true"},
        BadRow{"EmptyVariable",
               "spawn_template {\n  allow_environment: \"\"\n}",
               "2:3: allow_environment: expected a variable's name"},
        BadRow{"FixedVariable",
               "spawn_template {\n  environment { name: \"A=B\" }\n}",
               "2:3: environment: expected a name without '='"},
        BadRow{"VariableTwice",
               "spawn_template {\n  environment { name: \"A\" }\n"
               "  environment { name: \"A\" }\n}",
               "3:3: environment: expected each variable once"},
        BadRow{"Resource",
               "spawn_template {\n  limit { name: \"files\" hard: 1 }\n}",
               "2:11: name: expected a resource, one of as, core, "},
        BadRow{"NoHard", "spawn_template {\n  limit { name: \"cpu\" }\n}",
               "2:3: hard: expected the hard limit"},
        BadRow{"SoftOverHard",
               "spawn_template {\n  limit { name: \"cpu\" soft: 2 hard: 1 }\n}",
               "2:23: soft: expected no more than the hard limit"},
        BadRow{"UidAlone", "spawn_template {\n  uid: 1\n}",
               "2:3: uid: expected uid and gid together"},
        BadRow{"UidWithoutRoot", "spawn_template {\n  uid: 1 gid: 1\n}",
               "2:3: uid: only a server that runs as root"}),
    RowName);

TEST(ConfigTest, EveryMistakeIsALine) {
  const auto spec = Read("mode: \"x\"\ngrant { }\n");

  EXPECT_EQ(spec.status().message(),
            "f.cfg:1:1: mode: expected private or system\n"
            "f.cfg:2:1: name: expected a name for the grant\n"
            "f.cfg:2:1: to: expected whom the grant is for\n"
            "f.cfg:2:1: verb: expected a verb or a quota");
}

}  // namespace
}  // namespace farpoll::server
