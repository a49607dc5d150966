// server/handle/file_aside.h: room: server/handle. Files by the side of their
// handles: what waits for a file system is done on a thread that nobody waits
// for, with a handle of its own.
//
// On a file system that others answer for (NFS, FUSE) even poll(2), fstat(2)
// and close(2) may wait for ever. The handle of such a file has a stand-in for
// a descriptor: an empty file in memory with the same size and position, so
// that whatever is done with it under a lock, it cannot hang.
// Threads: stated at each.
// Source: memfd_create(2), statfs(2), poll(2).
#ifndef FARPOLL_SERVER_HANDLE_FILE_ASIDE_H_
#define FARPOLL_SERVER_HANDLE_FILE_ASIDE_H_

#include <sys/types.h>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/handle/handle.h"

namespace farpoll::server {

// Whether it is a file of which nothing at all may be asked under a lock.
//   Threads: one that may block.
bool NeedsStandIn(int fd);

// Notes what the new handle's descriptor is, and gives it a stand-in when it
// needs one.
//   Errors: those of fstat(2) and fstatfs(2); RESOURCE_EXHAUSTED (EMFILE: a
//     stand-in costs a descriptor).
//   Threads: one that may block.
absl::Status NoteFileType(Handle& handle);

// A handle for the same open file, for I/O that is done while this one may be
// closed. Threads: does not block; fenced by the session's lock.
//   Errors: RESOURCE_EXHAUSTED (EMFILE).
absl::StatusOr<Handle> HandleAside(const Handle& handle);

// Where a file is after some I/O.
struct FilePlace {
  off_t size = -1;  // not known
  off_t position = -1;
};

// Threads: one that may block.
FilePlace FilePlaceOf(const Handle& aside);
// Moves the stand-in of `handle`, if it has one, to `place`. Threads: does not
// block; fenced by the session's lock.
void MoveStandIn(Handle& handle, const FilePlace& place);

// The descriptor for others to have. Threads: as the handle's.
inline int FdToShare(const Handle& handle) {
  return handle.far_file != nullptr ? handle.far_file->get() : handle.fd.get();
}

}  // namespace farpoll::server

#endif  // FARPOLL_SERVER_HANDLE_FILE_ASIDE_H_
