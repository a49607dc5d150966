#include "tests/support/child_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/support/fd_fixtures.h"

namespace farpoll {
namespace {

constexpr int kPatienceMs = 30'000;

// Whether `fd` polls readable in time.
bool AwaitReadable(int fd) {
  pollfd entry = {.fd = fd, .events = POLLIN, .revents = 0};
  return poll(&entry, 1, kPatienceMs) == 1;
}

std::vector<char*> Pointers(std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  for (std::string& text : strings) {
    pointers.push_back(text.data());
  }
  pointers.push_back(nullptr);
  return pointers;
}

}  // namespace

ChildProcess::ChildProcess(std::vector<std::string> command,
                           std::vector<std::string> environment) {
  int output[2];
  int errors[2];
  MustSucceed(pipe2(output, O_CLOEXEC), "pipe2");
  MustSucceed(pipe2(errors, O_CLOEXEC), "pipe2");
  output_.Reset(output[0]);
  errors_.Reset(errors[0]);
  const UniqueFd their_output(output[1]);
  const UniqueFd their_errors(errors[1]);
  for (char** variable = environ; *variable != nullptr; ++variable) {
    environment.emplace_back(*variable);
  }
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, their_output.get(), 1);
  posix_spawn_file_actions_adddup2(&actions, their_errors.get(), 2);
  const int error =
      posix_spawn(&pid_, command[0].c_str(), &actions, nullptr,
                  Pointers(command).data(), Pointers(environment).data());
  posix_spawn_file_actions_destroy(&actions);
  EXPECT_EQ(error, 0) << "cannot start " << command[0];
}

ChildProcess::~ChildProcess() {
  if (pid_ > 0) {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
}

std::string ChildProcess::ReadLine() {
  std::size_t end = unread_.find('\n');
  while (end == std::string::npos) {
    char bytes[4096];
    if (!AwaitReadable(output_.get())) {
      ADD_FAILURE() << "no line of output came";
      return "";
    }
    const ssize_t got = read(output_.get(), bytes, sizeof(bytes));
    if (got <= 0) {
      return "";
    }
    unread_.append(bytes, static_cast<std::size_t>(got));
    end = unread_.find('\n');
  }
  const std::string line = unread_.substr(0, end);
  unread_.erase(0, end + 1);
  return line;
}

void ChildProcess::Signal(int number) { kill(pid_, number); }

int ChildProcess::Wait() {
  const UniqueFd process(static_cast<int>(syscall(SYS_pidfd_open, pid_, 0)));
  if (!AwaitReadable(process.get())) {
    ADD_FAILURE() << "the program does not end";
    kill(pid_, SIGKILL);
  }
  int status = 0;
  waitpid(pid_, &status, 0);
  pid_ = -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

std::string ChildProcess::Errors() {
  std::string text;
  char bytes[4096];
  ssize_t got = 0;
  while ((got = read(errors_.get(), bytes, sizeof(bytes))) > 0) {
    text.append(bytes, static_cast<std::size_t>(got));
  }
  return text;
}

int ChildProcess::CountDescriptors() const {
  const std::filesystem::directory_iterator descriptors(
      absl::StrCat("/proc/", pid_, "/fd"));
  return static_cast<int>(std::distance(begin(descriptors), end(descriptors)));
}

}  // namespace farpoll
