#include "client/cli/output.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <string>

#include "base/unique_fd.h"
#include "client/cli/failure.h"
#include "farpoll/v1/handle.pb.h"

namespace farpoll::cli {
namespace {

const Table kTable = {{"NAME", "READY"}, {{"in", "R"}, {"longer", "RH"}}};

TEST(RenderTableTest, AlignsColumns) {
  EXPECT_EQ(*RenderTable(kTable, {}), "NAME    READY\nin      R\nlonger  RH\n");
}

TEST(RenderTableTest, LeavesOutHeaders) {
  TableStyle style;
  style.headers = false;

  EXPECT_EQ(*RenderTable({{"LONG NAME", "READY"}, {{"in", "R"}}}, style),
            "in  R\n");
}

TEST(RenderTableTest, ChoosesColumnsInOrder) {
  TableStyle style;
  style.columns = {"ready", "NAME"};

  EXPECT_EQ(*RenderTable(kTable, style),
            "READY  NAME\nR      in\nRH     longer\n");
}

TEST(RenderTableTest, RefusesUnknownColumns) {
  TableStyle style;
  style.columns = {"NOPE"};

  EXPECT_TRUE(IsUsage(RenderTable(kTable, style).status()));
}

TEST(RenderTableTest, CutsToTheTerminal) {
  TableStyle style;
  style.width = 6;

  EXPECT_EQ(*RenderTable(kTable, style), "NAME  \nin    \nlonger\n");
}

TEST(ToJsonTest, ShowsDefaultsAndLongNumbersAsText) {
  v1::Handle handle;
  handle.set_id(7);

  const Json json = ToJson(handle);

  EXPECT_EQ(json["id"], "7");
  EXPECT_EQ(json["readableBytes"], "0");
  EXPECT_EQ(json["kind"], "HANDLE_KIND_UNSPECIFIED");
}

TEST(WriteAllTest, EndsWithSigpipesCodeWhenNobodyReads) {
  std::signal(SIGPIPE, SIG_IGN);
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  UniqueFd reader(ends[0]);
  const UniqueFd writer(ends[1]);
  reader.Reset();

  const absl::Status status = WriteAll(writer.get(), "x");

  EXPECT_EQ(ExitCodeOf(status), 141);
  EXPECT_TRUE(IsQuiet(status));
}

}  // namespace
}  // namespace farpoll::cli
