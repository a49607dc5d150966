#include "server/process/launch.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/errno_status.h"
#include "server/process/exec_report.h"
#include "server/process/launch_child.h"

namespace farpoll::server {
namespace {

constexpr std::size_t kStackBytes = 64 << 10;
// Room for "LISTEN_PID=" and a number, which only the child knows.
constexpr std::size_t kListenPidBytes = 32;

// While it lives, no signal is handled by this thread: the child starts with
// our handlers and in our memory.
class NoSignals {
 public:
  NoSignals() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~NoSignals() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  NoSignals(const NoSignals&) = delete;
  NoSignals& operator=(const NoSignals&) = delete;

 private:
  sigset_t before_;
};

class ChildStack {
 public:
  ChildStack()
      : memory_(mmap(nullptr, kStackBytes, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0)) {}
  ~ChildStack() {
    if (valid()) {
      munmap(memory_, kStackBytes);
    }
  }
  ChildStack(const ChildStack&) = delete;
  ChildStack& operator=(const ChildStack&) = delete;

  bool valid() const { return memory_ != MAP_FAILED; }
  void* top() const { return static_cast<char*>(memory_) + kStackBytes; }

 private:
  void* const memory_;
};

std::vector<char*> Pointers(const std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  pointers.reserve(strings.size() + 2);
  for (const std::string& string : strings) {
    pointers.push_back(const_cast<char*>(string.c_str()));
  }
  pointers.push_back(nullptr);
  return pointers;
}

absl::Status ExecuteError(int number, const std::string& path) {
  const bool missing = number == ENOENT || number == ENOTDIR;
  const bool refused =
      number == EACCES || number == ENOEXEC || number == EISDIR;
  const absl::StatusCode code = missing   ? absl::StatusCode::kNotFound
                                : refused ? absl::StatusCode::kPermissionDenied
                                : number == E2BIG
                                    ? absl::StatusCode::kInvalidArgument
                                    : CodeForErrno(number);
  return MakeError(code, number,
                   missing   ? "PROGRAM_NOT_FOUND"
                   : refused ? "PROGRAM_NOT_EXECUTABLE"
                             : "EXEC_FAILED",
                   path, absl::StrCat("execve ", path, ": ", strerror(number)));
}

absl::Status StepError(Step step, int number, const LaunchPlan& plan) {
  switch (step) {
    case Step::kExecute:
      return ExecuteError(number, plan.path);
    case Step::kDirectory:
      return MakeError(
          number, "DIRECTORY_UNUSABLE", plan.directory,
          absl::StrCat("chdir ", plan.directory, ": ", strerror(number)));
    case Step::kDescriptors:
      return ErrnoStatus(number, "placing descriptors", plan.path);
    case Step::kLimits:
      return ErrnoStatus(number, "setrlimit", plan.path);
    case Step::kCredentials:
      return ErrnoStatus(number, "setresuid", plan.path);
    case Step::kSetUp:
    case Step::kNone:
      break;
  }
  return ErrnoStatus(number, "setting up the process", plan.path);
}

absl::Status CloneError(int number) {
  if (number == EAGAIN) {
    return MakeError(absl::StatusCode::kResourceExhausted, EAGAIN,
                     "NO_MORE_PROCESSES", "clone",
                     "the system lets us start no more processes");
  }
  return ErrnoStatus(number, "clone");
}

// For the ExecReport of a child with memory of its own; empty for others.
struct ReportPipe {
  UniqueFd reader;
  UniqueFd writer;
};

absl::StatusOr<ReportPipe> MakeReportPipe(const LaunchPlan& plan) {
  int ends[2] = {-1, -1};
  if (plan.credentials.has_value() && pipe2(ends, O_CLOEXEC) != 0) {
    return ErrnoStatus(errno, "pipe2");
  }
  return ReportPipe{UniqueFd(ends[0]), UniqueFd(ends[1])};
}

// Makes the child; one that shares our memory has run its program or failed
// when this returns.
absl::StatusOr<LaunchedChild> Clone(ChildArgument& argument, void* stack_top) {
  const int memory = argument.work->report < 0 ? CLONE_VM | CLONE_VFORK : 0;
  int pidfd = -1;
  const NoSignals no_signals;
  const pid_t pid = clone(ChildMain, stack_top, memory | CLONE_PIDFD | SIGCHLD,
                          &argument, &pidfd);
  if (pid < 0) {
    return CloneError(errno);
  }
  return LaunchedChild{pid, UniqueFd(pidfd)};
}

void AwaitDeath(int pidfd) {
  siginfo_t info;
  while (waitid(P_PIDFD, static_cast<id_t>(pidfd), &info, WEXITED) != 0 &&
         errno == EINTR) {
  }
}

// OK when the program of `child` runs; else it is reaped.
absl::Status Outcome(const LaunchPlan& plan, const ChildWork& work, int report,
                     const LaunchedChild& child) {
  const absl::optional<ExecReport> told =
      report < 0 ? ExecReport{static_cast<int>(work.step), work.error}
                 : AwaitExec(report, child.pidfd.get());
  if (told.has_value() && told->step == 0) {
    return absl::OkStatus();
  }
  AwaitDeath(child.pidfd.get());
  if (!told.has_value()) {
    return MakeError(absl::StatusCode::kAborted, ECANCELED, "CHILD_STOPPED",
                     plan.path,
                     "somebody stopped the child before its program ran");
  }
  return StepError(static_cast<Step>(told->step), told->error, plan);
}

int TerminalNumber(const LaunchPlan& plan) {
  if (!plan.terminal) {
    return -1;
  }
  for (const ChildDescriptor& descriptor : plan.descriptors) {
    if (isatty(descriptor.fd.get()) == 1) {
      return descriptor.number;
    }
  }
  return -1;
}

}  // namespace

absl::StatusOr<LaunchedChild> Launch(const LaunchPlan& plan, pid_t* group) {
  const ChildStack stack;
  if (!stack.valid()) {
    return ErrnoStatus(ENOMEM, "mmap");
  }
  std::vector<int> sources;
  std::vector<int> numbers;
  for (const ChildDescriptor& descriptor : plan.descriptors) {
    sources.push_back(descriptor.fd.get());
    numbers.push_back(descriptor.number);
  }
  std::vector<int> copies(sources.size());
  const std::vector<char*> argv = Pointers(plan.argv);
  std::vector<char*> environment = Pointers(plan.environment);
  char listen_pid[kListenPidBytes] = "LISTEN_PID=";
  if (plan.listen_pid) {
    environment.insert(environment.end() - 1, listen_pid);
  }
  ChildWork work{
      .path = plan.path.c_str(),
      .argv = argv.data(),
      .environment = environment.data(),
      .directory = plan.directory.c_str(),
      .sources = sources.data(),
      .numbers = numbers.data(),
      .descriptors = sources.size(),
      .limits = plan.limits.data(),
      .limit_count = plan.limits.size(),
      .credentials =
          plan.credentials.has_value() ? &*plan.credentials : nullptr,
      .listen_pid = plan.listen_pid ? listen_pid + strlen(listen_pid) : nullptr,
      .server_pid = getpid(),
      .guardian = plan.guardian,
      .terminal = TerminalNumber(plan)};
  absl::StatusOr<ReportPipe> report = MakeReportPipe(plan);
  if (!report.ok()) {
    return report.status();
  }
  work.report = report->writer.get();
  ChildArgument argument{&work, copies.data()};
  absl::StatusOr<LaunchedChild> child = Clone(argument, stack.top());
  if (!child.ok()) {
    return child;
  }
  if (group != nullptr) {
    *group = child->pid;
  }
  report->writer.Reset();
  if (const absl::Status ran =
          Outcome(plan, work, report->reader.get(), *child);
      !ran.ok()) {
    return ran;
  }
  return child;
}

}  // namespace farpoll::server
