#include "server/handle/process.h"

#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "base/errno_status.h"

namespace farpoll::server {
namespace {

// The process behind `pidfd` if it has ended; si_pid is 0 while it runs.
siginfo_t Ended(int pidfd, int options) {
  siginfo_t info{};
  while (waitid(P_PIDFD, static_cast<id_t>(pidfd), &info,
                WEXITED | WNOHANG | options) != 0 &&
         errno == EINTR) {
  }
  return info;
}

}  // namespace

absl::optional<ExitStatus> ExitOf(int pidfd) {
  const siginfo_t info = Ended(pidfd, WNOWAIT);
  if (info.si_pid == 0) {
    return absl::nullopt;
  }
  if (info.si_code == CLD_EXITED) {
    return ExitStatus{.code = info.si_status};
  }
  return ExitStatus{.signal = info.si_status,
                    .core_dumped = info.si_code == CLD_DUMPED};
}

bool Reap(int pidfd) { return Ended(pidfd, 0).si_pid != 0; }

absl::Status SignalChild(int pidfd, const Process& process, int signal,
                         bool group) {
  if (signal < 0 || signal > SIGRTMAX) {
    return MakeError(EINVAL, "BAD_SIGNAL", "signal",
                     absl::StrCat("there is no signal ", signal));
  }
  // A zombie takes any signal and does nothing: say so. Its group may live on;
  // its number is good for as long as it is not reaped.
  const bool sent = group ? kill(-process.pid, signal) == 0
                          : !ExitOf(pidfd).has_value() &&
                                syscall(SYS_pidfd_send_signal, pidfd, signal,
                                        nullptr, 0) == 0;
  if (sent) {
    return absl::OkStatus();
  }
  const int number = !group && ExitOf(pidfd).has_value() ? ESRCH : errno;
  if (number == ESRCH) {
    return MakeError(absl::StatusCode::kFailedPrecondition, ESRCH,
                     "PROCESS_ENDED", process.program, "the process has ended");
  }
  return ErrnoStatus(number, "kill", process.program);
}

}  // namespace farpoll::server
