// server/handle/handle.h: room: server/handle. One server-side descriptor and
// what is known of it.
// Threads: fenced by the session's lock.
#ifndef FARPOLL_SERVER_HANDLE_HANDLE_H_
#define FARPOLL_SERVER_HANDLE_HANDLE_H_

#include <sys/socket.h>
#include <sys/stat.h>

#include <cstdint>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/readiness_mark.h"
#include "server/handle/bound_path.h"
#include "server/handle/handle_fd.h"
#include "server/handle/kinds.h"
#include "server/handle/process.h"

namespace farpoll::server {

class HeldBytes;

// Owns its descriptor, unless it is in weak custody: then it has none. The
// descriptor is non-blocking and close-on-exec, and its number never leaves the
// server.
struct Handle {
  std::int64_t id = 0;  // positive, never used twice
  std::string name;     // unique in its session, or empty
  HandleKind kind = HandleKind::kPipeReader;
  HandleFd fd;
  // S_IFREG and so on, of what comes from outside (NoteFileType); else 0.
  mode_t file_type = 0;
  // Of a file whose file system may hang (file_aside.h): the file itself, and
  // `fd` only stands in for it. Shared with the I/O in progress.
  std::shared_ptr<const UniqueFd> far_file;
  int socket_type = 0;       // SOCK_STREAM and so on; 0 for what is no socket
  std::int64_t peer_id = 0;  // the other end; it may be closed by now
  std::int64_t bytes_read = 0;
  std::int64_t bytes_written = 0;
  MonotonicTime created = {};
  // Of a file or a watch: as it was asked for. Empty for the rest.
  std::string path;
  // Of a socket bound to a path; removes it, before the socket is closed.
  std::unique_ptr<BoundPath> bound_path;
  // The last error of a socket that the kernel has told, and whether a Read or
  // Write has yet to pass it on (see socket_state.h).
  int socket_error = 0;
  bool error_is_due = false;
  // Written by the selectors that report this handle.
  ReadinessMark readiness = {};
  // Null until a registration asks for its bytes.
  std::shared_ptr<HeldBytes> held;
  std::unique_ptr<Process> process;  // of kProcess

  // As people would say it: "in", or "handle 7".
  std::string Text() const {
    return name.empty() ? "handle " + std::to_string(id) : name;
  }
  bool is_socket() const { return socket_type != 0; }
  bool is_pipe() const {
    return kind == HandleKind::kPipeReader || kind == HandleKind::kPipeWriter ||
           S_ISFIFO(file_type);
  }
  // Reading and writing it may take as long as its file system likes, so that
  // is only done with no lock held, by a thread that nobody waits for.
  bool is_file() const {
    return S_ISREG(file_type) || S_ISDIR(file_type) || S_ISBLK(file_type);
  }
  // Knows no end of file: an empty read is a message.
  bool is_datagram() const { return socket_type == SOCK_DGRAM; }
  // Keeps message boundaries: a read that is too small loses the rest.
  bool has_messages() const {
    return is_socket() && socket_type != SOCK_STREAM;
  }
};

}  // namespace farpoll::server

#endif  // FARPOLL_SERVER_HANDLE_HANDLE_H_
