#include "server/handle/io.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "absl/strings/str_cat.h"
#include "base/errno_status.h"
#include "server/handle/kinds.h"

namespace farpoll::server {
namespace {

constexpr short kEveryBit = 0x3fff;

absl::Status IoError(int number, absl::string_view call, const Handle& handle) {
  return ErrnoStatus(
      number, call,
      handle.name.empty() ? absl::StrCat("handle ", handle.id) : handle.name);
}

}  // namespace

absl::StatusOr<ReadResult> ReadSome(Handle& handle, std::size_t max_bytes) {
  if (InfoOf(handle.kind).reads == Content::kNothing) {
    return IoError(EBADF, "read", handle);
  }
  ReadResult result;
  // What is asked for may be far more than what is there: a buffer of that size
  // would be zeroed for nothing. But a message that comes meanwhile must fit.
  const auto there = static_cast<std::size_t>(ReadableBytes(handle));
  const std::size_t least = handle.has_messages() && there == 0 ? max_bytes : 1;
  result.data.resize(std::min(max_bytes, std::max(there, least)));
  const ssize_t got =
      handle.is_socket()
          ? recv(handle.fd.get(), result.data.data(), result.data.size(), 0)
          : read(handle.fd.get(), result.data.data(), result.data.size());
  if (got < 0) {
    const int number = errno;
    if (number == EAGAIN || number == EINTR) {
      return ReadResult{};
    }
    return IoError(number, "read", handle);
  }
  result.data.resize(static_cast<std::size_t>(got));
  result.outcome = got == 0 && !handle.is_datagram()
                       ? ReadResult::Outcome::kEndOfFile
                       : ReadResult::Outcome::kData;
  handle.bytes_read += got;
  return result;
}

absl::StatusOr<WriteResult> WriteSome(Handle& handle, absl::string_view data) {
  if (InfoOf(handle.kind).writes == Content::kNothing) {
    return IoError(EBADF, "write", handle);
  }
  if (data.empty() && !handle.is_datagram()) {
    return WriteResult{};
  }
  const ssize_t put =
      handle.is_socket()
          ? send(handle.fd.get(), data.data(), data.size(), MSG_NOSIGNAL)
          : write(handle.fd.get(), data.data(), data.size());
  if (put < 0) {
    const int number = errno;
    if (number == EAGAIN || number == EINTR) {
      return WriteResult{.bytes_written = 0, .would_block = true};
    }
    return IoError(number, "write", handle);
  }
  handle.bytes_written += put;
  const auto written = static_cast<std::size_t>(put);
  return WriteResult{.bytes_written = written,
                     .would_block = written < data.size()};
}

absl::Status ShutDown(Handle& handle, int how) {
  if (shutdown(handle.fd.get(), how) != 0) {
    return IoError(errno, "shutdown", handle);
  }
  return absl::OkStatus();
}

std::uint16_t SampleReadiness(const Handle& handle) {
  pollfd entry{.fd = handle.fd.get(), .events = kEveryBit, .revents = 0};
  return poll(&entry, 1, 0) == 1 ? static_cast<std::uint16_t>(entry.revents)
                                 : 0;
}

std::int64_t ReadableBytes(const Handle& handle) {
  int bytes = 0;
  if (InfoOf(handle.kind).reads != Content::kBytes ||
      ioctl(handle.fd.get(), FIONREAD, &bytes) != 0) {
    return 0;
  }
  return bytes;
}

}  // namespace farpoll::server
