// tests/integration/policy_file_test.cc: room: tests. The configuration file in
// the life of farpolld: checked, read, read again.
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/integration/farpolld.h"
#include "tests/integration/peer.h"

namespace farpoll {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class PolicyFileTest : public FarpolldTest {
 protected:
  std::string ConfigPath() const { return folder_.path() + "/farpolld.cfg"; }
  std::string AuditPath() const { return folder_.path() + "/audit"; }
  std::string ConfigFlag() const { return "--config=" + ConfigPath(); }

  void Write(const std::string& text) const {
    std::ofstream(ConfigPath()) << text;
    ASSERT_EQ(chmod(ConfigPath().c_str(), 0600), 0);
  }

  // Has `farpolld` read its file again; that is over when its audit log, the
  // last that it sees to, has come back.
  void Reload(Farpolld& farpolld) const {
    ASSERT_EQ(unlink(AuditPath().c_str()), 0);
    farpolld.Signal(SIGHUP);
    Await([&] { return access(AuditPath().c_str(), F_OK) == 0; },
          "the audit log is opened again");
  }

  std::vector<std::string> Flags() const {
    return {UnixFlag(), ConfigFlag(), "--audit-log=" + AuditPath()};
  }
};

// ---- Checking.

TEST_F(PolicyFileTest, AGoodFilePassesTheCheck) {
  Write("mode: \"system\"\n");

  Farpolld check({"--check-config=" + ConfigPath()});

  EXPECT_EQ(check.ReadLine(), ConfigPath() + ": good");
  EXPECT_EQ(check.Wait(), 0);
  EXPECT_EQ(check.Errors(), "");
}

TEST_F(PolicyFileTest, ABadFileFailsTheCheckWithEveryPlace) {
  Write(
      "mode: \"systm\"\ngrant {\n  name: \"g\"\n  to { uid: 1 }\n"
      "  verb: \"fly\"\n}\n");

  Farpolld check({"--check-config=" + ConfigPath()});

  EXPECT_EQ(check.ReadLine(), "");
  EXPECT_EQ(check.Wait(), kFailure);
  EXPECT_THAT(
      check.Errors(),
      AllOf(
          HasSubstr(ConfigPath() + ":1:1: mode: expected private or system\n"),
          HasSubstr(ConfigPath() + ":5:3: verb: expected a verb, one of ")));
}

// ---- Starting.

TEST_F(PolicyFileTest, ABadFileKeepsTheServerFromStarting) {
  Write("mode: 7\n");

  EXPECT_EQ(Refused(Flags(), kFailure),
            absl::StrCat("farpolld: ", ConfigPath(),
                         ":1:7: Expected string, got: 7\n"));
}

TEST_F(PolicyFileTest, AMissingFileKeepsTheServerFromStarting) {
  EXPECT_EQ(Refused(Flags(), kFailure),
            absl::StrCat("farpolld: ", ConfigPath(),
                         ": No such file or directory\n"));
}

TEST_F(PolicyFileTest, AFileThatOthersCanWriteIsRefused) {
  Write("");
  ASSERT_EQ(chmod(ConfigPath().c_str(), 0622), 0);

  EXPECT_THAT(Refused(Flags(), kFailure), HasSubstr("its owner alone"));
}

TEST_F(PolicyFileTest, AFifoIsRefusedInsteadOfWaitedFor) {
  ASSERT_EQ(mkfifo(ConfigPath().c_str(), 0600), 0);

  EXPECT_THAT(Refused(Flags(), kFailure), HasSubstr("a regular file"));
}

TEST_F(PolicyFileTest, AnAuditLogThatCannotBeOpenedKeepsItFromStarting) {
  EXPECT_THAT(
      Refused({UnixFlag(), "--audit-log=" + folder_.path() + "/none/audit"},
              kFailure),
      HasSubstr("/none/audit: No such file or directory"));
}

// ---- Reading again.

TEST_F(PolicyFileTest, ABadFileIsToldAndTheOldOneStays) {
  Write("mode: \"private\"\n");
  Farpolld farpolld(Flags());
  {
    Peer peer(farpolld.AwaitAddress());
    Write("mode: \"private\"\nno_basics: perhaps\n");

    Reload(farpolld);

    peer.MakePipe("in", "out");
  }
  ASSERT_EQ(farpolld.Stop(), 0);
  EXPECT_THAT(farpolld.Errors(),
              AllOf(HasSubstr(" error policy.rejected "),
                    HasSubstr(ConfigPath() + ":2:12: Invalid value")));
}

TEST_F(PolicyFileTest, WithoutAnythingToReadAHangUpStopsTheServer) {
  Farpolld farpolld({UnixFlag()});
  farpolld.AwaitAddress();

  EXPECT_EQ(farpolld.Stop(SIGHUP), 0);
}

}  // namespace
}  // namespace farpoll
