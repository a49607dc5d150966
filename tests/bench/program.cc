#include "tests/bench/program.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "tests/bench/measure.h"

namespace farpoll {

std::string FindProgram(const std::string& name) {
  const char* const path = std::getenv("PATH");
  const std::string folders =
      absl::StrCat(path == nullptr ? "" : path, ":/usr/sbin:/usr/bin");
  for (const absl::string_view folder : absl::StrSplit(folders, ':')) {
    std::string candidate = absl::StrCat(folder, "/", name);
    if (access(candidate.c_str(), X_OK) == 0) {
      return candidate;
    }
  }
  return "";
}

Program::Program(std::vector<std::string> words, Errors errors) {
  int in[2];
  int out[2];
  OrDie(pipe2(in, O_CLOEXEC) == 0 && pipe2(out, O_CLOEXEC) == 0, "no pipe");
  const UniqueFd null(open("/dev/null", O_WRONLY | O_CLOEXEC));
  std::vector<char*> argv;
  for (std::string& word : words) {
    argv.push_back(word.data());
  }
  argv.push_back(nullptr);
  pid_ = fork();
  OrDie(pid_ >= 0, "no process");
  if (pid_ == 0) {  // nothing but system calls from here on: there are threads
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(in[0], STDIN_FILENO);
    dup2(out[1], STDOUT_FILENO);
    if (errors == Errors::kQuiet) {
      dup2(null.get(), STDERR_FILENO);
    }
    execv(argv[0], argv.data());
    _exit(127);
  }
  input_ = UniqueFd(in[1]);
  output_ = UniqueFd(out[0]);
  close(in[0]);
  close(out[1]);
}

Program::~Program() {
  (void)kill(pid_, SIGKILL);
  (void)waitpid(pid_, nullptr, 0);
}

void Program::Say(const std::string& line) {
  const std::string whole = line + "\n";
  OrDie(write(input_.get(), whole.data(), whole.size()) ==
            static_cast<ssize_t>(whole.size()),
        "a program beside the benchmark is gone");
}

std::string Program::Hear() {
  for (;;) {
    if (const auto end = unread_.find('\n'); end != std::string::npos) {
      std::string line = unread_.substr(0, end);
      unread_.erase(0, end + 1);
      return line;
    }
    char bytes[4096];
    const ssize_t count = read(output_.get(), bytes, sizeof(bytes));
    if (count <= 0) {
      return std::exchange(unread_, "");
    }
    unread_.append(bytes, static_cast<std::size_t>(count));
  }
}

std::int64_t Program::Ask(const std::string& question) {
  Say(question);
  const std::string answer = Hear();
  OrDie(!answer.empty(), "a program beside the benchmark does not answer");
  return std::strtoll(answer.c_str(), nullptr, 10);
}

}  // namespace farpoll
