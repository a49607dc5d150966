#include "client/cli/settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>

#include "client/cli/failure.h"

namespace farpoll::cli {
namespace {

class SettingsTest : public testing::Test {
 protected:
  SettingsTest() {
    Context& lab = ContextNamed(contexts_, "lab");
    lab.set_address("lab:1");
    lab.set_session("work");
    lab.set_session_address("lab:1");
    lab.set_output("json");
  }

  absl::StatusOr<Settings> Resolve() const {
    return ResolveSettings(
        flags_,
        [this](const char* name) {
          const auto found = variables_.find(name);
          return found == variables_.end() ? "" : found->second;
        },
        contexts_, "unix:/default");
  }

  Flags flags_;
  std::map<std::string, std::string> variables_;
  Contexts contexts_;
};

TEST_F(SettingsTest, FlagGoesBeforeVariable) {
  flags_.address = "flag:1";
  variables_["FARPOLL_ADDR"] = "variable:1";

  const absl::StatusOr<Settings> settings = Resolve();

  ASSERT_TRUE(settings.ok()) << settings.status();
  EXPECT_EQ(settings->address.value, "flag:1");
  EXPECT_EQ(settings->address.origin, "--addr");
}

TEST_F(SettingsTest, VariableGoesBeforeContext) {
  variables_["FARPOLL_OUTPUT"] = "jsonl";

  const absl::StatusOr<Settings> settings = Resolve();

  ASSERT_TRUE(settings.ok()) << settings.status();
  EXPECT_EQ(settings->format, Format::kJsonLines);
  EXPECT_EQ(settings->output.origin, "FARPOLL_OUTPUT");
}

TEST_F(SettingsTest, ContextGoesBeforeDefault) {
  const absl::StatusOr<Settings> settings = Resolve();

  ASSERT_TRUE(settings.ok()) << settings.status();
  EXPECT_EQ(settings->address.value, "lab:1");
  EXPECT_EQ(settings->address.origin, "context lab");
  EXPECT_EQ(settings->session.value, "work");
  EXPECT_EQ(settings->format, Format::kJson);
}

TEST_F(SettingsTest, DefaultsWithoutContexts) {
  contexts_.Clear();

  const absl::StatusOr<Settings> settings = Resolve();

  ASSERT_TRUE(settings.ok()) << settings.status();
  EXPECT_EQ(settings->address.value, "unix:/default");
  EXPECT_EQ(settings->address.origin, "default");
  EXPECT_EQ(settings->session.value, "");
  EXPECT_EQ(settings->format, Format::kTable);
}

TEST_F(SettingsTest, RememberedSessionStaysWithItsServer) {
  flags_.address = "elsewhere:1";

  const absl::StatusOr<Settings> settings = Resolve();

  ASSERT_TRUE(settings.ok()) << settings.status();
  EXPECT_EQ(settings->session.value, "");
}

TEST_F(SettingsTest, RefusesWhatCannotBe) {
  flags_.output = "xml";
  EXPECT_TRUE(IsUsage(Resolve().status()));

  flags_.output = "";
  flags_.timeout = "soon";
  EXPECT_TRUE(IsUsage(Resolve().status()));

  flags_.timeout = "";
  flags_.context = "nope";
  EXPECT_EQ(ExitCodeOf(Resolve().status()), kExitLocal);
}

TEST_F(SettingsTest, ColorFollowsTheConventions) {
  EXPECT_EQ(Resolve()->color.value, "auto");

  variables_["CLICOLOR_FORCE"] = "1";
  EXPECT_EQ(Resolve()->color.value, "always");

  variables_["NO_COLOR"] = "x";
  EXPECT_EQ(Resolve()->color.value, "never");

  flags_.color = "always";
  EXPECT_EQ(Resolve()->color.value, "always");
}

}  // namespace
}  // namespace farpoll::cli
