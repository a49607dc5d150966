// tests/server/policy/grants_test.cc: room: tests. Who may do what: verbs by
// principal, addresses, paths, quotas.
#include <arpa/inet.h>
#include <netinet/in.h>

#include <cerrno>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/policy/ip_range.h"
#include "server/policy/policy.h"
#include "server/policy/principal.h"
#include "server/policy/verb.h"
#include "tests/support/status_matchers.h"

namespace farpoll::server {
namespace {

constexpr uid_t kOwn = 500;
constexpr uid_t kAlice = 1000;
constexpr gid_t kStaff = 50;

const Principal kOwner = Principal::Local(kOwn, kOwn, 1);
const Principal kUser = Principal::Local(kAlice, 100, 2, {kStaff});
const Principal kNobody = Principal::AnonymousTcp();

template <typename T>
std::string ReasonOf(const T& value) {
  return DetailOf(StatusOf(value)).reason;
}

// The verbs of `principal`, as "inspect read wait".
std::string VerbsOf(const Policy& policy, const Principal& principal) {
  std::string verbs;
  for (const Verb verb : kAllVerbs) {
    if (policy.CheckVerb(principal, verb).ok()) {
      verbs += (verbs.empty() ? "" : " ") + std::string(VerbName(verb));
    }
  }
  return verbs;
}

// A system server's policy with one grant.
Policy With(Grant grant, bool no_basics = false) {
  grant.name = "g";
  return Policy(PolicySpec{.mode = Mode::kSystem,
                           .own_uid = kOwn,
                           .no_basics = no_basics,
                           .grants = {std::move(grant)}});
}

// ---- Principals and verbs.

constexpr char kBasics[] =
    "inspect create.pipe create.timer read write wait observe";
constexpr char kEverything[] =
    "inspect create.pipe create.timer listen connect spawn signal open read "
    "write wait observe pass fetch";

TEST(PrincipalTest, AUserIsOneThroughAllOfItsProcesses) {
  EXPECT_EQ(Principal::Local(7, 1, 100).Key(), "uid:7");
  EXPECT_EQ(Principal::Local(7, 2, 200).Key(), "uid:7");
  EXPECT_EQ(kNobody.Key(), "anonymous-tcp");
}

TEST(PrincipalTest, WhoCameOverTcpIsNoUserAndInNoGroup) {
  EXPECT_FALSE(kNobody.IsUser(0));
  EXPECT_FALSE(kNobody.IsInGroup(0));
}

TEST(VerbTest, EveryVerbHasANameThatReadsBack) {
  for (const Verb verb : kAllVerbs) {
    EXPECT_THAT(ParseVerb(VerbName(verb)), IsOkAndHolds(verb));
  }
  EXPECT_EQ(ReasonOf(ParseVerb("fly")), "BAD_VERB");
}

TEST(PolicyTest, APrivateServerGrantsItsOwnUserEverythingAndOthersNothing) {
  const Policy policy = Policy::Default(Mode::kPrivate, kOwn);

  EXPECT_EQ(VerbsOf(policy, kOwner), kEverything);
  EXPECT_EQ(VerbsOf(policy, kUser), "");
  EXPECT_EQ(VerbsOf(policy, Principal::Local(0, 0, 3)), "");
  EXPECT_EQ(VerbsOf(policy, kNobody), kBasics);
}

TEST(PolicyTest, ASystemServerGrantsWhatStaysInside) {
  const Policy policy = Policy::Default(Mode::kSystem, kOwn);

  EXPECT_EQ(VerbsOf(policy, kUser), kBasics);
  EXPECT_EQ(VerbsOf(policy, kNobody), kBasics);
  EXPECT_EQ(VerbsOf(policy, kOwner), kBasics);
}

TEST(PolicyTest, ARefusalNamesTheVerbAndThePrincipal) {
  const absl::Status status = Policy::Default(Mode::kSystem, kOwn)
                                  .CheckVerb(kUser, Verb::kSpawn)
                                  .status();

  EXPECT_THAT(status, StatusIs(absl::StatusCode::kPermissionDenied));
  EXPECT_EQ(DetailOf(status).reason, "POLICY_VERB");
  EXPECT_EQ(DetailOf(status).subject, "spawn");
  EXPECT_EQ(status.message(),
            "the server's policy does not let uid:1000 spawn");
}

struct GranteeRow {
  const char* name;
  Grantee to;
  bool user;
  bool nobody;
};

class GranteeTest : public testing::TestWithParam<GranteeRow> {};

TEST_P(GranteeTest, SpeaksToThosePrincipals) {
  const Policy policy = With({.to = {GetParam().to}, .verbs = {Verb::kSignal}});

  EXPECT_EQ(policy.CheckVerb(kUser, Verb::kSignal).ok(), GetParam().user);
  EXPECT_EQ(policy.CheckVerb(kNobody, Verb::kSignal).ok(), GetParam().nobody);
  EXPECT_FALSE(policy.CheckVerb(kUser, Verb::kSpawn).ok());
}

INSTANTIATE_TEST_SUITE_P(
    Table, GranteeTest,
    testing::Values(GranteeRow{"User", {.uid = kAlice}, true, false},
                    GranteeRow{"OtherUser", {.uid = 1}, false, false},
                    GranteeRow{"Root", {.uid = 0}, false, false},
                    GranteeRow{"Group", {.gid = 100}, true, false},
                    GranteeRow{"Supplementary", {.gid = kStaff}, true, false},
                    GranteeRow{"OtherGroup", {.gid = 0}, false, false},
                    GranteeRow{"Tcp", {.anonymous_tcp = true}, false, true},
                    GranteeRow{"Anyone", {.anyone = true}, true, true}),
    [](const auto& info) { return std::string(info.param.name); });

TEST(PolicyTest, WithoutBasicsGrantsAloneCount) {
  const Policy policy =
      With({.to = {{.uid = kAlice}}, .verbs = {Verb::kInspect}}, true);

  EXPECT_EQ(VerbsOf(policy, kUser), "inspect");
  EXPECT_EQ(VerbsOf(policy, kNobody), "");
}

// ---- Addresses.

struct RangeRow {
  const char* name;
  const char* range;
  const char* address;
  bool allowed;
};

class AddressRuleTest : public testing::TestWithParam<RangeRow> {};

TEST_P(AddressRuleTest, IsDecided) {
  const auto range = ParseIpRange(GetParam().range);
  const auto address = ParseIpAddress(GetParam().address);
  ASSERT_THAT(range, IsOk());
  ASSERT_THAT(address, IsOk());
  const Policy policy = With({.to = {{.uid = kAlice}},
                              .verbs = {Verb::kConnect, Verb::kListen},
                              .connect = {{.range = *range}},
                              .listen = {{.range = *range}}});

  const auto connect = policy.CheckConnect(kUser, *address, 80);
  const auto listen = policy.CheckListen(kUser, *address, 80);

  EXPECT_EQ(connect.ok(), GetParam().allowed) << connect.status();
  EXPECT_EQ(listen.ok(), GetParam().allowed) << listen.status();
  EXPECT_EQ(ReasonOf(connect), GetParam().allowed ? "" : "POLICY_ADDRESS");
}

INSTANTIATE_TEST_SUITE_P(
    Table, AddressRuleTest,
    testing::Values(
        RangeRow{"Public", "0.0.0.0/0", "93.184.216.34", true},
        RangeRow{"PublicInSmaller", "93.184.0.0/16", "93.184.216.34", true},
        RangeRow{"Outside", "93.184.0.0/16", "93.185.0.1", false},
        RangeRow{"OddPrefix", "93.184.216.32/29", "93.184.216.39", true},
        RangeRow{"OddPrefixPast", "93.184.216.32/29", "93.184.216.40", false},
        RangeRow{"OtherFamily", "0.0.0.0/0", "2606:2800::1", false},
        RangeRow{"PublicSix", "::/0", "2606:2800::1", true},
        RangeRow{"Loopback", "0.0.0.0/0", "127.0.0.1", false},
        RangeRow{"LoopbackNamed", "127.0.0.0/8", "127.0.0.1", true},
        RangeRow{"LoopbackNamedAlone", "127.0.0.1", "127.0.0.1", true},
        RangeRow{"LoopbackSix", "::/0", "::1", false},
        RangeRow{"LoopbackSixNamed", "::1", "::1", true},
        RangeRow{"PrivateTen", "0.0.0.0/0", "10.1.2.3", false},
        RangeRow{"PrivateTenNamed", "10.0.0.0/8", "10.1.2.3", true},
        RangeRow{"PrivateTenTooWide", "8.0.0.0/6", "10.1.2.3", false},
        RangeRow{"Private172", "0.0.0.0/0", "172.31.0.1", false},
        RangeRow{"Private192", "0.0.0.0/0", "192.168.0.1", false},
        RangeRow{"Shared", "0.0.0.0/0", "100.64.0.1", false},
        RangeRow{"UniqueLocal", "::/0", "fd12::1", false},
        RangeRow{"UniqueLocalNamed", "fd00::/8", "fd12::1", true},
        RangeRow{"LinkLocal", "0.0.0.0/0", "169.254.1.1", false},
        RangeRow{"LinkLocalNamed", "169.254.0.0/16", "169.254.1.1", true},
        RangeRow{"LinkLocalSix", "::/0", "fe80::1", false},
        RangeRow{"Metadata", "0.0.0.0/0", "169.254.169.254", false},
        RangeRow{"MetadataInLinkLocal", "169.254.0.0/16", "169.254.169.254",
                 false},
        RangeRow{"MetadataNamed", "169.254.169.254", "169.254.169.254", true},
        RangeRow{"MetadataSix", "fd00::/8", "fd00:ec2::254", false},
        RangeRow{"MetadataSixNamed", "fd00:ec2::254", "fd00:ec2::254", true},
        RangeRow{"MetadataOfTasks", "169.254.0.0/16", "169.254.170.2", false},
        RangeRow{"MetadataOfPods", "169.254.0.0/16", "169.254.170.23", false},
        RangeRow{"MetadataOfPodsNamed", "169.254.170.23", "169.254.170.23",
                 true},
        RangeRow{"MetadataOfPodsSix", "fd00:ec2::/32", "fd00:ec2::23", false},
        RangeRow{"MetadataLow", "169.254.0.0/16", "169.254.0.23", false},
        RangeRow{"MetadataPublic", "168.63.0.0/16", "168.63.129.16", false},
        RangeRow{"MetadataPublicNamed", "168.63.129.16", "168.63.129.16", true},
        RangeRow{"MetadataAssigned", "192.0.0.0/24", "192.0.0.192", false},
        RangeRow{"MetadataUniqueLocal", "fd00::/8", "fd20:ce::254", false},
        RangeRow{"MetadataUniqueLocalNamed", "fd20:ce::254", "fd20:ce::254",
                 true},
        RangeRow{"MetadataLinkLocalSix", "fe80::/10", "fe80::a9fe:a9fe", false},
        RangeRow{"Multicast", "0.0.0.0/0", "224.0.0.1", false},
        RangeRow{"MulticastSix", "::/0", "ff02::1", false},
        RangeRow{"Broadcast", "0.0.0.0/0", "255.255.255.255", false},
        RangeRow{"Unspecified", "0.0.0.0/0", "0.0.0.0", false},
        RangeRow{"UnspecifiedNamed", "0.0.0.0", "0.0.0.0", true},
        RangeRow{"UnspecifiedSix", "::/0", "::", false},
        RangeRow{"UnspecifiedSixNamed", "::", "::", true},
        RangeRow{"Mapped", "::/0", "::ffff:93.184.216.34", false},
        RangeRow{"MappedNamed", "::ffff:0:0/96", "::ffff:93.184.216.34", true},
        RangeRow{"MappedByFour", "93.184.0.0/16", "::ffff:93.184.216.34",
                 false},
        RangeRow{"MappedLoopback", "::ffff:0:0/96", "::ffff:127.0.0.1", false},
        RangeRow{"MappedMetadata", "::ffff:a9fe:0/112",
                 "::ffff:169.254.169.254", false},
        RangeRow{"MappedLoopbackNamed", "::ffff:127.0.0.1", "::ffff:127.0.0.1",
                 true},
        RangeRow{"Compatible", "::/0", "::127.0.0.1", false},
        RangeRow{"Nat64", "::/0", "64:ff9b::5db8:d822", false},
        RangeRow{"Nat64Named", "64:ff9b::/96", "64:ff9b::5db8:d822", true},
        RangeRow{"Nat64Metadata", "64:ff9b::/96", "64:ff9b::a9fe:a9fe", false},
        RangeRow{"Nat64Local", "::/0", "64:ff9b:1::5db8:d822", false},
        RangeRow{"Nat64LocalNamed", "64:ff9b:1::/48", "64:ff9b:1:7::5db8:d822",
                 true},
        RangeRow{"Nat64LocalLoopback", "64:ff9b:1::/48", "64:ff9b:1:7::7f00:1",
                 false},
        RangeRow{"Translated", "::/0", "::ffff:0:93.184.216.34", false},
        RangeRow{"TranslatedNamed", "::ffff:0:0:0/96", "::ffff:0:93.184.216.34",
                 true},
        RangeRow{"TranslatedMetadata", "::ffff:0:0:0/96",
                 "::ffff:0:169.254.169.254", false},
        RangeRow{"SixToFour", "::/0", "2002:5db8:d822::1", false},
        RangeRow{"SixToFourPrivate", "2002::/16", "2002:a01:203::1", false},
        RangeRow{"Teredo", "::/0", "2001:0:1::1", false}),
    [](const auto& info) { return std::string(info.param.name); });

TEST(AddressRulesTest, PortsAreHeldTo) {
  const Policy policy =
      With({.to = {{.uid = kAlice}},
            .verbs = {Verb::kConnect},
            .connect = {{.range = *ParseIpRange("93.184.0.0/16"),
                         .ports = {{80, 80}, {8000, 8010}}}}});
  const IpAddress address = *ParseIpAddress("93.184.216.34");
  const auto may = [&](std::uint16_t port) {
    return policy.CheckConnect(kUser, address, port).ok();
  };

  EXPECT_TRUE(may(80) && may(8000) && may(8010));
  EXPECT_FALSE(may(79) || may(81) || may(7999) || may(8011) || may(0));
}

TEST(AddressRulesTest, ARefusalSaysWhatKindOfAddressItIs) {
  const Policy policy = With({.to = {{.uid = kAlice}},
                              .verbs = {Verb::kConnect},
                              .connect = {{.range = *ParseIpRange("::/0")}}});

  const absl::Status status =
      policy.CheckConnect(kUser, *ParseIpAddress("::ffff:169.254.169.254"), 80)
          .status();

  EXPECT_EQ(DetailOf(status).subject, "::ffff:169.254.169.254");
  EXPECT_THAT(std::string(status.message()),
              testing::EndsWith(" port 80 (metadata)"));
}

TEST(AddressRulesTest, APrivateServersOwnUserReachesEveryAddress) {
  const Policy policy = Policy::Default(Mode::kPrivate, kOwn);
  const IpAddress metadata = *ParseIpAddress("169.254.169.254");

  EXPECT_THAT(policy.CheckConnect(kOwner, metadata, 80), IsOk());
  EXPECT_EQ(ReasonOf(policy.CheckConnect(kNobody, metadata, 80)),
            "POLICY_VERB");
}

struct BadRangeRow {
  const char* name;
  std::string range;
  const char* said;
};

class BadRangeTest : public testing::TestWithParam<BadRangeRow> {};

TEST_P(BadRangeTest, SaysWhatWasExpected) {
  const absl::Status status = ParseIpRange(GetParam().range).status();

  EXPECT_EQ(DetailOf(status).reason, "BAD_RANGE");
  EXPECT_THAT(std::string(status.message()),
              testing::HasSubstr(GetParam().said));
}

INSTANTIATE_TEST_SUITE_P(
    Table, BadRangeTest,
    testing::Values(
        BadRangeRow{"Empty", "", "an address"},
        BadRangeRow{"Name", "localhost", "an address"},
        BadRangeRow{"Port", "10.0.0.1:80", "an address"},
        BadRangeRow{"Short", "10.0/8", "an address"},
        BadRangeRow{"Nul", std::string("10.0.0.1\0x", 10), "an address"},
        BadRangeRow{"Zone", "fe80::1%eth0", "an address"},
        BadRangeRow{"NoPrefix", "10.0.0.0/", "a prefix from 0 to 32"},
        BadRangeRow{"LongPrefix", "10.0.0.0/33", "a prefix from 0 to 32"},
        BadRangeRow{"LongPrefixSix", "::/129", "a prefix from 0 to 128"},
        BadRangeRow{"NegativePrefix", "10.0.0.0/-1", "a prefix from 0 to 32"},
        BadRangeRow{"BitsBehind", "10.0.0.1/8", "behind the first 8"},
        BadRangeRow{"BitsBehindOdd", "10.0.0.4/29", "behind the first 29"}),
    [](const auto& info) { return std::string(info.param.name); });

TEST(IpAddressTest, IsReadFromSocketNames) {
  sockaddr_storage name{};
  auto& four = reinterpret_cast<sockaddr_in&>(name);
  four.sin_family = AF_INET;
  four.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(IpAddressOf(name)->Text(), "127.0.0.1");
  auto& six = reinterpret_cast<sockaddr_in6&>(name);
  six.sin6_family = AF_INET6;
  six.sin6_addr = in6addr_loopback;
  EXPECT_EQ(IpAddressOf(name)->Text(), "::1");
  name.ss_family = AF_UNIX;
  EXPECT_THAT(IpAddressOf(name), HasErrno(EAFNOSUPPORT));
}

// ---- Paths.

struct PathRow {
  const char* name;
  const char* path;
  FileAccess access;
  const char* root;  // empty: refused
  const char* relative;
};

class FileRuleTest : public testing::TestWithParam<PathRow> {};

TEST_P(FileRuleTest, IsDecided) {
  const Policy policy = With({.to = {{.uid = kAlice}},
                              .verbs = {Verb::kOpen},
                              .roots = {{.path = "/srv"},
                                        {.path = "/srv/drop", .write = true},
                                        {.path = "/srv/drop/locked"}}});

  const auto plan = policy.CheckOpen(kUser, GetParam().path, GetParam().access);

  EXPECT_EQ(plan.ok(), *GetParam().root != '\0') << plan.status();
  EXPECT_EQ(plan.ok() ? plan->root : "", GetParam().root);
  EXPECT_EQ(plan.ok() ? plan->relative : "", GetParam().relative);
}

INSTANTIATE_TEST_SUITE_P(
    Table, FileRuleTest,
    testing::Values(
        PathRow{"Inside", "/srv/a/b", FileAccess::kRead, "/srv", "a/b"},
        PathRow{"Root", "/srv", FileAccess::kRead, "/srv", "."},
        PathRow{"Beside", "/srvx/a", FileAccess::kRead, "", ""},
        PathRow{"Above", "/etc/passwd", FileAccess::kRead, "", ""},
        PathRow{"DotDot", "/srv/../etc/passwd", FileAccess::kRead, "", ""},
        PathRow{"Dot", "/srv/./a", FileAccess::kRead, "", ""},
        PathRow{"Relative", "srv/a", FileAccess::kRead, "", ""},
        PathRow{"Empty", "", FileAccess::kRead, "", ""},
        PathRow{"ReadOnly", "/srv/a", FileAccess::kWrite, "", ""},
        PathRow{"ReadOnlyBoth", "/srv/a", FileAccess::kReadWrite, "", ""},
        PathRow{"Writable", "/srv/drop/a", FileAccess::kWrite, "/srv/drop",
                "a"},
        PathRow{"InnermostCounts", "/srv/drop/locked/a", FileAccess::kWrite, "",
                ""}),
    [](const auto& info) { return std::string(info.param.name); });

struct SpellingRow {
  const char* name;
  std::string path;
  const char* reason;  // of its refusal; empty: allowed
};

class PathSpellingTest : public testing::TestWithParam<SpellingRow> {};

TEST_P(PathSpellingTest, SlipsPastNoNestedRoot) {
  const Policy policy = With(
      {.to = {{.uid = kAlice}},
       .verbs = {Verb::kOpen, Verb::kListen},
       .unix_sockets = {{.directory = "/srv"}},
       .roots = {{.path = "/srv", .write = true}, {.path = "/srv/locked"}}});

  EXPECT_EQ(
      ReasonOf(policy.CheckOpen(kUser, GetParam().path, FileAccess::kWrite)),
      GetParam().reason);
  EXPECT_EQ(ReasonOf(policy.CheckUnixSocket(kUser, Verb::kListen,
                                            GetParam().path)) == "BAD_PATH",
            std::string(GetParam().reason) == "BAD_PATH");
}

INSTANTIATE_TEST_SUITE_P(
    Table, PathSpellingTest,
    testing::Values(SpellingRow{"Plain", "/srv/a", ""},
                    SpellingRow{"Locked", "/srv/locked/a", "POLICY_PATH"},
                    SpellingRow{"TwoSlashes", "/srv//locked/a", "BAD_PATH"},
                    SpellingRow{"ThreeSlashes", "/srv///locked/a", "BAD_PATH"},
                    SpellingRow{"TwoInFront", "//srv/locked/a", "BAD_PATH"},
                    SpellingRow{"TwoBehind", "/srv/locked//a", "BAD_PATH"},
                    SpellingRow{"Dot", "/srv/./locked/a", "BAD_PATH"},
                    SpellingRow{"DotBehind", "/srv/locked/.", "BAD_PATH"},
                    SpellingRow{"DotDot", "/srv/x/../locked/a", "BAD_PATH"},
                    SpellingRow{"DotDotBehind", "/srv/locked/x/..", "BAD_PATH"},
                    SpellingRow{"SlashAtTheEnd", "/srv/locked/", "BAD_PATH"},
                    SpellingRow{"SlashesAtTheEnd", "/srv/locked//", "BAD_PATH"},
                    SpellingRow{"SlashesAlone", "//", "BAD_PATH"},
                    SpellingRow{"Nul", std::string("/srv/locked\0/a", 14),
                                "BAD_PATH"},
                    SpellingRow{"DotsInANameAreOne", "/srv/..a./...", ""}),
    [](const auto& info) { return std::string(info.param.name); });

TEST(FileRulesTest, APrivateServersOwnUserOpensEverything) {
  const Policy policy = Policy::Default(Mode::kPrivate, kOwn);

  const auto plan =
      policy.CheckOpen(kOwner, "/etc/passwd", FileAccess::kReadWrite);

  ASSERT_THAT(plan, IsOk());
  EXPECT_EQ(plan->root, "/");
  EXPECT_EQ(plan->relative, "etc/passwd");
}

TEST(UnixRuleTest, FoldersAndAbstractNamesAreHeldTo) {
  const Policy policy = With({.to = {{.uid = kAlice}},
                              .verbs = {Verb::kConnect},
                              .unix_sockets = {{.directory = "/run/app"},
                                               {.abstract_prefix = "app-"}}});
  const auto connect = [&](const char* path) {
    return policy.CheckUnixSocket(kUser, Verb::kConnect, path);
  };

  EXPECT_EQ(connect("/run/app/s")->relative, "s");
  EXPECT_EQ(connect("/run/app/s")->root, "/run/app");
  EXPECT_EQ(connect("@app-x")->relative, "app-x");
  EXPECT_EQ(connect("@app-x")->root, "");
  EXPECT_EQ(ReasonOf(connect("/run/application")), "POLICY_PATH");
  EXPECT_EQ(ReasonOf(connect("/run/app/../docker.sock")), "BAD_PATH");
  EXPECT_EQ(ReasonOf(connect("@other")), "POLICY_PATH");
  EXPECT_EQ(ReasonOf(connect("@")), "POLICY_PATH");
  EXPECT_EQ(
      ReasonOf(policy.CheckUnixSocket(kUser, Verb::kListen, "/run/app/s")),
      "POLICY_VERB");
}

// ---- Quotas.

TEST(QuotaRuleTest, TheLeastOfAllGrantsAndTheServersOwnHolds) {
  const Policy policy(
      PolicySpec{.mode = Mode::kSystem,
                 .own_uid = kOwn,
                 .grants = {{.name = "all",
                             .to = {{.anyone = true}},
                             .quotas = {{&Limits::max_session_handles, 10},
                                        {&Limits::max_ttl_ms, 5000},
                                        {&Limits::max_grace_ms, 1}}},
                            {.name = "alice",
                             .to = {{.uid = kAlice}},
                             .quotas = {{&Limits::max_session_handles, 20},
                                        {&Limits::max_sessions, 9'000}}}}});
  Limits flags;
  flags.max_sessions = 100;

  const Limits alice = policy.LimitsOf(kUser, flags);

  EXPECT_EQ(alice.max_session_handles, 10);
  EXPECT_EQ(alice.max_sessions, 100);
  EXPECT_EQ(alice.default_ttl_ms, 5000);
  EXPECT_EQ(alice.default_grace_ms, 1);
  EXPECT_EQ(alice.max_events, flags.max_events);
}

}  // namespace
}  // namespace farpoll::server
