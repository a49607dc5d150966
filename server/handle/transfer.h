// server/handle/transfer.h: room: server/handle. Bytes from one handle to
// another, without a way through the client.
// Threads: fenced by the session's lock, and does not block; with a file, one
//   that may block (file_aside.h).
// Source: splice(2), recv(2).
#ifndef FARPOLL_SERVER_HANDLE_TRANSFER_H_
#define FARPOLL_SERVER_HANDLE_TRANSFER_H_

#include <cstddef>
#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/readiness_mark.h"
#include "server/handle/handle.h"

namespace farpoll::server {

struct TransferResult {
  enum class Stop {
    kLimit,            // max_bytes went over
    kSourceEmpty,      // nothing is there now
    kDestinationFull,  // no room now
    kEndOfFile,        // nothing will ever come
    kFailed,           // `error` came after some bytes had gone over
  };
  std::int64_t bytes = 0;
  Stop stop = Stop::kLimit;
  absl::Status error;
  ReadinessMark from_readiness;
  ReadinessMark to_readiness;
};

// Moves up to `max_bytes` of what is there and fits, in pieces of at most
// 64 KiB. By splice(2) between pipes and terminals, so that the bytes
// are not copied; else by looking, writing and only then taking what was
// written. So nothing is ever lost between the two. A message goes over as one
// message.
//   Errors, before anything has gone over: INVALID_ARGUMENT (EINVAL:
//     SAME_HANDLE, or MESSAGES_TO_STREAM: the destination keeps no bounds
//     between messages; EMSGSIZE: a message longer than max_bytes or than the
//     destination takes), FAILED_PRECONDITION (EBADF: what carries no bytes;
//     EPIPE), UNIMPLEMENTED (EOPNOTSUPP, CANNOT_PEEK: a terminal to anything
//     but a pipe), those of ReadSome and WriteSome.
absl::StatusOr<TransferResult> Transfer(Handle& from, Handle& to,
                                        std::size_t max_bytes);

}  // namespace farpoll::server

#endif  // FARPOLL_SERVER_HANDLE_TRANSFER_H_
