// server/handle/pty.h: room: server/handle. Pseudo-terminals: the master side
// is a handle, the other a program's terminal.
// Threads: pure functions over system calls that do not block.
// Source: pty(7), ioctl_tty(2).
#ifndef FARPOLL_SERVER_HANDLE_PTY_H_
#define FARPOLL_SERVER_HANDLE_PTY_H_

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/handle/makers.h"

namespace farpoll::server {

// Of a terminal, in characters; 0 = unknown.
struct TerminalSize {
  int rows = 0;
  int columns = 0;
};

// Makes a terminal: its master side, non-blocking, and its program's side,
// blocking. Both are close-on-exec.
//   Errors: RESOURCE_EXHAUSTED (EMFILE; ENOSPC: no terminals left);
//     INVALID_ARGUMENT as ResizePty.
absl::StatusOr<DescriptorPair> MakePty(const TerminalSize& size);

// Sets the size; the programs in the foreground get SIGWINCH when it changes.
//   Errors: INVALID_ARGUMENT (EINVAL, BAD_SIZE: not from 0 to 65535).
absl::Status ResizePty(int master, const TerminalSize& size);

}  // namespace farpoll::server

#endif  // FARPOLL_SERVER_HANDLE_PTY_H_
