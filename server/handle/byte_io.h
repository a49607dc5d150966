// server/handle/byte_io.h: room: server/handle. Bytes of what is no socket:
// pipes, terminals, files. For io.h and transfer.h, which know the rules of a
// kind.
// Threads: fenced by the session's lock; of a file, one that may block.
// Source: read(2), write(2), pread(2), tee(2).
#ifndef FARPOLL_SERVER_HANDLE_BYTE_IO_H_
#define FARPOLL_SERVER_HANDLE_BYTE_IO_H_

#include <cstddef>
#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "server/handle/handle.h"
#include "server/handle/io_values.h"

namespace farpoll::server {

// Bytes that are there to read, of any kind that is read as bytes; none when
// the kernel cannot tell.
absl::optional<std::int64_t> CountReadable(const Handle& handle);

// How large a buffer is worth making to read up to `max_bytes`: what is asked
// for may be far more than what is there, and would be zeroed for nothing.
std::size_t BufferSize(const Handle& handle, std::size_t max_bytes);

// read(2), and a look that takes nothing: pread(2) of a file, tee(2) of a pipe.
absl::StatusOr<ReadResult> TakeBytes(Handle& handle, std::size_t max_bytes);
absl::StatusOr<ReadResult> PeekBytes(Handle& handle, std::size_t max_bytes);

// UNIMPLEMENTED (EOPNOTSUPP, CANNOT_PEEK).
absl::Status CannotPeek(const Handle& handle);

// write(2).
absl::StatusOr<WriteResult> PutBytes(Handle& handle, absl::string_view data);

}  // namespace farpoll::server

#endif  // FARPOLL_SERVER_HANDLE_BYTE_IO_H_
