// server/handle/now_io.h: room: server/handle. read(2) and write(2) that take
// what there is, whatever O_NONBLOCK says: it belongs to the open file, and
// whoever shares that may have cleared it.
// Threads: as the descriptor's.
// Source: preadv2(2), RWF_NOWAIT; poll(2), pipe(7).
#ifndef FARPOLL_SERVER_HANDLE_NOW_IO_H_
#define FARPOLL_SERVER_HANDLE_NOW_IO_H_

#include <sys/types.h>

#include <cstddef>

namespace farpoll::server {

// As read(2) and write(2) of a descriptor that does not block; errno says why
// it failed. What the kernel cannot do without waiting (RWF_NOWAIT: terminals,
// FIFOs, before Linux 6.4 also pipes) is only done when poll(2) says that it is
// ready, and with O_NONBLOCK set again. `is_fifo`: what the caller knows of it,
// because fstat(2) may wait for the file system that a FIFO is in. Not for
// files, whose bytes may take as long as their file system likes.
ssize_t ReadNow(int fd, void* data, std::size_t size);
ssize_t WriteNow(int fd, const void* data, std::size_t size, bool is_fifo);

}  // namespace farpoll::server

#endif  // FARPOLL_SERVER_HANDLE_NOW_IO_H_
