// tests/server/process/launch_test.cc: room: tests. What a child cannot do to
// the server that starts it, nor take from it.
// Source: capabilities(7), credentials(7), kill(2).
#include "server/process/launch.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>
#include <utility>

#include "tests/server/process/process_fixture.h"

namespace farpoll::server {
namespace {

constexpr uid_t kOther = 54'321;  // nobody else's
constexpr gid_t kOtherGroup = 54'322;

// The plan of a shell script, as another user.
LaunchPlan AsOther(const std::string& script) {
  return LaunchPlan{.path = "/bin/sh",
                    .argv = {"sh", "-c", script},
                    .credentials = ChildCredentials{kOther, kOtherGroup}};
}

// What the child of a plan writes; it is reaped.
std::string OutputOf(LaunchPlan plan) {
  Pipe pipe;
  fcntl(pipe.writer(), F_SETFL, 0);
  plan.descriptors.push_back({1, std::move(pipe.write_end)});
  const absl::StatusOr<LaunchedChild> child = Launch(plan);
  EXPECT_THAT(child, IsOk());
  plan.descriptors.clear();
  std::string output = ReadAll(pipe.reader());
  if (child.ok()) {
    waitid(P_PIDFD, static_cast<id_t>(child->pidfd.get()), nullptr, WEXITED);
  }
  return output;
}

// Gives this thread a capability that the programs it executes inherit.
bool RaiseAmbientCapability() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct sets[2] = {};
  if (syscall(SYS_capget, &header, sets) != 0) {
    return false;
  }
  sets[0].inheritable |= 1U << CAP_NET_BIND_SERVICE;
  return syscall(SYS_capset, &header, sets) == 0 &&
         prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_BIND_SERVICE, 0,
               0) == 0;
}

TEST(LaunchTest, GivesNoAmbientCapabilities) {
  if (!RaiseAmbientCapability()) {
    GTEST_SKIP() << "this user has no capability to pass on";
  }

  const std::string output = OutputOf(
      {.path = "/bin/grep", .argv = {"grep", "CapAmb", "/proc/self/status"}});

  prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  EXPECT_EQ(output, "CapAmb:\t0000000000000000\n");
}

class OtherUserTest : public testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) {
      GTEST_SKIP() << "only root starts children as another user";
    }
  }
};

TEST_F(OtherUserTest, IsThatUserAloneWithTheDescriptorsOfItsPlan) {
  EXPECT_EQ(OutputOf(AsOther("id -u; id -G; for fd in /proc/$$/fd/*; do "
                             "test -e $fd && echo -n \"${fd##*/} \"; done")),
            "54321\n54322\n1 ");
}

TEST_F(OtherUserTest, TellsTheErrnoOfItsProgram) {
  LaunchPlan plan = AsOther("exit");
  plan.path = "/etc/shadow";

  EXPECT_EQ(DetailOf(Launch(plan).status()).reason, "PROGRAM_NOT_EXECUTABLE");

  plan.directory = "/root/none";
  EXPECT_EQ(DetailOf(Launch(plan).status()).reason, "DIRECTORY_UNUSABLE");
}

// Stops whatever it may, for ever.
[[noreturn]] void StopEverything() {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (setresuid(kOther, kOther, kOther) != 0) {
    _exit(1);
  }
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  for (;;) {
    kill(-1, SIGSTOP);
  }
}

// Launches children until some of them were stopped before they ran, or many
// ran all the same. Exits with 0 when nothing else happened.
[[noreturn]] void LaunchUntilStopped() {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  int stopped = 0;
  for (int i = 0; i < 5'000 && stopped < 3; ++i) {
    const absl::StatusOr<LaunchedChild> child = Launch(AsOther("exit"));
    if (child.ok()) {
      kill(child->pid, SIGKILL);
      waitid(P_PID, static_cast<id_t>(child->pid), nullptr, WEXITED);
    } else if (DetailOf(child.status()).reason == "CHILD_STOPPED") {
      ++stopped;
    } else {
      _exit(1);
    }
  }
  _exit(0);
}

TEST_F(OtherUserTest, CannotStopTheLauncherByStoppingItsChild) {
  const pid_t stopper = fork();
  if (stopper == 0) {
    StopEverything();
  }
  const pid_t launcher = fork();
  if (launcher == 0) {
    LaunchUntilStopped();
  }

  AwaitGone(launcher);

  kill(stopper, SIGKILL);
  kill(launcher, SIGKILL);
  waitpid(stopper, nullptr, 0);
  int status = -1;
  waitpid(launcher, &status, 0);
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace farpoll::server
