// server/handle/passed.h: room: server/handle. Descriptors of other programs,
// made fit to be handles.
// Threads: pure functions over system calls that do not block.
// Source: unix(7), SCM_RIGHTS; fcntl(2); proc(5), /proc/PID/fd.
#ifndef FARPOLL_SERVER_HANDLE_PASSED_H_
#define FARPOLL_SERVER_HANDLE_PASSED_H_

#include "absl/status/statusor.h"
#include "base/unique_fd.h"
#include "server/handle/handle.h"

namespace farpoll::server {

// Makes a handle of `fd`, which must not block: whether it does is a property
// of the open file, which its giver shares. A pipe or a terminal is opened
// anew, so that the giver notices nothing; anything else becomes non-blocking
// for both.
//   Errors: FAILED_PRECONDITION (EBADF: an O_PATH descriptor).
absl::StatusOr<Handle> TakePassed(UniqueFd fd);

// A duplicate of `fd` to give away; it shares the open file.
//   Errors: RESOURCE_EXHAUSTED (EMFILE).
absl::StatusOr<UniqueFd> DuplicateFd(int fd);

}  // namespace farpoll::server

#endif  // FARPOLL_SERVER_HANDLE_PASSED_H_
