#include "client/cli/failure.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <string>

#include "base/errno_status.h"
#include "nlohmann/json.hpp"

namespace farpoll::cli {
namespace {

using ::testing::HasSubstr;

TEST(ExitCodeTest, IsByContract) {
  EXPECT_EQ(ExitCodeOf(absl::OkStatus()), 0);
  EXPECT_EQ(ExitCodeOf(LocalError("x")), 1);
  EXPECT_EQ(ExitCodeOf(UsageError("x")), 2);
  EXPECT_EQ(ExitCodeOf(WouldBlockError("x", "y")), 3);
  EXPECT_EQ(ExitCodeOf(absl::NotFoundError("x")), 69);
  EXPECT_EQ(ExitCodeOf(absl::PermissionDeniedError("x")), 71);
  EXPECT_EQ(ExitCodeOf(absl::ResourceExhaustedError("x")), 72);
  EXPECT_EQ(ExitCodeOf(absl::FailedPreconditionError("x")), 73);
  EXPECT_EQ(ExitCodeOf(absl::UnavailableError("x")), 78);
  EXPECT_EQ(ExitCodeOf(absl::UnauthenticatedError("x")), 80);
  EXPECT_EQ(ExitCodeOf(Quietly(kExitTimeout)), 124);
}

TEST(ExitCodeTest, OnlyQuietEndingsAreQuiet) {
  EXPECT_TRUE(IsQuiet(Quietly(130)));
  EXPECT_FALSE(IsQuiet(absl::CancelledError("x")));
  EXPECT_FALSE(IsQuiet(UsageError("x")));
}

TEST(ExplainTest, NamesCodeErrnoReasonAndSubject) {
  const Explanation said =
      Explain(MakeError(absl::StatusCode::kNotFound, ENOENT, "HANDLE_UNKNOWN",
                        "in", "the session has no such handle"),
              "unix:/s");

  EXPECT_EQ(said.message, "the session has no such handle: in");
  EXPECT_EQ(said.code, "NOT_FOUND ENOENT HANDLE_UNKNOWN");
  EXPECT_THAT(said.hint, HasSubstr("farpoll list"));
}

TEST(ExplainTest, SaysThatNobodyListens) {
  const Explanation said = Explain(
      absl::UnavailableError("failed to connect to all addresses; last error: "
                             "UNKNOWN: unix:/s: Connection refused"),
      "unix:/s");

  EXPECT_EQ(said.message, "nothing listens on unix:/s");
  EXPECT_THAT(said.hint, HasSubstr("--local"));
}

TEST(ExplainTest, SaysThatTheSocketIsAnothers) {
  const Explanation said =
      Explain(absl::UnavailableError("failed to connect: Permission denied"),
              "unix:/s");

  EXPECT_EQ(said.message, "permission denied on unix:/s");
}

TEST(ExplainTest, OwnFailuresHaveNoCode) {
  const Explanation said = Explain(LocalError("no file", "make one"), "");

  EXPECT_EQ(said.message, "no file");
  EXPECT_EQ(said.code, "");
  EXPECT_EQ(said.hint, "make one");
}

TEST(ErrorJsonTest, HoldsEverything) {
  const auto json = nlohmann::json::parse(
      ErrorJson(MakeError(EPIPE, "", "out", "nobody reads"), "unix:/s"));

  EXPECT_EQ(json["code"], "FAILED_PRECONDITION");
  EXPECT_EQ(json["errno"], "EPIPE");
  EXPECT_EQ(json["subject"], "out");
  EXPECT_EQ(json["exit"], 73);
  EXPECT_NE(json["hint"], "");
}

TEST(ErrorJsonTest, NamesOwnFailures) {
  const auto code = [](const absl::Status& status) {
    return nlohmann::json::parse(ErrorJson(status, ""))["code"];
  };

  EXPECT_EQ(code(UsageError("x")), "USAGE");
  EXPECT_EQ(code(LocalError("x")), "LOCAL");
  EXPECT_EQ(code(WouldBlockError("x", "")), "WOULD_BLOCK");
}

}  // namespace
}  // namespace farpoll::cli
