// server/handle/process.h: room: server/handle. A child process as a handle:
// its pidfd is the handle's descriptor, readable once the process has ended.
//
// The child is not reaped before its handle is closed. Until then the kernel
// keeps its exit status and its number, so that everybody who holds the
// descriptor may ask how it ended, as often as they like, and a signal can
// never meet a stranger.
//
// Threads: fenced by the session's lock.
// Source: pidfd_open(2), waitid(2), pidfd_send_signal(2).
#ifndef FARPOLL_SERVER_HANDLE_PROCESS_H_
#define FARPOLL_SERVER_HANDLE_PROCESS_H_

#include <sys/types.h>

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"

namespace farpoll::server {

// What becomes of a process whose handle is closed, by its client or because
// its session ends.
enum class OnClose {
  kKill,    // SIGTERM to its group, SIGKILL after the grace time
  kHangUp,  // SIGHUP to its group; then it is left alone
  kKeep,    // left alone
};

// What is known of a child beside its descriptor.
struct Process {
  pid_t pid = 0;  // also of its process group and session
  std::string program;
  OnClose on_close = OnClose::kKill;
  absl::Duration grace;
  bool terminal = false;  // it has a controlling terminal
  // Its place in the count of processes: free again when the last copy of this
  // is gone, which is when the process is.
  std::shared_ptr<const void> place;
};

// How a process ended.
struct ExitStatus {
  int code = 0;    // of exit(3), when `signal` is 0
  int signal = 0;  // that killed it
  bool core_dumped = false;

  friend bool operator==(const ExitStatus&, const ExitStatus&) = default;
};

// None while the process runs. Does not reap it.
absl::optional<ExitStatus> ExitOf(int pidfd);

// Takes a child that has ended off the process table; false while it runs.
bool Reap(int pidfd);

// Sends `signal` (0: only looks) to the process, or to its whole group.
//   Errors: INVALID_ARGUMENT (EINVAL) for a number that is no signal,
//     FAILED_PRECONDITION (ESRCH): it has ended, or the group is empty,
//     PERMISSION_DENIED (EPERM).
absl::Status SignalChild(int pidfd, const Process& process, int signal,
                         bool group);

}  // namespace farpoll::server

#endif  // FARPOLL_SERVER_HANDLE_PROCESS_H_
