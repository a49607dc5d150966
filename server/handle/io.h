// server/handle/io.h: room: server/handle. What comes out of a handle and goes
// into it, by the rules of its kind, and what can be known of it without taking
// anything. Nothing here blocks, and nothing raises SIGPIPE on a socket; for
// pipes the process ignores it.
// Threads: fenced by the session's lock.
#ifndef FARPOLL_SERVER_HANDLE_IO_H_
#define FARPOLL_SERVER_HANDLE_IO_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "server/handle/handle.h"
#include "server/handle/held_bytes.h"
#include "server/handle/io_values.h"

namespace farpoll::server {

// Takes up to `max_bytes` of what is there. From a message socket: one message,
// its rest beyond max_bytes dropped, as recv(2) does. From a timer, a counter
// or a watch: what it has counted or seen. A socket's error that
// TakeSocketError took is passed on first.
//   Errors: FAILED_PRECONDITION (EBADF: not to be read; ENOTCONN), UNAVAILABLE
//     (ECONNRESET, ECONNREFUSED), UNIMPLEMENTED (EOPNOTSUPP, CANNOT_PEEK),
//     INVALID_ARGUMENT (EINVAL: no urgent data; ENOTSOCK: out_of_band on what
//     is no socket), RESOURCE_EXHAUSTED (EMFILE: peeking at a pipe takes one),
//     FAILED_PRECONDITION (EBUSY, BYTES_ON_THE_WAY).
absl::StatusOr<ReadResult> ReadSome(Handle& handle, const ReadOptions& options);

// Takes up to `max_bytes` for an event, as ReadSome would, and with
// `with_urgent` the urgent byte that is there. What was taken is on the way
// until the event is settled. `handle.held` is there.
EventBytes TakeForEvent(Handle& handle, std::size_t max_bytes,
                        bool with_urgent);

// Puts in what fits. To a pipe: up to PIPE_BUF bytes all or nothing, more
// perhaps in part (pipe(7)).
//   Errors: FAILED_PRECONDITION (EPIPE: nobody reads; EBADF: not to be
//     written; ENOTCONN), INVALID_ARGUMENT (EMSGSIZE; EINVAL, BAD_CONTENT:
//     bytes for a counter, or a count, a destination or urgent data for what
//     takes none; EDESTADDRREQ), those of a socket's error, RESOURCE_EXHAUSTED
//     (ENOSPC: the disk is full).
absl::StatusOr<WriteResult> WriteSome(Handle& handle,
                                      const WriteOptions& options);

// shutdown(2); `how` is SHUT_RD, SHUT_WR or SHUT_RDWR.
//   Errors: INVALID_ARGUMENT (ENOTSOCK), FAILED_PRECONDITION (ENOTCONN).
absl::Status ShutDown(Handle& handle, int how);

// poll(2)'s answer now, every bit asked; bytes that came back are IN.
std::uint16_t SampleReadiness(const Handle& handle);
// The same of each, in one call; nothing is ready where that fails (ENOMEM).
std::vector<std::uint16_t> SampleReadiness(
    absl::Span<const Handle* const> handles);

// Bytes that ReadSome would find (FIONREAD); 0 where bytes are not what is
// read, or nobody can tell.
std::int64_t ReadableBytes(const Handle& handle);

}  // namespace farpoll::server

#endif  // FARPOLL_SERVER_HANDLE_IO_H_
