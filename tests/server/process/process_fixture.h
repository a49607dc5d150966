// tests/server/process/process_fixture.h: room: tests. Children without gRPC,
// as tests start them and listen to them.
#ifndef FARPOLL_TESTS_SERVER_PROCESS_PROCESS_FIXTURE_H_
#define FARPOLL_TESTS_SERVER_PROCESS_PROCESS_FIXTURE_H_

#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "base/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/handle/process.h"
#include "server/process/child_ends.h"
#include "server/process/children.h"
#include "server/reactor/reactor.h"
#include "tests/support/fd_fixtures.h"
#include "tests/support/status_matchers.h"

namespace farpoll::server {

// Whether there is something to read, or an end, within 10 s.
inline bool AwaitReadable(int fd) {
  pollfd entry{fd, POLLIN, 0};
  return poll(&entry, 1, 10'000) == 1;
}

// Everything until its end.
inline std::string ReadAll(int fd) {
  std::string all;
  for (;;) {
    if (!AwaitReadable(fd)) {
      ADD_FAILURE() << "no end of output; so far: " << all;
      return all;
    }
    char bytes[4096];
    const ssize_t got = read(fd, bytes, sizeof(bytes));
    if (got <= 0) {
      return all;  // a terminal's end is EIO
    }
    all.append(bytes, static_cast<std::size_t>(got));
  }
}

// One line.
inline std::string ReadLine(int fd) {
  std::string line;
  for (char byte = 0;
       AwaitReadable(fd) && read(fd, &byte, 1) == 1 && byte != '\n';) {
    line += byte;
  }
  return line;
}

inline bool Runs(pid_t pid) {
  std::ifstream stat(absl::StrCat("/proc/", pid, "/stat"));
  std::string text;
  std::getline(stat, text);
  const std::size_t name_end = text.rfind(')');
  return name_end != std::string::npos && text[name_end + 2] != 'Z';
}

inline void AwaitGone(pid_t pid) {
  const UniqueFd process(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  if (process.valid()) {
    EXPECT_TRUE(AwaitReadable(process.get())) << pid << " runs";
  }
}

// A child and the server's ends of its descriptors.
struct Started {
  Process process;
  UniqueFd pidfd;
  std::vector<ServerEnd> ends;

  int end(const std::string& suffix) const {
    for (const ServerEnd& one : ends) {
      if (one.suffix == suffix) {
        return one.fd.get();
      }
    }
    ADD_FAILURE() << "there is no end " << suffix;
    return -1;
  }
  absl::optional<ExitStatus> AwaitExit() const {
    EXPECT_TRUE(AwaitReadable(pidfd.get()));
    return ExitOf(pidfd.get());
  }
};

class Processes : public testing::Test {
 protected:
  void SetUp() override {
    reactor_ = *Reactor::Start(&clock_);
    children_ = std::make_unique<Children>(1000, &clock_, reactor_.get());
  }
  void TearDown() override {
    children_->EndAll(absl::ZeroDuration());
    EXPECT_EQ(children_->quota().used(), 0);
    reactor_.reset();
    children_.reset();
    EXPECT_EQ(waitpid(-1, nullptr, WNOHANG), -1) << "a child was left";
  }

  static LaunchPlan Shell(const std::string& script) {
    return LaunchPlan{.path = "/bin/sh", .argv = {"sh", "-c", script}};
  }

  absl::StatusOr<LaunchedChild> TryLaunch(LaunchPlan plan) {
    std::promise<absl::StatusOr<LaunchedChild>> answer;
    children_->Launch(std::move(plan),
                      [&](absl::StatusOr<LaunchedChild> child) {
                        answer.set_value(std::move(child));
                      });
    return answer.get_future().get();
  }

  Started Start(LaunchPlan plan, const ChildEndsSpec& spec = {},
                OnClose on_close = OnClose::kKill,
                absl::Duration grace = absl::Seconds(10)) {
    absl::StatusOr<ChildEnds> ends = MakeChildEnds(spec);
    EXPECT_THAT(ends, IsOk());
    plan.descriptors = std::move(ends->child);
    plan.terminal = ends->terminal;
    plan.listen_pid = spec.listen_fds;
    for (std::string& variable : ends->environment) {
      plan.environment.push_back(std::move(variable));
    }
    EXPECT_TRUE(children_->quota().TryTake(1));
    std::shared_ptr<const void> place(
        children_.get(), [this](const void*) { children_->quota().Return(1); });
    const std::string program = plan.path;
    absl::StatusOr<LaunchedChild> child = TryLaunch(std::move(plan));
    if (!child.ok()) {
      ADD_FAILURE() << child.status();
      return Started{};
    }
    return Started{Process{.pid = child->pid,
                           .program = program,
                           .on_close = on_close,
                           .grace = grace,
                           .terminal = ends->terminal,
                           .place = std::move(place)},
                   std::move(child->pidfd), std::move(ends->server)};
  }

  void Close(Started& child) {
    child.ends.clear();
    children_->Close(std::exchange(child.process, {}), std::move(child.pidfd));
  }

  // What a shell script writes to its standard output, and how it ends.
  std::string Output(const std::string& script) {
    return Output(Shell(script));
  }
  std::string Output(LaunchPlan plan, const ChildEndsSpec& spec = {}) {
    Started child = Start(std::move(plan), spec);
    std::string output = ReadAll(child.end("out"));
    EXPECT_EQ(child.AwaitExit(), ExitStatus{.code = 0}) << output;
    Close(child);
    return output;
  }

  // Returns when every closed child is gone.
  void AwaitNone() {
    children_->EndAll(absl::Seconds(10));
    EXPECT_EQ(children_->quota().used(), 0);
  }

  RealClock clock_;
  std::unique_ptr<Reactor> reactor_;
  std::unique_ptr<Children> children_;
};

}  // namespace farpoll::server

#endif  // FARPOLL_TESTS_SERVER_PROCESS_PROCESS_FIXTURE_H_
