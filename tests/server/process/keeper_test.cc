// tests/server/process/keeper_test.cc: room: tests. Who is told that it is to
// end, and how often.
// Source: docs/processes.md.
#include <signal.h>
#include <sys/wait.h>

#include <string>
#include <thread>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "tests/server/process/process_fixture.h"

namespace farpoll::server {
namespace {

constexpr absl::Duration kNoKill = absl::Hours(1);

void AwaitStopped(const Started& child) {
  siginfo_t info{};
  EXPECT_EQ(waitid(P_PIDFD, static_cast<id_t>(child.pidfd.get()), &info,
                   WSTOPPED | WNOWAIT),
            0);
}

// The number in a line such as "a 4711".
pid_t NumberIn(absl::string_view line, absl::string_view name) {
  pid_t number = 0;
  EXPECT_TRUE(absl::ConsumePrefix(&line, name) &&
              absl::SimpleAtoi(line, &number))
      << line;
  return number;
}

TEST_F(Processes, AsksItsWholeGroupWhileItsLeaderDoesNotListen) {
  Started child =
      Start(Shell("(trap 'echo member; exit' TERM; echo ready; "
                  "while :; do sleep 0.01; done) & "
                  "trap '' TERM; echo ready; while :; do sleep 1000; done"),
            {.err = Stdio::kNull}, OnClose::kKill, kNoKill);
  EXPECT_EQ(ReadLine(child.end("out")), "ready");
  EXPECT_EQ(ReadLine(child.end("out")), "ready");
  const UniqueFd out = Duplicate(child.end("out"));

  Close(child);

  EXPECT_EQ(ReadLine(out.get()), "member");
}

TEST_F(Processes, HearsThatItIsToEndWhileItIsStopped) {
  Started child = Start(Shell("trap 'echo bye; exit 0' TERM; echo ready; "
                              "kill -STOP $$; while :; do sleep 0.01; done"),
                        {.err = Stdio::kNull}, OnClose::kKill, kNoKill);
  EXPECT_EQ(ReadLine(child.end("out")), "ready");
  AwaitStopped(child);
  const UniqueFd out = Duplicate(child.end("out"));

  Close(child);

  EXPECT_EQ(ReadLine(out.get()), "bye");
}

TEST_F(Processes, HearsAHangUpWhileItIsStopped) {
  Started child = Start(Shell("trap 'echo bye; exit 0' HUP; echo ready; "
                              "kill -STOP $$; while :; do sleep 0.01; done"),
                        {.err = Stdio::kNull}, OnClose::kHangUp, kNoKill);
  EXPECT_EQ(ReadLine(child.end("out")), "ready");
  AwaitStopped(child);
  const UniqueFd out = Duplicate(child.end("out"));

  Close(child);

  EXPECT_EQ(ReadLine(out.get()), "bye");
}

TEST_F(Processes, AsksWhatIsLeftOfItsSessionOnce) {
  // Two in groups of their own. The first, which the keeper finds first, ends
  // when it reads; the second tells of each SIGTERM.
  Started child = Start(
      Shell("perl -e 'setpgrp; $SIG{TERM} = q(IGNORE); $| = 1; "
            "print qq(a $$\\n); <STDIN>' <&5 & "
            "perl -e 'setpgrp; $SIG{TERM} = sub { print qq(term\\n) }; $| = 1; "
            "$SIG{PWR} = sub { print qq(bye\\n); exit }; "
            "print qq(b $$\\n); sleep while 1' & "
            "exec sleep 1000"),
      {.sockets = {{.number = 5}}}, OnClose::kKill, kNoKill);
  const std::string one = ReadLine(child.end("out"));
  const std::string other = ReadLine(child.end("out"));
  const bool in_order = one.front() == 'a';
  const pid_t first = NumberIn(in_order ? one : other, "a ");
  const pid_t second = NumberIn(in_order ? other : one, "b ");
  const UniqueFd out = Duplicate(child.end("out"));
  const UniqueFd input = Duplicate(child.end("fd5"));
  Close(child);
  EXPECT_EQ(ReadLine(out.get()), "term");

  Write(input.get(), "end\n");
  AwaitGone(first);
  // Ends are looked at in order: with this child's, the first one's is done.
  Started later = Start(Shell("exit"));
  later.AwaitExit();
  Close(later);
  while (children_->quota().used() != 1) {
    std::this_thread::yield();
  }
  kill(second, SIGPWR);

  EXPECT_EQ(ReadLine(out.get()), "bye");
}

}  // namespace
}  // namespace farpoll::server
