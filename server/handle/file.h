// server/handle/file.h: room: server/handle. Files and named pipes.
// Threads: one that may block: it takes as long as the file system does.
// Source: open(2), openat2(2), fifo(7).
#ifndef FARPOLL_SERVER_HANDLE_FILE_H_
#define FARPOLL_SERVER_HANDLE_FILE_H_

#include "absl/status/statusor.h"
#include "server/handle/handle.h"
#include "server/handle/rooted_path.h"

namespace farpoll::server {

struct FileOptions {
  bool read = false;  // neither: read
  bool write = false;
  bool append = false;     // every Write goes to the end
  bool truncate = false;   // to nothing, when it is there
  bool create = false;     // with mode 0600, when it is not there
  bool exclusive = false;  // and only then
};

// Opens a file, which is always ready, or a FIFO, without waiting for its other
// end. Beneath a root nothing else is opened: what a device does on open(2) is
// its own business. Nothing is ever made a controlling terminal.
//   Errors: those of OpenRooted; INVALID_ARGUMENT (EINVAL, BAD_OPEN: append,
//     truncate or create without write; exclusive without create);
//     FAILED_PRECONDITION (EISDIR; ENXIO, NO_READER: a FIFO opened for writing
//     that nobody reads), PERMISSION_DENIED (EACCES, NOT_A_FILE: something
//     else, beneath a root).
absl::StatusOr<Handle> OpenFile(const RootedPath& path,
                                const FileOptions& options);

}  // namespace farpoll::server

#endif  // FARPOLL_SERVER_HANDLE_FILE_H_
