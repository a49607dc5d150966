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
              .argv = {"-f", "/var/log/sys/log", "--pid=1"},
              .environment = {{"TZ", "UTC"}, {"LC_ALL", "C"}},
              .working_directory = "",
              .limits = {{RLIMIT_NOFILE, 32, 32}, {RLIMIT_CPU, 1, 1}}});

  ASSERT_THAT(plan, IsOk());
  EXPECT_EQ(plan->program, "/usr/bin/tail");
  EXPECT_THAT(plan->argv, ElementsAre("/usr/bin/tail", "-f", "/var/log/sys/log",
                                      "--pid=1"));
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
                    "POLICY_LIMIT"}),
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
