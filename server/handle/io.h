// server/handle/io.h: room: server/handle. Bytes in and out of a handle, and
// what can be known of it without taking anything. Nothing here blocks, and
// nothing raises SIGPIPE on a socket; for pipes the process ignores it.
// Threads: fenced by the session's lock.
#ifndef FARPOLL_SERVER_HANDLE_IO_H_
#define FARPOLL_SERVER_HANDLE_IO_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/handle/handle.h"

namespace farpoll::server {

struct ReadResult {
  enum class Outcome { kData, kWouldBlock, kEndOfFile };
  Outcome outcome = Outcome::kWouldBlock;
  std::string data;
};

struct WriteResult {
  std::size_t bytes_written = 0;
  bool would_block = false;  // not all of it fitted
};

// Takes up to `max_bytes` of what is there. From a message socket: one message,
// its rest beyond max_bytes dropped, as recv(2) does.
//   Errors: FAILED_PRECONDITION (EBADF: not open for reading), UNAVAILABLE
//     (ECONNRESET).
absl::StatusOr<ReadResult> ReadSome(Handle& handle, std::size_t max_bytes);

// Puts in what fits. To a pipe: up to PIPE_BUF bytes all or nothing, more
// perhaps in part (pipe(7)).
//   Errors: FAILED_PRECONDITION (EPIPE: nobody reads; EBADF: not open for
//     writing), INVALID_ARGUMENT (EMSGSIZE).
absl::StatusOr<WriteResult> WriteSome(Handle& handle, absl::string_view data);

// shutdown(2); `how` is SHUT_RD, SHUT_WR or SHUT_RDWR.
//   Errors: INVALID_ARGUMENT (ENOTSOCK), FAILED_PRECONDITION (ENOTCONN).
absl::Status ShutDown(Handle& handle, int how);

// poll(2)'s answer now, every bit asked.
std::uint16_t SampleReadiness(const Handle& handle);

// Bytes that ReadSome would find (FIONREAD); 0 for the write end of a pipe.
std::int64_t ReadableBytes(const Handle& handle);

}  // namespace farpoll::server

#endif  // FARPOLL_SERVER_HANDLE_IO_H_
