// tests/server/policy/spawn_rules_test.cc: room: tests. What a child may be.
#include <sys/resource.h>

#include <cerrno>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/policy/policy.h"
#include "tests/support/status_matchers.h"

namespace farpoll::server {
namespace {

using testing::ElementsAre;

constexpr uid_t kOwn = 500;
const Principal kOwner = Principal::Local(kOwn, kOwn, 1);
const Principal kUser = Principal::Local(1000, 100, 2);

template <typename T>
std::string ReasonOf(const T& value) {
  return DetailOf(StatusOf(value)).reason;
}

SpawnTemplate Tail() {
  return {.name = "tail",
          .program = "/usr/bin/tail",
          .arguments = {"-[fF]", "/var/log/*"},
          .extra_arguments = true,
          .extra_pattern = "--*",
          .allowed_environment = {"TZ", "LC_*"},
          .environment = {{"HOME", "/nonexistent"}},
          .working_directory = "/var/log",
          .limits = {{RLIMIT_NOFILE, 64, 128}},
          .uid = 33,
          .gid = 34};
}

// Alice may run the template tail.
Policy ByTemplate() {
  return Policy(PolicySpec{
      .mode = Mode::kSystem,
      .own_uid = kOwn,
      .templates = {Tail(), {.name = "date", .program = "/bin/date"}},
      .grants = {{.name = "g",
                  .to = {{.uid = 1000}},
                  .verbs = {Verb::kSpawn},
                  .templates = {"tail"}}}});
}

// ---- Free argv.

TEST(SpawnRulesTest, FreeArgvIsTakenAsItIs) {
  const Policy policy = Policy::Default(Mode::kPrivate, kOwn);

  const auto plan = policy.PlanSpawn(kOwner, {.argv = {"cat", "-n"},
                                              .environment = {{"A", "b"}},
                                              .working_directory = "/tmp"});

  ASSERT_THAT(plan, IsOk());
  EXPECT_EQ(plan->program, "cat");
  EXPECT_THAT(plan->argv, ElementsAre("cat", "-n"));
  EXPECT_THAT(
      plan->environment,
      ElementsAre("A=b", "LANG=C.UTF-8", std::string("PATH=") + kSpawnPath));
  EXPECT_EQ(plan->working_directory, "/tmp");
  EXPECT_FALSE(plan->uid.has_value());
}

TEST(SpawnRulesTest, FreeArgvIsAGrantOfItsOwn) {
  EXPECT_EQ(ReasonOf(ByTemplate().PlanSpawn(kUser, {.argv = {"/bin/sh"}})),
            "POLICY_TEMPLATE");

  const Policy free(PolicySpec{.mode = Mode::kSystem,
                               .own_uid = kOwn,
                               .grants = {{.name = "g",
                                           .to = {{.uid = 1000}},
                                           .verbs = {Verb::kSpawn},
                                           .free_argv = true}}});
  EXPECT_THAT(free.PlanSpawn(kUser, {.argv = {"/bin/sh"}}), IsOk());
  EXPECT_EQ(ReasonOf(free.PlanSpawn(kOwner, {.argv = {"/bin/sh"}})),
            "POLICY_VERB");
}

TEST(SpawnRulesTest, FreeArgvHasNoMoreOfAResourceThanTheServer) {
  const Policy policy = Policy::Default(Mode::kPrivate, kOwn);
  const auto ask = [&](rlim_t soft, rlim_t hard) {
    return ReasonOf(
        policy.PlanSpawn(kOwner, {.argv = {"cat"},
                                  .limits = {{RLIMIT_CPU, soft, hard}},
                                  .own_limits = {{RLIMIT_CPU, 10, 20}}}));
  };

  EXPECT_EQ(ask(20, 20), "");
  EXPECT_EQ(ask(20, 21), "POLICY_LIMIT");
}

struct BadRequestRow {
  const char* name;
  SpawnRequest request;
  const char* reason;
};

class BadSpawnTest : public testing::TestWithParam<BadRequestRow> {};

TEST_P(BadSpawnTest, IsRefusedEvenToTheOwnUser) {
  const Policy policy = Policy::Default(Mode::kPrivate, kOwn);

  EXPECT_EQ(ReasonOf(policy.PlanSpawn(kOwner, GetParam().request)),
            GetParam().reason);
}

INSTANTIATE_TEST_SUITE_P(
    Table, BadSpawnTest,
    testing::Values(
        BadRequestRow{"Nothing", {}, "BAD_ARGUMENT"},
        BadRequestRow{"NoProgram", {.argv = {""}}, "BAD_ARGUMENT"},
        BadRequestRow{
            "Nul", {.argv = {std::string("a\0b", 3)}}, "BAD_ARGUMENT"},
        BadRequestRow{"NoVariableName",
                      {.argv = {"a"}, .environment = {{"", "x"}}},
                      "BAD_VARIABLE"},
        BadRequestRow{"EqualsInName",
                      {.argv = {"a"}, .environment = {{"A=B", "x"}}},
                      "BAD_VARIABLE"},
        BadRequestRow{"Preload",
                      {.argv = {"a"}, .environment = {{"LD_PRELOAD", "x"}}},
                      "POLICY_ENVIRONMENT"},
        BadRequestRow{"Listen",
                      {.argv = {"a"}, .environment = {{"LISTEN_FDS", "3"}}},
                      "POLICY_ENVIRONMENT"},
        BadRequestRow{"Notify",
                      {.argv = {"a"}, .environment = {{"NOTIFY_SOCKET", "x"}}},
                      "POLICY_ENVIRONMENT"},
        BadRequestRow{"Farpoll",
                      {.argv = {"a"}, .environment = {{"FARPOLL_ADDR", "x"}}},
                      "POLICY_ENVIRONMENT"},
        BadRequestRow{
            "NoTemplate", {.template_name = "none"}, "TEMPLATE_UNKNOWN"}),
    [](const auto& info) { return std::string(info.param.name); });

// ---- Templates.

TEST(SpawnRulesTest, ATemplateSaysEverythingButWhatItLeavesOpen) {
  const auto plan = ByTemplate().PlanSpawn(
      kUser, {.template_name = "tail",
              .argv = {"-f", "/var/log/syslog", "--pid=1"},
              .environment = {{"TZ", "UTC"}, {"LC_ALL", "C"}},
              .working_directory = "",
              .limits = {{RLIMIT_NOFILE, 32, 32}, {RLIMIT_CPU, 1, 1}},
              .own_limits = {{RLIMIT_CPU, 1, 1}}});

  ASSERT_THAT(plan, IsOk());
  EXPECT_EQ(plan->program, "/usr/bin/tail");
  EXPECT_THAT(plan->argv,
              ElementsAre("/usr/bin/tail", "-f", "/var/log/syslog", "--pid=1"));
  EXPECT_THAT(plan->environment,
              ElementsAre("HOME=/nonexistent", "LANG=C.UTF-8", "LC_ALL=C",
                          std::string("PATH=") + kSpawnPath, "TZ=UTC"));
  EXPECT_EQ(plan->working_directory, "/var/log");
  EXPECT_THAT(plan->limits, ElementsAre(ResourceLimit{RLIMIT_NOFILE, 32, 32},
                                        ResourceLimit{RLIMIT_CPU, 1, 1}));
  EXPECT_EQ(plan->uid, 33u);
  EXPECT_EQ(plan->gid, 34u);
  EXPECT_EQ(plan->rule, "template:tail");
}

struct TemplateRow {
  const char* name;
  SpawnRequest request;
  const char* reason;  // empty: allowed
};

class TemplateTest : public testing::TestWithParam<TemplateRow> {};

TEST_P(TemplateTest, IsHeldTo) {
  SpawnRequest request = GetParam().request;
  request.template_name = "tail";
  request.own_limits = {{RLIMIT_NOFILE, 1000, 2000}, {RLIMIT_CPU, 10, 20}};

  EXPECT_EQ(ReasonOf(ByTemplate().PlanSpawn(kUser, request)),
            GetParam().reason);
}

INSTANTIATE_TEST_SUITE_P(
    Table, TemplateTest,
    testing::Values(
        TemplateRow{"Plain", {.argv = {"-F", "/var/log/x"}}, ""},
        TemplateRow{"TooFew", {.argv = {"-f"}}, "POLICY_ARGUMENT"},
        TemplateRow{"None", {}, "POLICY_ARGUMENT"},
        TemplateRow{
            "OtherOption", {.argv = {"-n", "/var/log/x"}}, "POLICY_ARGUMENT"},
        TemplateRow{
            "OtherFile", {.argv = {"-f", "/etc/shadow"}}, "POLICY_ARGUMENT"},
        TemplateRow{"PatternIsWhole",
                    {.argv = {"-fx", "/var/log/x"}},
                    "POLICY_ARGUMENT"},
        TemplateRow{"ExtraUnlike",
                    {.argv = {"-f", "/var/log/x", "/etc/x"}},
                    "POLICY_ARGUMENT"},
        TemplateRow{
            "OtherVariable",
            {.argv = {"-f", "/var/log/x"}, .environment = {{"PATH", "/tmp"}}},
            "POLICY_ENVIRONMENT"},
        TemplateRow{
            "FixedVariable",
            {.argv = {"-f", "/var/log/x"}, .environment = {{"HOME", "/tmp"}}},
            "POLICY_ENVIRONMENT"},
        TemplateRow{
            "SameFolder",
            {.argv = {"-f", "/var/log/x"}, .working_directory = "/var/log"},
            ""},
        TemplateRow{"OtherFolder",
                    {.argv = {"-f", "/var/log/x"}, .working_directory = "/"},
                    "POLICY_PATH"},
        TemplateRow{"MoreOfAResource",
                    {.argv = {"-f", "/var/log/x"},
                     .limits = {{RLIMIT_NOFILE, 64, 129}}},
                    "POLICY_LIMIT"},
        TemplateRow{
            "LessAndThenMoreOfAResource",
            {.argv = {"-f", "/var/log/x"},
             .limits = {{RLIMIT_NOFILE, 1, 1}, {RLIMIT_NOFILE, 64, 129}}},
            "POLICY_LIMIT"},
        TemplateRow{
            "AllOfAResourceThatItDoesNotList",
            {.argv = {"-f", "/var/log/x"}, .limits = {{RLIMIT_CPU, 20, 20}}},
            ""},
        TemplateRow{
            "MoreThanTheServerHas",
            {.argv = {"-f", "/var/log/x"}, .limits = {{RLIMIT_CPU, 10, 21}}},
            "POLICY_LIMIT"},
        TemplateRow{
            "SoftlyMoreThanTheServerHas",
            {.argv = {"-f", "/var/log/x"}, .limits = {{RLIMIT_CPU, 21, 20}}},
            "POLICY_LIMIT"},
        TemplateRow{"NoBoundWhereTheServerHasOne",
                    {.argv = {"-f", "/var/log/x"},
                     .limits = {{RLIMIT_CPU, RLIM_INFINITY, RLIM_INFINITY}}},
                    "POLICY_LIMIT"},
        TemplateRow{
            "WhatNobodyLists",
            {.argv = {"-f", "/var/log/x"}, .limits = {{RLIMIT_AS, 1, 1}}},
            "POLICY_LIMIT"}),
    [](const auto& info) { return std::string(info.param.name); });

struct PatternRow {
  const char* name;
  const char* pattern;
  const char* argument;
  bool matches;
};

class ArgumentPatternTest : public testing::TestWithParam<PatternRow> {};

TEST_P(ArgumentPatternTest, LeadsNowhereElse) {
  const Policy policy(
      PolicySpec{.mode = Mode::kPrivate,
                 .own_uid = kOwn,
                 .templates = {{.name = "t",
                                .program = "/bin/t",
                                .arguments = {GetParam().pattern}}}});

  EXPECT_EQ(ReasonOf(policy.PlanSpawn(
                kOwner, {.template_name = "t", .argv = {GetParam().argument}})),
            GetParam().matches ? "" : "POLICY_ARGUMENT");
}

INSTANTIATE_TEST_SUITE_P(
    Table, ArgumentPatternTest,
    testing::Values(
        PatternRow{"Name", "/var/log/*", "/var/log/x", true},
        PatternRow{"Below", "/var/log/*", "/var/log/x/y", false},
        PatternRow{"BelowNamed", "/var/log/*/*", "/var/log/x/y", true},
        PatternRow{"Elsewhere", "/var/log/*.log", "/var/log/../../x.log",
                   false},
        PatternRow{"Above", "/var/log/*", "/var/log/..", false},
        PatternRow{"AboveInTheMiddle", "/var/*/x", "/var/../x", false},
        PatternRow{"AboveByOneEach",
                   "/var/?"
                   "?/x",
                   "/var/../x", false},
        PatternRow{"AboveByBrackets", "/var/[.][.]/x", "/var/../x", false},
        PatternRow{"SlashByOne", "/var?x", "/var/x", false},
        PatternRow{"SlashByBrackets", "/var[/]x", "/var/x", false},
        PatternRow{"AboveInAnOption", "--folder=*", "--folder=..", false},
        PatternRow{"DotsInAName", "/var/*", "/var/a.b.c", true},
        PatternRow{"AboveNamed", "../*", "../x", true},
        PatternRow{"AboveNamedOnce", "../*", "../..", false},
        PatternRow{"Relative", "*.log", "x.log", true},
        PatternRow{"RelativeElsewhere", "*.log", "/etc/x.log", false},
        PatternRow{"RelativeAbove", "?*", "..", false},
        PatternRow{"Word", "[a-z]*", "backup", true},
        PatternRow{"WordElsewhere", "[a-z]*", "a/../../etc/shadow", false},
        PatternRow{"Option", "--*", "--file=x", true},
        PatternRow{"OptionElsewhere", "--*", "--file=/etc/shadow", false},
        PatternRow{"OptionNamed", "--file=/srv/*", "--file=/srv/x", true},
        PatternRow{"Exact", "/a/../b/..", "/a/../b/..", true},
        PatternRow{"Anything", "*", "../etc/shadow", true}),
    [](const auto& info) { return std::string(info.param.name); });

TEST(SpawnRulesTest, ATemplateThatIsNotGrantedIsUnknown) {
  const Policy policy = ByTemplate();

  EXPECT_EQ(ReasonOf(policy.PlanSpawn(kUser, {.template_name = "date"})),
            "TEMPLATE_UNKNOWN");
  EXPECT_EQ(ReasonOf(policy.PlanSpawn(Principal::AnonymousTcp(),
                                      {.template_name = "tail"})),
            "POLICY_VERB");
}

}  // namespace
}  // namespace farpoll::server
