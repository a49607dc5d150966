// selector/pipe_buf.h: room: selector. select.PIPE_BUF and what it promises.
// Source: pipe(7); POSIX <limits.h>; docs/semantics.md section 5.
#ifndef FARPOLL_SELECTOR_PIPE_BUF_H_
#define FARPOLL_SELECTOR_PIPE_BUF_H_

#include <climits>
#include <cstddef>

namespace farpoll {

// When a pipe or FIFO is reported ready for writing, a write of at most this
// many bytes does not block, and is not interleaved with other writers' bytes.
//   Units: bytes.
//
// The promise is about the moment of the report: another writer may take the
// room first, and then a non-blocking write of up to kPipeBuf bytes fails with
// EAGAIN rather than write a part. A longer write may be partial. With kError
// beside kOut nobody reads any more, and a write fails with EPIPE. Sockets
// promise nothing of the kind.
//
// The kernel keeps the promise by reporting kOut only while a whole page is
// free. So kOut must never be computed from the bytes in the pipe.
inline constexpr std::size_t kPipeBuf = 4096;

static_assert(kPipeBuf == PIPE_BUF);
static_assert(kPipeBuf >= 512, "the floor of POSIX");

}  // namespace farpoll

#endif  // FARPOLL_SELECTOR_PIPE_BUF_H_
