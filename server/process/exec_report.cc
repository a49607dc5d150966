#include "server/process/exec_report.h"

#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

namespace farpoll::server {
namespace {

// A stopped child wakes nobody, so it is looked for this often.
constexpr int kLookMs = 20;

bool IsStopped(int pidfd) {
  siginfo_t info{};
  return waitid(P_PIDFD, static_cast<id_t>(pidfd), &info,
                WSTOPPED | WNOHANG | WNOWAIT) == 0 &&
         info.si_pid != 0;
}

}  // namespace

absl::optional<ExecReport> AwaitExec(int pipe, int pidfd) {
  for (;;) {
    pollfd entry{pipe, POLLIN, 0};
    const int ready = poll(&entry, 1, kLookMs);
    if (ready > 0) {
      ExecReport report;
      const ssize_t got = read(pipe, &report, sizeof(report));
      if (got == static_cast<ssize_t>(sizeof(report))) {
        return report;
      }
      if (got >= 0 || errno != EINTR) {
        return ExecReport{};
      }
    } else if (ready == 0 && IsStopped(pidfd)) {
      (void)syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, nullptr, 0);
      return absl::nullopt;
    }
  }
}

}  // namespace farpoll::server
