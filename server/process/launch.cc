#include "server/process/launch.h"

#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/errno_status.h"
#include "server/process/guardian_message.h"

// The child runs in the parent's memory on a stack of its own: the sanitizers'
// bookkeeping of the parent's thread is none of its business.
#define FARPOLL_IN_CHILD                                        \
  __attribute__((no_sanitize("address"), no_sanitize("thread"), \
                 no_sanitize("undefined")))

namespace farpoll::server {
namespace {

constexpr std::size_t kStackBytes = 64 << 10;
// Room for "LISTEN_PID=" and a number, which only the child knows.
constexpr std::size_t kListenPidBytes = 32;

enum class Step : int {
  kNone,
  kSetUp,
  kDescriptors,
  kLimits,
  kCredentials,
  kDirectory,
  kExecute,
};

// What the child needs, made of plain memory before it exists. The child writes
// `step` and `error`, and the parent reads them when it runs again.
struct ChildWork {
  const char* path;
  char* const* argv;
  char* const* environment;
  const char* directory;
  const int* sources;
  const int* numbers;
  std::size_t descriptors;
  const ChildLimit* limits;
  std::size_t limit_count;
  const ChildCredentials* credentials;  // null: as the server
  char* listen_pid;                     // null: not asked for
  pid_t server_pid;
  int guardian;
  int terminal;  // number of the controlling terminal; -1 = none
  Step step = Step::kNone;
  int error = 0;
};

// ---- In the child: system calls only, nothing that locks or allocates.

FARPOLL_IN_CHILD bool SetUpSession(const ChildWork& work) {
  if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) {
    return false;
  }
  if (getppid() != work.server_pid) {
    _exit(127);  // the server died before it could be asked to take us along
  }
  if (setsid() < 0) {
    return false;
  }
  if (work.guardian < 0) {
    return true;
  }
  const GuardianMessage joined{GuardianMessage::kJoin, getpid()};
  return send(work.guardian, &joined, sizeof(joined), MSG_NOSIGNAL) ==
         static_cast<ssize_t>(sizeof(joined));
}

// By raw system calls: libc keeps two signals for itself, which it does not let
// us reset should somebody have had them ignored.
FARPOLL_IN_CHILD void ResetSignals() {
  constexpr long kSetBytes = 8;
  const unsigned long by_default[8] = {};  // the kernel's struct sigaction
  for (int signal = 1; signal < NSIG; ++signal) {
    (void)syscall(SYS_rt_sigaction, signal, by_default, nullptr, kSetBytes);
  }
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
}

// First everything goes above the numbers that are wanted, so that no move
// overwrites what is still to be moved; `sources` become those copies.
FARPOLL_IN_CHILD bool PlaceDescriptors(const ChildWork& work, int* copies) {
  const int above =
      work.descriptors == 0 ? 0 : work.numbers[work.descriptors - 1] + 1;
  for (std::size_t i = 0; i < work.descriptors; ++i) {
    copies[i] = fcntl(work.sources[i], F_DUPFD_CLOEXEC, above);
    if (copies[i] < 0) {
      return false;
    }
  }
  int next = 0;
  for (std::size_t i = 0; i < work.descriptors; ++i) {
    const int number = work.numbers[i];
    if (dup2(copies[i], number) < 0) {
      return false;
    }
    if (number > next) {
      (void)close_range(static_cast<unsigned>(next),
                        static_cast<unsigned>(number) - 1, 0);
    }
    next = number + 1;
  }
  return close_range(static_cast<unsigned>(next), ~0U, 0) == 0;
}

// By raw system calls: libc's would change the server's threads as well, whose
// memory we are in.
FARPOLL_IN_CHILD bool TakeCredentials(const ChildCredentials& who) {
  return syscall(SYS_setgroups, 0, nullptr) == 0 &&
         syscall(SYS_setresgid, who.gid, who.gid, who.gid) == 0 &&
         syscall(SYS_setresuid, who.uid, who.uid, who.uid) == 0 &&
         // Changing them made the kernel forget it.
         prctl(PR_SET_PDEATHSIG, SIGKILL) == 0;
}

FARPOLL_IN_CHILD void WriteNumber(char* end_of_name, pid_t number) {
  char digits[16];
  int count = 0;
  do {
    digits[count++] = static_cast<char>('0' + number % 10);
    number /= 10;
  } while (number != 0);
  while (count > 0) {
    *end_of_name++ = digits[--count];
  }
  *end_of_name = '\0';
}

FARPOLL_IN_CHILD Step RunSteps(ChildWork& work, int* copies) {
  if (!SetUpSession(work)) {
    return Step::kSetUp;
  }
  ResetSignals();
  if (!PlaceDescriptors(work, copies) ||
      (work.terminal >= 0 && ioctl(work.terminal, TIOCSCTTY, 0) != 0)) {
    return Step::kDescriptors;
  }
  umask(077);
  for (std::size_t i = 0; i < work.limit_count; ++i) {
    const ChildLimit& limit = work.limits[i];
    if (syscall(SYS_prlimit64, 0, limit.resource, &limit.value, nullptr) != 0) {
      return Step::kLimits;
    }
  }
  if (work.credentials != nullptr && !TakeCredentials(*work.credentials)) {
    return Step::kCredentials;
  }
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
    return Step::kSetUp;
  }
  if (chdir(work.directory) != 0) {
    return Step::kDirectory;
  }
  if (work.listen_pid != nullptr) {
    WriteNumber(work.listen_pid, getpid());
  }
  execve(work.path, work.argv, work.environment);
  return Step::kExecute;
}

struct ChildArgument {
  ChildWork* work;
  int* copies;
};

FARPOLL_IN_CHILD int ChildMain(void* raw) {
  const auto* const argument = static_cast<ChildArgument*>(raw);
  ChildWork& work = *argument->work;
  const Step failed = RunSteps(work, argument->copies);
  work.error = errno;
  work.step = failed;
  _exit(127);
}

// ---- In the parent.

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
  ChildArgument argument{&work, copies.data()};
  int pidfd = -1;
  pid_t pid = -1;
  int error = 0;
  {
    const NoSignals no_signals;
    pid = clone(ChildMain, stack.top(),
                CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD, &argument,
                &pidfd);
    error = errno;
  }
  if (pid < 0) {
    return CloneError(error);
  }
  if (group != nullptr) {
    *group = pid;
  }
  LaunchedChild child{pid, UniqueFd(pidfd)};
  if (work.step != Step::kNone) {
    siginfo_t info;
    while (waitid(P_PIDFD, static_cast<id_t>(pidfd), &info, WEXITED) != 0 &&
           errno == EINTR) {
    }
    return StepError(work.step, work.error, plan);
  }
  return child;
}

}  // namespace farpoll::server
