// tests/server/process/process_test.cc: room: tests. Children without gRPC: how
// they are started, what they get, how they are ended, and that nothing stays.
#include "server/handle/process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <future>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "server/handle/pty.h"
#include "server/process/program.h"
#include "tests/server/process/process_fixture.h"
#include "tests/support/temporary_folder.h"

namespace farpoll::server {
namespace {

using testing::ElementsAre;

// ---- What a child gets.

TEST_F(Processes, GetsItsArgumentsWithoutAShell) {
  EXPECT_EQ(Output(LaunchPlan{.path = "/usr/bin/printf",
                              .argv = {"printf", "%s|", "a b", "$HOME", ""}}),
            "a b|$HOME||");
}

TEST_F(Processes, HasItsThreeDescriptorsAndNoOther) {
  const Pipe inheritable(0);
  fcntl(inheritable.reader(), F_SETFD, 0);

  EXPECT_EQ(Output("for fd in /proc/$$/fd/*; do test -e $fd && echo -n "
                   "\"${fd##*/} \"; done; :"),
            "0 1 2 ");
}

TEST_F(Processes, HasItsSocketsUnderTheirNumbersAndNothingBetween) {
  const ChildEndsSpec spec{.sockets = {{.number = 7}, {.number = 4}}};

  EXPECT_EQ(Output(Shell("for fd in /proc/$$/fd/*; do test -e $fd && echo -n "
                         "\"${fd##*/} \"; done; :"),
                   spec),
            "0 1 2 4 7 ");
}

TEST_F(Processes, TalksOverAnExtraSocket) {
  Started child = Start(Shell("read -r line <&5; echo \"got $line\" >&5"),
                        {.sockets = {{.number = 5}}});

  Write(child.end("fd5"), "ping\n");

  EXPECT_EQ(ReadLine(child.end("fd5")), "got ping");
  Close(child);
}

TEST_F(Processes, IsToldOfItsSocketsAsByTheServiceManager) {
  const ChildEndsSpec spec{
      .sockets = {{.number = 3, .name = "http"}, {.number = 4}},
      .listen_fds = true};

  EXPECT_EQ(Output(Shell("test $LISTEN_PID = $$ && "
                         "echo $LISTEN_FDS $LISTEN_FDNAMES"),
                   spec),
            "2 http:unknown\n");
}

TEST_F(Processes, HasTheEnvironmentOfItsPlanAlone) {
  LaunchPlan plan{.path = "/usr/bin/env", .argv = {"env"}};
  plan.environment = {"A=1", "B=two words"};

  EXPECT_EQ(Output(std::move(plan)), "A=1\nB=two words\n");
}

TEST_F(Processes, StartsInItsDirectory) {
  LaunchPlan plan = Shell("pwd");
  plan.directory = "/usr";

  EXPECT_EQ(Output(std::move(plan)), "/usr\n");
}

TEST_F(Processes, LeadsASessionAndAGroupOfItsOwn) {
  // pid, group, session.
  const std::string output =
      Output("read -r stat </proc/self/stat; set -- $stat; echo $1 $5 $6; :");
  const std::vector<std::string> numbers =
      absl::StrSplit(absl::StripSuffix(output, "\n"), ' ');
  ASSERT_EQ(numbers.size(), 3u);

  EXPECT_THAT(numbers, ElementsAre(numbers[0], numbers[0], numbers[0]));
}

TEST_F(Processes, HasDefaultSignalsAPrivateUmaskAndNoNewPrivileges) {
  signal(SIGPIPE, SIG_IGN);
  sigset_t usr1;
  sigemptyset(&usr1);
  sigaddset(&usr1, SIGUSR1);
  pthread_sigmask(SIG_BLOCK, &usr1, nullptr);

  const std::string output = Output(
      "umask; exec grep -E '^(SigBlk|SigIgn|NoNewPrivs)' /proc/self/status");

  pthread_sigmask(SIG_UNBLOCK, &usr1, nullptr);
  EXPECT_EQ(output,
            "0077\nSigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n"
            "NoNewPrivs:\t1\n");
}

TEST_F(Processes, HasItsResourceLimits) {
  LaunchPlan plan = Shell("ulimit -c; ulimit -n");
  plan.limits = {{RLIMIT_CORE, {0, 0}}, {RLIMIT_NOFILE, {77, 88}}};

  EXPECT_EQ(Output(std::move(plan)), "0\n77\n");
}

TEST_F(Processes, ReadsNothingUnlessItHasAPipe) {
  EXPECT_EQ(Output("cat; echo end"), "end\n");
}

TEST_F(Processes, MergesErrorsIntoOutput) {
  EXPECT_EQ(Output(Shell("echo one; echo two >&2; echo three"),
                   {.err = Stdio::kStdout}),
            "one\ntwo\nthree\n");
}

TEST_F(Processes, SharesOneSocketForItsStreams) {
  Started child = Start(Shell("read -r line; echo \"$line!\"; echo bad >&2"),
                        {.in = Stdio::kSocket, .out = Stdio::kSocket});

  Write(child.end("io"), "hello\n");

  EXPECT_EQ(ReadLine(child.end("io")), "hello!");
  EXPECT_EQ(ReadAll(child.end("err")), "bad\n");
  Close(child);
}

TEST_F(Processes, HasBlockingEndsWhileOursDoNotBlock) {
  Started child = Start(Shell("sleep 0.05; cat"), {.in = Stdio::kPipe});

  EXPECT_EQ(fcntl(child.end("in"), F_GETFL) & O_NONBLOCK, O_NONBLOCK);
  Write(child.end("in"), "late");
  child.ends.erase(child.ends.begin());

  EXPECT_EQ(ReadAll(child.end("out")), "late");
  Close(child);
}

TEST_F(Processes, HasAControllingTerminalOfTheSizeAsked) {
  const ChildEndsSpec on_pty{.in = Stdio::kPty,
                             .out = Stdio::kPty,
                             .err = Stdio::kPty,
                             .terminal_size = {.rows = 30, .columns = 100}};
  Started child =
      Start(Shell("trap 'stty size; exit 0' WINCH; stty size </dev/tty; "
                  "while :; do read -r line || :; done"),
            on_pty);

  EXPECT_EQ(ReadLine(child.end("pty")), "30 100\r");
  EXPECT_THAT(ResizePty(child.end("pty"), {.rows = 5, .columns = 6}), IsOk());
  EXPECT_EQ(ReadLine(child.end("pty")), "5 6\r");

  EXPECT_EQ(child.AwaitExit(), ExitStatus{.code = 0});
  Close(child);
}

TEST_F(Processes, InterruptsTheForegroundOfItsTerminal) {
  const ChildEndsSpec on_pty{
      .in = Stdio::kPty, .out = Stdio::kPty, .err = Stdio::kPty};
  Started child = Start(Shell("echo ready; exec sleep 1000"), on_pty);
  EXPECT_EQ(ReadLine(child.end("pty")), "ready\r");

  Write(child.end("pty"), "\x03");

  EXPECT_EQ(child.AwaitExit(), ExitStatus{.signal = SIGINT});
  Close(child);
}

// ---- How it ends.

TEST_F(Processes, TellsHowItEndedAsOftenAsAsked) {
  Started failing = Start(Shell("exit 42"));
  Started killed = Start(Shell("kill -9 $$"));

  for (int times = 0; times < 3; ++times) {
    EXPECT_EQ(failing.AwaitExit(), ExitStatus{.code = 42});
    EXPECT_EQ(killed.AwaitExit(), ExitStatus{.signal = SIGKILL});
  }
  Close(failing);
  Close(killed);
}

TEST_F(Processes, KeepsItsStatusWhereSigchldWasIgnored) {
  signal(SIGCHLD, SIG_IGN);

  Started child = Start(Shell("exit 7"));

  EXPECT_EQ(child.AwaitExit(), ExitStatus{.code = 7});
  Close(child);
}

TEST_F(Processes, TakesSignalsUntilItHasEnded) {
  Started child =
      Start(Shell("trap 'echo usr1' USR1; echo ready; "
                  "while :; do sleep 0.01; done"));
  EXPECT_EQ(ReadLine(child.end("out")), "ready");

  EXPECT_THAT(SignalChild(child.pidfd.get(), child.process, SIGUSR1, false),
              IsOk());
  EXPECT_EQ(ReadLine(child.end("out")), "usr1");
  EXPECT_THAT(SignalChild(child.pidfd.get(), child.process, 99, false),
              HasErrno(EINVAL));
  EXPECT_THAT(SignalChild(child.pidfd.get(), child.process, SIGTERM, true),
              IsOk());
  EXPECT_EQ(child.AwaitExit(), ExitStatus{.signal = SIGTERM});

  const absl::Status late =
      SignalChild(child.pidfd.get(), child.process, SIGTERM, false);
  EXPECT_THAT(late, HasErrno(ESRCH));
  EXPECT_THAT(late, StatusIs(absl::StatusCode::kFailedPrecondition));
  Close(child);
}

TEST_F(Processes, EndsByTermWhenItsHandleIsClosed) {
  Started child = Start(Shell("trap 'echo bye; exit 0' TERM; echo ready; "
                              "while :; do sleep 0.01; done"),
                        {.err = Stdio::kNull});
  EXPECT_EQ(ReadLine(child.end("out")), "ready");
  const UniqueFd out = Duplicate(child.end("out"));

  Close(child);

  EXPECT_EQ(ReadLine(out.get()), "bye");
  AwaitNone();
}

TEST_F(Processes, EndsByKillAfterTheGraceTimeWhenItIgnoresTerm) {
  Started child = Start(Shell("trap '' TERM; echo ready; sleep 1000; :"), {},
                        OnClose::kKill, absl::Milliseconds(50));
  EXPECT_EQ(ReadLine(child.end("out")), "ready");
  const pid_t pid = child.process.pid;

  Close(child);

  AwaitGone(pid);
  AwaitNone();
}

TEST_F(Processes, EndsWithItsChildrenOfWhateverGroup) {
  // One in the group that ignores SIGTERM, one in a group of its own.
  Started child = Start(
      Shell("(trap '' TERM; echo $(exec sh -c 'echo $PPID'); sleep 1000; :) & "
            "timeout 1000 sh -c 'echo $$; sleep 1000; :' & "
            "sleep 1000"),
      {}, OnClose::kKill, absl::Milliseconds(50));
  pid_t one = 0;
  pid_t other = 0;
  ASSERT_TRUE(absl::SimpleAtoi(ReadLine(child.end("out")), &one));
  ASSERT_TRUE(absl::SimpleAtoi(ReadLine(child.end("out")), &other));
  ASSERT_TRUE(Runs(one));
  ASSERT_TRUE(Runs(other));

  Close(child);

  AwaitGone(one);
  AwaitGone(other);
  AwaitNone();
}

TEST_F(Processes, WaitsNoLongerThanItsChildrenNeed) {
  // Its child takes its time after SIGTERM, but nothing like the grace.
  Started child =
      Start(Shell("(trap 'sleep 0.05; echo cleaned; exit' TERM; echo ready; "
                  "while :; do sleep 0.01; done) & exec sleep 1000"),
            {.err = Stdio::kNull}, OnClose::kKill, absl::Hours(1));
  EXPECT_EQ(ReadLine(child.end("out")), "ready");
  const UniqueFd out = Duplicate(child.end("out"));

  Close(child);

  EXPECT_EQ(ReadLine(out.get()), "cleaned");
  EXPECT_EQ(ReadAll(out.get()), "");
  while (children_->quota().used() != 0) {
    std::this_thread::yield();
  }
}

TEST_F(Processes, StaysWhenItMay) {
  Started child = Start(Shell("echo ready; read -r line; exit"),
                        {.in = Stdio::kPipe}, OnClose::kKeep);
  EXPECT_EQ(ReadLine(child.end("out")), "ready");
  const UniqueFd input = Duplicate(child.end("in"));
  const pid_t pid = child.process.pid;

  Close(child);

  EXPECT_TRUE(Runs(pid));
  Write(input.get(), "go\n");
  AwaitGone(pid);
  while (children_->quota().used() != 0) {
    std::this_thread::yield();
  }
}

TEST_F(Processes, IsHungUpWhenThatWasAsked) {
  Started child = Start(Shell("trap 'echo hup; exit 0' HUP; echo ready; "
                              "while :; do sleep 0.01; done"),
                        {.err = Stdio::kNull}, OnClose::kHangUp);
  EXPECT_EQ(ReadLine(child.end("out")), "ready");
  const UniqueFd out = Duplicate(child.end("out"));

  Close(child);

  EXPECT_EQ(ReadLine(out.get()), "hup");
  AwaitNone();
}

TEST_F(Processes, FiveHundredAtOnceLeaveNothing) {
  std::vector<Started> all;
  for (int i = 0; i < 500; ++i) {
    all.push_back(
        Start(LaunchPlan{.path = "/bin/sleep", .argv = {"sleep", "1000"}},
              {.out = Stdio::kNull, .err = Stdio::kNull}));
  }

  for (Started& child : all) {
    Close(child);
  }

  AwaitNone();
}

// ---- What goes wrong.

TEST_F(Processes, AnswersWithTheErrnoOfTheProgram) {
  const TemporaryFolder folder;
  struct Row {
    std::string path;
    int number;
    const char* reason;
  };
  for (const Row& row : {Row{folder.path() + "/x", ENOENT, "PROGRAM_NOT_FOUND"},
                         Row{"/etc/passwd", EACCES, "PROGRAM_NOT_EXECUTABLE"},
                         Row{"/", EACCES, "PROGRAM_NOT_EXECUTABLE"}}) {
    const absl::Status status =
        TryLaunch(LaunchPlan{.path = row.path, .argv = {"x"}}).status();
    EXPECT_THAT(status, HasErrno(row.number)) << row.path;
    EXPECT_EQ(DetailOf(status).reason, row.reason) << row.path;
  }
}

TEST_F(Processes, AnswersWithTheErrnoOfItsDirectory) {
  LaunchPlan plan = Shell("exit");
  const TemporaryFolder folder;
  plan.directory = folder.path() + "/missing";

  const absl::Status status = TryLaunch(std::move(plan)).status();

  EXPECT_THAT(status, HasErrno(ENOENT));
  EXPECT_EQ(DetailOf(status).reason, "DIRECTORY_UNUSABLE");
}

TEST(LaunchTest, AnswersResourceExhaustedWhenThereAreNoMoreProcesses) {
  const pid_t pid = fork();
  if (pid == 0) {
    // Root may have any number of them.
    (void)!setresuid(65534, 65534, 65534);
    const rlimit one{1, 1};
    setrlimit(RLIMIT_NPROC, &one);
    const absl::Status status =
        Launch(LaunchPlan{.path = "/bin/true", .argv = {"true"}}).status();
    _exit(absl::IsResourceExhausted(status) && ErrnoOf(status) == EAGAIN ? 0
                                                                         : 1);
  }

  int status = 0;
  waitpid(pid, &status, 0);

  EXPECT_EQ(status, 0);
}

TEST_F(Processes, RefusesDescriptorsThatMakeNoSense) {
  struct Row {
    ChildEndsSpec spec;
    const char* reason;
  };
  const Row rows[] = {
      {{.in = Stdio::kStdout}, "BAD_STDIO"},
      {{.out = Stdio::kStdout}, "BAD_STDIO"},
      {{.sockets = {{.number = 2}}}, "BAD_DESCRIPTOR"},
      {{.sockets = {{.number = 256}}}, "BAD_DESCRIPTOR"},
      {{.sockets = {{.number = 3}, {.number = 3}}}, "BAD_DESCRIPTOR"},
      {{.sockets = {{.number = 4}}, .listen_fds = true}, "BAD_DESCRIPTOR"},
      {{.sockets = {{.number = 3, .name = "a:b"}}}, "BAD_DESCRIPTOR"},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(DetailOf(MakeChildEnds(row.spec).status()).reason, row.reason);
  }
}

TEST(ChildEndsTest, OurEndsTakeNoDescriptorsAndItsOwnDo) {
  constexpr int kSoPassRights = 83;
  const auto ends = MakeChildEnds({.in = Stdio::kSocket,
                                   .out = Stdio::kSocket,
                                   .sockets = {{.number = 3}}});
  ASSERT_THAT(ends, IsOk());
  const auto takes = [](int fd) {
    int on = -1;
    socklen_t size = sizeof(on);
    getsockopt(fd, SOL_SOCKET, kSoPassRights, &on, &size);
    return on;
  };
  if (takes(ends->child.back().fd.get()) == -1) {
    GTEST_SKIP() << "before Linux 6.16 nobody can refuse them";
  }

  EXPECT_EQ(takes(ends->child.front().fd.get()), 1);
  EXPECT_EQ(takes(ends->child.back().fd.get()), 1);
  EXPECT_EQ(takes(ends->server.front().fd.get()), 0);
  EXPECT_EQ(takes(ends->server.back().fd.get()), 0);
}

TEST(ProgramTest, IsFoundByAbsolutePathOrInTheListGiven) {
  EXPECT_THAT(FindProgram("/any/path", ""), IsOkAndHolds("/any/path"));
  const TemporaryFolder folder;  // it is empty
  EXPECT_THAT(FindProgram("env", folder.path() + ":/usr/bin"),
              IsOkAndHolds("/usr/bin/env"));
  EXPECT_THAT(FindProgram("env", folder.path()), HasErrno(ENOENT));
  EXPECT_THAT(FindProgram("./env", "/usr/bin"), HasErrno(EINVAL));
  EXPECT_THAT(FindProgram("", "/usr/bin"), HasErrno(EINVAL));
}

// ---- The guardian.

// Children that ignore what can be ignored, with children of their own in the
// group and in another group; writes all their numbers.
[[noreturn]] void ServeStubbornChildren(int output) {
  RealClock clock;
  Spawner spawner;
  std::promise<void> launched;
  LaunchPlan plan{.path = "/bin/sh",
                  .argv = {"sh", "-c",
                           "trap '' TERM HUP INT; echo $$; "
                           "sh -c 'echo $$; sleep 1000; :' & "
                           "timeout 1000 sh -c 'echo $$; sleep 1000; :' & "
                           "sleep 1000; :"}};
  plan.descriptors.push_back({1, UniqueFd(dup(output))});
  spawner.Launch(std::move(plan), [&](absl::StatusOr<LaunchedChild> child) {
    (void)child->pidfd.Release();
    launched.set_value();
  });
  launched.get_future().wait();
  for (;;) {
    pause();
  }
}

TEST(GuardianTest, KillsEverythingWhenTheServerIsKilled) {
  Pipe numbers;
  fcntl(numbers.writer(), F_SETFL, 0);
  const pid_t server = fork();
  if (server == 0) {
    ServeStubbornChildren(numbers.writer());
  }
  numbers.write_end.Reset();
  std::vector<pid_t> children(3);
  for (pid_t& child : children) {
    ASSERT_TRUE(absl::SimpleAtoi(ReadLine(numbers.reader()), &child));
    EXPECT_TRUE(Runs(child));
  }

  kill(server, SIGKILL);
  waitpid(server, nullptr, 0);

  for (const pid_t child : children) {
    AwaitGone(child);
  }
  EXPECT_EQ(ReadAll(numbers.reader()), "");  // nobody holds it any more
}

}  // namespace
}  // namespace farpoll::server
