#include "server/process/launch_child.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "server/process/exec_report.h"
#include "server/process/guardian_message.h"

// The child runs in the parent's memory, or a copy of it, on a stack of its
// own: the sanitizers' bookkeeping of the parent's thread is none of its
// business.
#define FARPOLL_IN_CHILD                                        \
  __attribute__((no_sanitize("address"), no_sanitize("thread"), \
                 no_sanitize("undefined")))

namespace farpoll::server {
namespace {

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

// Closes everything from `first` on but `kept`, which is not below it or -1.
FARPOLL_IN_CHILD bool CloseFrom(int first, int kept) {
  if (kept > first) {
    (void)close_range(static_cast<unsigned>(first),
                      static_cast<unsigned>(kept) - 1, 0);
  }
  return close_range(static_cast<unsigned>(kept < 0 ? first : kept + 1), ~0U,
                     0) == 0;
}

// First everything goes above the numbers that are wanted, so that no move
// overwrites what is still to be moved; `sources` become those copies.
FARPOLL_IN_CHILD bool PlaceDescriptors(ChildWork& work, int* copies) {
  const int above =
      work.descriptors == 0 ? 0 : work.numbers[work.descriptors - 1] + 1;
  if (work.report >= 0) {
    const int moved = fcntl(work.report, F_DUPFD_CLOEXEC, above);
    if (moved < 0) {
      return false;
    }
    work.report = moved;
  }
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
  return CloseFrom(next, work.report);
}

// By raw system calls: libc's would try to change the server's other threads as
// well.
FARPOLL_IN_CHILD bool TakeCredentials(const ChildCredentials& who) {
  return syscall(SYS_setgroups, 0, nullptr) == 0 &&
         syscall(SYS_setresgid, who.gid, who.gid, who.gid) == 0 &&
         syscall(SYS_setresuid, who.uid, who.uid, who.uid) == 0 &&
         // Changing them made the kernel forget it.
         prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 &&
         // Until it is replaced, this memory is a copy of the server's.
         prctl(PR_SET_DUMPABLE, 0) == 0;
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
  // The server may have been given capabilities that programs inherit.
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
      prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0) {
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

}  // namespace

FARPOLL_IN_CHILD int ChildMain(void* raw) {
  const auto* const argument = static_cast<ChildArgument*>(raw);
  ChildWork& work = *argument->work;
  const Step failed = RunSteps(work, argument->copies);
  work.error = errno;
  work.step = failed;
  if (work.report >= 0) {
    const ExecReport report{static_cast<int>(failed), work.error};
    (void)!write(work.report, &report, sizeof(report));
  }
  _exit(127);
}

}  // namespace farpoll::server
