// server/process/exec_report.h: room: server/process. How a child that has
// memory of its own tells that its program could not run, and the wait for it.
//
// A child that becomes another user must not share the server's memory, and the
// server must not sleep until it runs its program: from the moment on that it
// is that user, the user's other processes may stop it for good.
// Threads: any; it sleeps until the program runs or has failed to.
// Source: pipe(7), waitid(2) WSTOPPED.
#ifndef FARPOLL_SERVER_PROCESS_EXEC_REPORT_H_
#define FARPOLL_SERVER_PROCESS_EXEC_REPORT_H_

#include <cstdint>

#include "absl/types/optional.h"

namespace farpoll::server {

// What the child writes into a close-on-exec pipe when a step fails.
struct ExecReport {
  std::int32_t step = 0;  // 0: none failed
  std::int32_t error = 0;
};

// Reads from `pipe` until the child behind `pidfd` reports or its end of the
// pipe is closed, as execve(2) and its death do. None when somebody stopped it
// before: then it is killed.
absl::optional<ExecReport> AwaitExec(int pipe, int pidfd);

}  // namespace farpoll::server

#endif  // FARPOLL_SERVER_PROCESS_EXEC_REPORT_H_
