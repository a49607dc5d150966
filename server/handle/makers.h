// server/handle/makers.h: room: server/handle. How descriptors come to be.
// Threads: pure functions over system calls that do not block.
#ifndef FARPOLL_SERVER_HANDLE_MAKERS_H_
#define FARPOLL_SERVER_HANDLE_MAKERS_H_

#include <cstdint>
#include <utility>

#include "absl/status/statusor.h"
#include "base/unique_fd.h"

namespace farpoll::server {

// Two descriptors, non-blocking and close-on-exec.
using DescriptorPair = std::pair<UniqueFd, UniqueFd>;

// Makes a pipe: read end, write end. `capacity_bytes` 0 is the kernel's
// default; else the kernel rounds it up.
//   Errors: RESOURCE_EXHAUSTED (EMFILE, ENFILE), PERMISSION_DENIED (EPERM: over
//     /proc/sys/fs/pipe-max-size without privilege).
//   Source: pipe(2), fcntl(2) F_SETPIPE_SZ.
absl::StatusOr<DescriptorPair> MakePipe(std::int64_t capacity_bytes);

// Makes a pair of connected Unix sockets of `type` (SOCK_STREAM, SOCK_DGRAM or
// SOCK_SEQPACKET).
//   Errors: RESOURCE_EXHAUSTED (EMFILE, ENFILE).
//   Source: socketpair(2).
absl::StatusOr<DescriptorPair> MakeSocketPair(int type);

}  // namespace farpoll::server

#endif  // FARPOLL_SERVER_HANDLE_MAKERS_H_
