// server/handle/socket_io.h: room: server/handle. Bytes and messages of
// sockets. For io.h and transfer.h, which know the rules of a kind.
// Threads: fenced by the session's lock.
// Source: recvmsg(2), sendmsg(2), tcp(7), udp(7), unix(7).
#ifndef FARPOLL_SERVER_HANDLE_SOCKET_IO_H_
#define FARPOLL_SERVER_HANDLE_SOCKET_IO_H_

#include "absl/status/statusor.h"
#include "server/handle/handle.h"
#include "server/handle/io_values.h"

namespace farpoll::server {

// Takes, or with `peek` looks at, bytes of a stream or one message.
// Descriptors that come with a message are closed by the kernel.
absl::StatusOr<ReadResult> ReceiveSome(Handle& handle,
                                       const ReadOptions& options);

// Sends bytes, or one message.
absl::StatusOr<WriteResult> SendSome(Handle& handle,
                                     const WriteOptions& options);

}  // namespace farpoll::server

#endif  // FARPOLL_SERVER_HANDLE_SOCKET_IO_H_
