// tests/integration/farpolld.h: room: tests. The server's program, as its users
// start and stop it.
#ifndef FARPOLL_TESTS_INTEGRATION_FARPOLLD_H_
#define FARPOLL_TESTS_INTEGRATION_FARPOLLD_H_

#include <signal.h>
#include <sys/stat.h>

#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/child_process.h"
#include "tests/support/fd_fixtures.h"

namespace farpoll {

inline constexpr int kFailure = 1;
inline constexpr int kUsage = 2;

// A running farpolld.
class Farpolld : public ChildProcess {
 public:
  explicit Farpolld(std::vector<std::string> flags,
                    std::vector<std::string> environment = {})
      : ChildProcess(Command(std::move(flags)), std::move(environment)) {}

  // The addresses it says it listens on; it is ready then.
  std::string AwaitAddress() {
    const std::string line = ReadLine();
    absl::string_view rest = line;
    EXPECT_TRUE(absl::ConsumePrefix(&rest, "farpolld 0.1.0 listening on "))
        << line;
    return std::string(rest);
  }

  // Stops it as a service manager does; its exit code.
  int Stop(int signal = SIGTERM) {
    Signal(signal);
    return Wait();
  }

 private:
  static std::vector<std::string> Command(std::vector<std::string> flags) {
    flags.insert(flags.begin(), std::getenv("FARPOLLD"));
    return flags;
  }
};

class FarpolldTest : public testing::Test {
 protected:
  std::string SocketPath() const { return folder_.path() + "/s"; }
  std::string UnixFlag() const { return "--listen=unix:" + SocketPath(); }

  // farpolld ends at once with `code`; returns what it says of it.
  std::string Refused(std::vector<std::string> flags, int code,
                      std::vector<std::string> environment = {}) {
    Farpolld farpolld(std::move(flags), std::move(environment));
    EXPECT_EQ(farpolld.ReadLine(), "");
    EXPECT_EQ(farpolld.Wait(), code);
    const std::string errors = farpolld.Errors();
    EXPECT_THAT(errors, testing::StartsWith("farpolld: "));
    return errors;
  }

  static mode_t ModeOf(const std::string& path) {
    struct stat status {};
    EXPECT_EQ(stat(path.c_str(), &status), 0) << path;
    return status.st_mode & 07777;
  }

  TemporaryFolder folder_;
};

}  // namespace farpoll

#endif  // FARPOLL_TESTS_INTEGRATION_FARPOLLD_H_
