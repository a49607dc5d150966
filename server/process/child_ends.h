// server/process/child_ends.h: room: server/process. A child's descriptors: the
// ends that it gets, and those that stay with the server as handles.
// Threads: pure functions over system calls that do not block.
#ifndef FARPOLL_SERVER_PROCESS_CHILD_ENDS_H_
#define FARPOLL_SERVER_PROCESS_CHILD_ENDS_H_

#include <sys/socket.h>

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/unique_fd.h"
#include "server/handle/kinds.h"
#include "server/handle/pty.h"
#include "server/process/launch.h"

namespace farpoll::server {

enum class Stdio {
  kNull,    // /dev/null
  kPipe,    // a pipe of its own
  kSocket,  // one end of a socket pair, the same for all that ask
  kPty,     // the terminal, the same for all that ask
  kStdout,  // stderr only: where stdout goes
};

// One end of a socket pair, under a number of the child's.
struct ChildSocket {
  int number = 0;  // from 3 on
  int type = SOCK_STREAM;
  std::string name;  // for LISTEN_FDNAMES; empty = "unknown"
};

struct ChildEndsSpec {
  Stdio in = Stdio::kNull;
  Stdio out = Stdio::kPipe;
  Stdio err = Stdio::kPipe;
  TerminalSize terminal_size;
  std::int64_t pipe_bytes = 0;  // capacity of the pipes; 0 = the kernel's
  std::vector<ChildSocket> sockets;
  bool listen_fds = false;  // announce `sockets` as sd_listen_fds(3) reads them
};

// An end that becomes a handle.
struct ServerEnd {
  std::string suffix;  // of its name: "in", "out", "err", "io", "pty", "fd3"
  HandleKind kind = HandleKind::kPipeReader;
  int socket_type = 0;
  UniqueFd fd;
};

struct ChildEnds {
  std::vector<ChildDescriptor> child;  // by number
  std::vector<ServerEnd> server;       // in the order of ChildEndsSpec
  bool terminal = false;
  std::vector<std::string> environment;  // LISTEN_*, but for LISTEN_PID
};

// How many ends ChildEnds::server will have, and under which suffixes.
//   Errors: INVALID_ARGUMENT (EINVAL; BAD_STDIO: kStdout for another than
//     stderr; BAD_DESCRIPTOR: a number below 3, over 255 or twice, or with
//     listen_fds not all from 3 on; a name with ':' or a control character).
absl::StatusOr<std::vector<std::string>> EndSuffixes(const ChildEndsSpec& spec);

// Makes them. The child's block, the server's do not.
//   Errors: as EndSuffixes; RESOURCE_EXHAUSTED (EMFILE and the like).
absl::StatusOr<ChildEnds> MakeChildEnds(const ChildEndsSpec& spec);

}  // namespace farpoll::server

#endif  // FARPOLL_SERVER_PROCESS_CHILD_ENDS_H_
