#include "server/handle/socket_io.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/errno_status.h"
#include "server/handle/byte_io.h"

namespace farpoll::server {
namespace {

// The status of a call on a socket that failed with `number`. What the kernel
// says of a connection it says once, so it is kept.
absl::Status SocketError(int number, absl::string_view call, Handle& handle) {
  switch (number) {
    case ECONNREFUSED:
    case ECONNRESET:
    case ECONNABORTED:
    case ETIMEDOUT:
    case EHOSTUNREACH:
    case ENETUNREACH:
      handle.socket_error = number;
      break;
    default:
      break;
  }
  return ErrnoStatus(number, call, handle.Text());
}

// The error that GetHandle took from the socket, once.
absl::Status ErrorDue(Handle& handle, absl::string_view call) {
  if (!std::exchange(handle.error_is_due, false)) {
    return absl::OkStatus();
  }
  return ErrnoStatus(handle.socket_error, call, handle.Text());
}

std::size_t RoomFor(const Handle& handle, std::size_t max_bytes) {
  // A message that comes meanwhile must fit, or it would be cut.
  if (handle.has_messages() && CountReadable(handle).value_or(0) == 0) {
    return max_bytes;
  }
  return BufferSize(handle, max_bytes);
}

}  // namespace

absl::StatusOr<ReadResult> ReceiveSome(Handle& handle,
                                       const ReadOptions& options) {
  if (const absl::Status due = ErrorDue(handle, "read"); !due.ok()) {
    return due;
  }
  ReadResult result;
  result.data.resize(RoomFor(handle, options.max_bytes));
  iovec room{.iov_base = result.data.data(), .iov_len = result.data.size()};
  sockaddr_storage source = {};
  msghdr message{.msg_name = &source,
                 .msg_namelen = sizeof(source),
                 .msg_iov = &room,
                 .msg_iovlen = 1};
  // MSG_DONTWAIT: whoever else has the socket may have made it blocking.
  const ssize_t got = recvmsg(handle.fd.get(), &message,
                              MSG_DONTWAIT | (options.peek ? MSG_PEEK : 0) |
                                  (options.out_of_band ? MSG_OOB : 0));
  if (got < 0) {
    const int number = errno;
    if (number == EAGAIN || number == EINTR) {
      return ReadResult{};
    }
    return SocketError(number, "read", handle);
  }
  result.data.resize(static_cast<std::size_t>(got));
  result.outcome = got == 0 && !handle.is_datagram()
                       ? ReadResult::Outcome::kEndOfFile
                       : ReadResult::Outcome::kData;
  if (handle.has_messages()) {
    result.truncated = (message.msg_flags & MSG_TRUNC) != 0;
  }
  if (handle.is_datagram() && message.msg_namelen > 0) {
    result.source = SocketAddress(source, message.msg_namelen);
  }
  return result;
}

absl::StatusOr<WriteResult> SendSome(Handle& handle,
                                     const WriteOptions& options) {
  if (options.destination != nullptr && !handle.is_datagram()) {
    return MakeError(EINVAL, "BAD_CONTENT", "destination",
                     absl::StrCat(handle.Text(),
                                  " sends no datagrams, and takes no "
                                  "destination"));
  }
  if (options.data.empty() && !handle.is_datagram()) {
    return WriteResult{};
  }
  if (const absl::Status due = ErrorDue(handle, "write"); !due.ok()) {
    return due;
  }
  iovec content{.iov_base = const_cast<char*>(options.data.data()),
                .iov_len = options.data.size()};
  msghdr message{.msg_iov = &content, .msg_iovlen = 1};
  absl::StatusOr<Anchored> place = absl::UnknownError("no destination");
  if (options.destination != nullptr) {
    place = AnchorPeer(*options.destination);
    if (!place.ok()) {
      return place.status();
    }
    message.msg_name = const_cast<sockaddr*>(place->address.get());
    message.msg_namelen = place->address.size();
  }
  const ssize_t put = sendmsg(
      handle.fd.get(), &message,
      MSG_DONTWAIT | MSG_NOSIGNAL | (options.out_of_band ? MSG_OOB : 0));
  if (put < 0) {
    const int number = errno;
    if (number == EAGAIN || number == EINTR) {
      return WriteResult{.would_block = true};
    }
    return SocketError(number, "write", handle);
  }
  const auto written = static_cast<std::size_t>(put);
  return WriteResult{.bytes_written = written,
                     .would_block = written < options.data.size()};
}

}  // namespace farpoll::server
