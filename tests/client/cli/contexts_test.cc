#include "client/cli/contexts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <fstream>
#include <string>

#include "client/cli/failure.h"

namespace farpoll::cli {
namespace {

using ::testing::HasSubstr;

class ContextsTest : public testing::Test {
 protected:
  const std::string path_ =
      testing::TempDir() +
      testing::UnitTest::GetInstance()->current_test_info()->name() +
      "/farpoll/contexts.textproto";
};

TEST_F(ContextsTest, MissingFileIsEmpty) {
  const absl::StatusOr<Contexts> contexts = LoadContexts(path_);

  ASSERT_TRUE(contexts.ok()) << contexts.status();
  EXPECT_EQ(contexts->contexts_size(), 0);
}

TEST_F(ContextsTest, SavedIsLoaded) {
  Contexts contexts;
  ContextNamed(contexts, "lab").set_address("lab:1");
  ContextNamed(contexts, "home");

  ASSERT_TRUE(SaveContexts(contexts, path_).ok());
  const absl::StatusOr<Contexts> loaded = LoadContexts(path_);

  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ(loaded->current(), "lab");
  ASSERT_NE(FindContext(*loaded, "lab"), nullptr);
  EXPECT_EQ(FindContext(*loaded, "lab")->address(), "lab:1");
  EXPECT_EQ(FindContext(*loaded, "nope"), nullptr);
}

TEST_F(ContextsTest, FileIsForItsOwnerAlone) {
  ASSERT_TRUE(SaveContexts(Contexts(), path_).ok());

  struct stat info = {};
  ASSERT_EQ(::stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
}

TEST_F(ContextsTest, BadFileIsNamedWithItsLine) {
  ASSERT_TRUE(SaveContexts(Contexts(), path_).ok());
  std::ofstream(path_) << "current: \"a\"\nnonsense: 1\n";

  const absl::Status status = LoadContexts(path_).status();

  EXPECT_EQ(ExitCodeOf(status), kExitLocal);
  EXPECT_THAT(std::string(status.message()), HasSubstr(path_ + ":2:"));
}

TEST_F(ContextsTest, FolderThatCannotBeMadeIsAnError) {
  EXPECT_EQ(ExitCodeOf(SaveContexts(Contexts(), "/dev/null/x/contexts")),
            kExitLocal);
  EXPECT_EQ(ExitCodeOf(SaveContexts(Contexts(), "")), kExitLocal);
}

}  // namespace
}  // namespace farpoll::cli
