// tests/integration/processes_test.cc: room: tests. Child processes over gRPC:
// what a client is told of them, and that the server ends each as it began it,
// whatever goes wrong.
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/substitute.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "selector/kqueue/kevent.h"
#include "server/policy/limits.h"
#include "tests/integration/peer.h"
#include "tests/integration/server_fixture.h"
#include "tests/support/temporary_folder.h"

namespace farpoll {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr auto kInvalid = grpc::StatusCode::INVALID_ARGUMENT;
constexpr auto kMissing = grpc::StatusCode::NOT_FOUND;
constexpr auto kState = grpc::StatusCode::FAILED_PRECONDITION;
constexpr auto kFull = grpc::StatusCode::RESOURCE_EXHAUSTED;

// Children of this process, which the server runs in, zombies included; the
// guardian, which stays, is none of them.
int CountChildren() {
  int count = 0;
  for (const auto& task :
       std::filesystem::directory_iterator("/proc/self/task")) {
    std::ifstream children(task.path() / "children");
    for (pid_t pid = 0; children >> pid;) {
      std::ifstream name(absl::StrCat("/proc/", pid, "/comm"));
      std::string text;
      std::getline(name, text);
      count += text != "farpoll-guard" ? 1 : 0;
    }
  }
  return count;
}

// A SpawnRequest of a shell with that script.
std::string Shell(absl::string_view script, absl::string_view more = "") {
  return absl::Substitute("name: 'c' argv: ['/bin/sh', '-c', \"$0\"] $1",
                          script, more);
}

class Processes : public ServerTest {
 protected:
  void SetUp() override {
    ServerTest::SetUp();
    peer().MakeSelector("poll");
  }
  // The guardian is started with the first child.
  void WarmUpWith(Peer& host) override {
    host.Must(&Sessions::CreateSession, "name: 'warm'");
    host.Must(&Handles::Spawn, "session: 'warm' argv: 'true'");
    host.Must(&Sessions::DeleteSession, "session: 'warm'");
    Await([] { return CountChildren() == 0; }, "the first child has gone");
  }
  void TearDown() override {
    ServerTest::TearDown();
    Await([] { return CountChildren() == 0; }, "no child is left");
  }

  v1::SpawnResponse Spawn(absl::string_view request) {
    return peer().Must(&Handles::Spawn, request);
  }
  // Waits for the end of the process and returns it.
  v1::ExitStatus AwaitExit(absl::string_view process) {
    peer().MakeSelector(absl::StrCat("exit-", process));
    peer().Register(absl::StrCat("exit-", process), process, kIn);
    const v1::PollResponse found = peer().Must(
        &Selectors::Poll,
        absl::Substitute("selector { name: 'exit-$0' } timeout { seconds: 20 }",
                         process));
    EXPECT_EQ(found.events_size(), 1) << process << " runs on";
    return found.events_size() == 1 ? found.events(0).exit() : v1::ExitStatus();
  }
  // Reads what comes until the end of file.
  std::string ReadAll(absl::string_view handle) {
    const std::string selector = absl::StrCat("read-", handle);
    peer().MakeSelector(selector);
    peer().Register(selector, handle, kIn);
    std::string all;
    for (;;) {
      EXPECT_NE(peer().Poll(selector, absl::Seconds(20)), "");
      const v1::ReadResponse piece = peer().Must(
          &Handles::Read,
          absl::Substitute("handle { name: '$0' } max_bytes: 65536", handle));
      if (piece.outcome() != v1::READ_OUTCOME_DATA) {
        return all;
      }
      all += piece.data();
    }
  }
};

// Whoever comes by TCP is nobody, and may start nothing.
INSTANTIATE_TEST_SUITE_P(Over, Processes, testing::Values(Transport::kUnix));

TEST_P(Processes, EndIsToldToAKqueueByProcProcdescAndSigchld) {
  Spawn(
      "name: 'child' argv: ['/bin/sleep', '100'] output: STDIO_NULL "
      "errors: STDIO_NULL");
  peer().MakeSelector("kq", "KQUEUE");
  const auto control = [this](absl::string_view more) {
    return peer().Must(
        &Selectors::Control,
        absl::StrCat("selector { name: 'kq' } with_names: true max_events: 8 ",
                     more));
  };
  const v1::ControlResponse nothing = control(absl::Substitute(
      "timeout {} changes { name: 'child' filter: $0 flags: 1 fflags: $1 } "
      "changes { name: 'child' filter: $2 flags: 1 fflags: $1 } "
      "changes { ident: $3 filter: $4 flags: 1 }",
      evfilt::kProc, note::kExit, evfilt::kProcdesc, SIGCHLD, evfilt::kSignal));
  EXPECT_EQ(nothing.kevents_size(), 0) << nothing.ShortDebugString();

  peer().Must(&Handles::Signal, "handle { name: 'child' } signal: 15");

  std::set<std::string> seen;
  while (seen.size() < 3) {
    const v1::ControlResponse answer = control("timeout { seconds: 20 }");
    ASSERT_GT(answer.kevents_size(), 0);
    for (const v1::Kevent& kevent : answer.kevents()) {
      seen.insert(absl::StrCat(kevent.name(), " ", kevent.filter(), " ",
                               kevent.data()));
    }
  }
  EXPECT_THAT(
      seen,
      ElementsAre(absl::StrCat(" ", evfilt::kSignal, " 1"),
                  absl::StrCat("child ", evfilt::kProc, " ", SIGTERM),
                  absl::StrCat("child ", evfilt::kProcdesc, " ", SIGTERM)));
}

TEST_P(Processes, ReportHowTheyEndedInTheEventAndForEverAfter) {
  Spawn(Shell("exit 3"));

  EXPECT_EQ(AwaitExit("c").code(), 3);

  const v1::Handle handle =
      peer().Must(&Handles::GetHandle, "handle { name: 'c' }").handle();
  EXPECT_EQ(handle.kind(), v1::HANDLE_KIND_PROCESS);
  EXPECT_GT(handle.process().pid(), 0);
  EXPECT_EQ(handle.process().program(), "/bin/sh");
  EXPECT_EQ(handle.process().exit().code(), 3);
}

TEST_P(Processes, ReportTheSignalThatKilledThem) {
  Spawn(Shell("kill -9 $$"));

  const v1::ExitStatus exit = AwaitExit("c");

  EXPECT_EQ(exit.signal(), SIGKILL);
  EXPECT_EQ(exit.code(), 0);
}

TEST_P(Processes, HaveTheirEndsAsHandles) {
  const v1::SpawnResponse made = Spawn(
      "name: 'c' argv: 'cat' input: STDIO_PIPE "
      "sockets { number: 3 type: SOCKET_TYPE_SEQPACKET }");
  std::vector<std::string> names;
  for (const v1::ChildEnd& end : made.ends()) {
    names.push_back(absl::StrCat(end.role(), "=", end.handle().name()));
  }
  EXPECT_THAT(names,
              ElementsAre("in=c.in", "out=c.out", "err=c.err", "fd3=c.fd3"));

  peer().Write("c.in", "through");
  peer().Close("c.in");

  EXPECT_EQ(ReadAll("c.out"), "through");
  EXPECT_EQ(AwaitExit("c").code(), 0);
}

TEST_P(Processes, MoveBytesThroughFullPipesBothWays) {
  Spawn("name: 'c' argv: 'cat' input: STDIO_PIPE pipe_capacity_bytes: 4096");
  peer().Register("poll", "c.in", kOut);
  const std::string block(4096, 'x');
  std::size_t written = 0;
  // Both pipes and cat's own buffer are full when no room comes.
  while (peer().Poll("poll", absl::Milliseconds(200)) != "") {
    written +=
        static_cast<std::size_t>(peer().Write("c.in", block).bytes_written());
  }
  EXPECT_GE(written, 2 * block.size());

  peer().Close("c.in");

  EXPECT_EQ(ReadAll("c.out").size(), written);
}

TEST_P(Processes, MayCloseTheirStreamsLongBeforeTheyEnd) {
  Spawn(Shell("exec >&- 2>&-; read -r line; exit 5", "input: STDIO_PIPE"));

  EXPECT_EQ(ReadAll("c.out"), "");
  EXPECT_EQ(ReadAll("c.err"), "");
  peer().Register("poll", "c", kIn);
  EXPECT_EQ(peer().Poll("poll", absl::ZeroDuration()), "");
  peer().Write("c.in", "go\\n");

  EXPECT_EQ(AwaitExit("c").code(), 5);
}

TEST_P(Processes, HaveATerminalThatCanBeResized) {
  Spawn(
      Shell("stty size; trap 'stty size; exit 0' WINCH; echo ready; "
            "while :; do read -r line || :; done",
            "input: STDIO_PTY output: STDIO_PTY errors: STDIO_PTY "
            "terminal_size { rows: 30 columns: 100 }"));
  std::string said;
  peer().Register("poll", "c.pty", kIn);
  while (said.find("ready") == std::string::npos) {
    ASSERT_NE(peer().Poll("poll", absl::Seconds(20)), "");
    said += peer().Read("c.pty");
  }
  EXPECT_THAT(said, HasSubstr("30 100"));

  peer().Must(&Handles::ResizePty,
              "handle { name: 'c.pty' } size { rows: 7 columns: 8 }");

  EXPECT_THAT(ReadAll("c.pty"), HasSubstr("7 8"));
  EXPECT_EQ(AwaitExit("c").code(), 0);
}

TEST_P(Processes, TakeSignalsUntilTheyHaveEnded) {
  Spawn("name: 'c' argv: ['sleep', '1000']");

  peer().Must(&Handles::Signal, "handle { name: 'c' } signal: 0");
  peer().Must(&Handles::Signal, "handle { name: 'c' } signal: 15 group: true");

  EXPECT_EQ(AwaitExit("c").signal(), SIGTERM);
  EXPECT_THAT(peer().Call(&Handles::Signal, "handle { name: 'c' } signal: 15"),
              Fails(kState, "ESRCH", "PROCESS_ENDED"));
}

TEST_P(Processes, AreRefusedWithTheReason) {
  Spawn("name: 'c' argv: ['sleep', '1000']");
  const TemporaryFolder folder;  // it is empty
  struct Row {
    std::string request;
    grpc::StatusCode code;
    const char* errno_name;
    const char* reason;
  };
  const Row rows[] = {
      {absl::Substitute("argv: '$0/x'", folder.path()), kMissing, "ENOENT",
       "PROGRAM_NOT_FOUND"},
      {"argv: 'nonexistent'", kMissing, "ENOENT", "PROGRAM_NOT_FOUND"},
      {"argv: '/etc/passwd'", grpc::StatusCode::PERMISSION_DENIED, "EACCES",
       "PROGRAM_NOT_EXECUTABLE"},
      {"argv: './cat'", kInvalid, "EINVAL", "BAD_PROGRAM"},
      {"", kInvalid, "EINVAL", "BAD_ARGUMENT"},
      {absl::Substitute("argv: 'cat' working_directory: '$0/x'", folder.path()),
       kMissing, "ENOENT", "DIRECTORY_UNUSABLE"},
      {"argv: 'cat' working_directory: 'tmp'", kInvalid, "EINVAL", "BAD_PATH"},
      {"argv: 'cat' environment { key: 'LD_PRELOAD' value: 'x' }",
       grpc::StatusCode::PERMISSION_DENIED, "EACCES", "POLICY_ENVIRONMENT"},
      {"argv: 'cat' input: STDIO_STDOUT", kInvalid, "EINVAL", "BAD_STDIO"},
      {"argv: 'cat' input: 77", kInvalid, "EINVAL", "BAD_STDIO"},
      {"argv: 'cat' on_close: 77", kInvalid, "EINVAL", "BAD_ON_CLOSE"},
      {"argv: 'cat' grace { seconds: -1 }", kInvalid, "EINVAL", "BAD_GRACE"},
      {"argv: 'cat' grace { seconds: 6000 }", kInvalid, "EINVAL", "BAD_GRACE"},
      {"argv: 'cat' pipe_capacity_bytes: -1", kInvalid, "EINVAL", "BAD_SIZE"},
      {"argv: 'cat' sockets { number: 1 }", kInvalid, "EINVAL",
       "BAD_DESCRIPTOR"},
      {"argv: 'cat' limits { resource: 'luck' }", kInvalid, "EINVAL",
       "BAD_LIMIT"},
      {"argv: 'cat' output: STDIO_PTY terminal_size { rows: 70000 }", kInvalid,
       "EINVAL", "BAD_SIZE"},
      {"argv: 'cat' name: 'c'", grpc::StatusCode::ALREADY_EXISTS, "EEXIST",
       "NAME_TAKEN"},
      {"argv: 'cat' name: '-'", kInvalid, "EINVAL", "BAD_NAME"},
      {"argv: 'cat' template: 't'", kMissing, "ENOENT", "TEMPLATE_UNKNOWN"},
  };
  for (const Row& row : rows) {
    EXPECT_THAT(peer().Call(&Handles::Spawn, row.request),
                Fails(row.code, row.errno_name, row.reason))
        << row.request;
  }
  EXPECT_THAT(peer().Call(&Handles::Signal, "handle { name: 'c.out' }"),
              Fails(kInvalid, "EINVAL", "NO_PROCESS"));
  EXPECT_THAT(peer().Call(&Handles::ResizePty, "handle { name: 'c' }"),
              Fails(kInvalid, "EINVAL", "NO_TERMINAL"));
  EXPECT_THAT(peer().Call(&Handles::Read, "handle { name: 'c' } max_bytes: 1"),
              Fails(kState, "EBADF", ""));
}

TEST_P(Processes, FreeTheirNamesWhenTheyCouldNotStart) {
  const auto broken = peer().Call(&Handles::Spawn, "name: 'c' argv: '/none'");
  EXPECT_THAT(broken, Fails(kMissing, "ENOENT", "PROGRAM_NOT_FOUND"));

  Spawn("name: 'c' argv: 'true'");

  EXPECT_EQ(AwaitExit("c").code(), 0);
}

TEST_P(Processes, EndWithTheirSessionEvenIfTheyIgnoreIt) {
  Spawn(Shell("trap '' TERM HUP; sleep 1000 & echo ready; wait; sleep 1000",
              "grace { nanos: 50000000 }"));
  peer().Register("poll", "c.out", kIn);
  EXPECT_EQ(peer().Poll("poll", absl::Seconds(20)), "c.out:1");
  EXPECT_EQ(CountChildren(), 1);

  peer().EndSession();

  Await([] { return CountChildren() == 0; }, "the child has gone");
}

TEST_P(Processes, EndWithTheirHandle) {
  Spawn("name: 'c' argv: ['sleep', '1000']");

  peer().Close("c");

  Await([] { return CountChildren() == 0; }, "the child has gone");
}

TEST_P(Processes, FiveHundredAtOnceAllReportTheirEnd) {
  constexpr int kCount = 500;
  std::atomic<int> next{0};
  std::vector<std::thread> callers;
  for (int i = 0; i < 4; ++i) {
    callers.emplace_back([&] {
      for (int n = next++; n < kCount; n = next++) {
        peer().Must(&Handles::Spawn,
                    absl::StrCat("name: 'c", n,
                                 "' argv: 'cat' input: STDIO_PIPE output: "
                                 "STDIO_NULL errors: STDIO_NULL"));
      }
    });
  }
  for (std::thread& caller : callers) {
    caller.join();
  }
  EXPECT_EQ(CountChildren(), kCount);
  for (int n = 0; n < kCount; ++n) {
    peer().Register("poll", absl::StrCat("c", n), kIn, "ONESHOT");
  }

  for (int n = 0; n < kCount; ++n) {
    peer().Close(absl::StrCat("c", n, ".in"));
  }

  std::set<std::int64_t> ended;
  while (ended.size() < kCount) {
    const v1::PollResponse found = peer().Must(
        &Selectors::Poll, "selector { name: 'poll' } timeout { seconds: 20 }");
    ASSERT_GT(found.events_size(), 0);
    for (const v1::Event& event : found.events()) {
      EXPECT_TRUE(event.has_exit());
      ended.insert(event.handle_id());
    }
  }
}

TEST_P(Processes, LeaveNothingWhenTheirSessionEndsDuringSpawn) {
  for (int round = 0; round < 20; ++round) {
    Peer other(address());
    std::thread spawning([&] {
      // Either answer will do; what matters is what is left.
      (void)other.Call(&Handles::Spawn, "argv: ['sleep', '1000']");
    });

    other.EndSession();

    spawning.join();
  }

  Await([] { return CountChildren() == 0; }, "no child is left");
}

class ProcessLimits : public Processes {
 protected:
  void SetUp() override {
    server::Limits limits;
    limits.max_session_processes = 2;
    limits.max_processes = 3;
    limits.max_child_sockets = 1;
    Start(limits);
  }
};

INSTANTIATE_TEST_SUITE_P(Over, ProcessLimits,
                         testing::Values(Transport::kUnix));

TEST_P(ProcessLimits, HoldForSessionAndServerAndAreGivenBack) {
  Peer other(address());
  Spawn("name: 'a' argv: ['sleep', '1000']");
  Spawn("name: 'b' argv: ['sleep', '1000']");

  EXPECT_THAT(peer().Call(&Handles::Spawn, "argv: 'true'"),
              Fails(kFull, "EAGAIN", "LIMIT_SESSION_PROCESSES"));
  other.Must(&Handles::Spawn, "argv: ['sleep', '1000']");
  EXPECT_THAT(other.Call(&Handles::Spawn, "argv: 'true'"),
              Fails(kFull, "EAGAIN", "LIMIT_PROCESSES"));
  EXPECT_THAT(peer().Call(&Handles::Spawn,
                          "argv: 'true' sockets { number: 3 } "
                          "sockets { number: 4 }"),
              Fails(kFull, "EMFILE", "LIMIT_CHILD_SOCKETS"));

  peer().Close("a");
  Await(
      [&] {
        return peer()
            .Call(&Handles::Spawn, "argv: ['sleep', '1000']")
            .status.ok();
      },
      "the place of the closed one is free");
}

}  // namespace
}  // namespace farpoll
