#include "server/handle/byte_io.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/errno_status.h"
#include "server/handle/kinds.h"
#include "server/handle/makers.h"
#include "server/handle/now_io.h"

namespace farpoll::server {
namespace {

// For what cannot tell how much it holds.
constexpr std::size_t kBlindBytes = 64 << 10;

// What a call that returned `got` bytes (or failed with `number`) means.
absl::StatusOr<ReadResult> Outcome(ssize_t got, int number, std::string data,
                                   const Handle& handle) {
  ReadResult result;
  if (got < 0) {
    if (number == EAGAIN || number == EINTR) {
      return result;
    }
    // A terminal's way to say that nobody is left on its other side.
    if (number != EIO || handle.kind != HandleKind::kPty) {
      return ErrnoStatus(number, "read", handle.Text());
    }
    got = 0;
  }
  data.resize(static_cast<std::size_t>(got));
  result.data = std::move(data);
  result.outcome =
      got == 0 ? ReadResult::Outcome::kEndOfFile : ReadResult::Outcome::kData;
  return result;
}

// Copies what a pipe holds into a pipe of our own, and reads that.
absl::StatusOr<ReadResult> PeekPipe(Handle& handle, std::size_t max_bytes) {
  absl::StatusOr<DescriptorPair> copy = MakePipe(0);
  if (!copy.ok()) {
    return copy.status();
  }
  const ssize_t there =
      tee(handle.fd.get(), copy->second.get(), max_bytes, SPLICE_F_NONBLOCK);
  if (there < 0) {
    return Outcome(there, errno, "", handle);
  }
  if (there == 0) {  // empty, or at its end
    pollfd entry{.fd = handle.fd.get(), .events = POLLIN, .revents = 0};
    const bool ended = poll(&entry, 1, 0) == 1 && entry.revents == POLLHUP;
    return Outcome(ended ? 0 : -1, EAGAIN, "", handle);
  }
  std::string data(static_cast<std::size_t>(there), '\0');
  const ssize_t got = read(copy->first.get(), data.data(), data.size());
  return Outcome(got, errno, std::move(data), handle);
}

}  // namespace

absl::optional<std::int64_t> CountReadable(const Handle& handle) {
  int bytes = 0;
  if (InfoOf(handle.kind).reads != Content::kBytes ||
      ioctl(handle.fd.get(), FIONREAD, &bytes) != 0) {
    return absl::nullopt;
  }
  return bytes;
}

std::size_t BufferSize(const Handle& handle, std::size_t max_bytes) {
  const absl::optional<std::int64_t> there = CountReadable(handle);
  // Some files, such as those of proc(5), say that they are empty.
  const bool may_be_file =
      handle.kind == HandleKind::kFile || handle.kind == HandleKind::kPassed;
  if (!there.has_value() || (may_be_file && *there <= 0)) {
    return std::min(max_bytes, kBlindBytes);
  }
  // One byte finds out what an empty one is.
  return std::min(max_bytes,
                  static_cast<std::size_t>(std::max<std::int64_t>(*there, 1)));
}

absl::StatusOr<ReadResult> TakeBytes(Handle& handle, std::size_t max_bytes) {
  std::string data(BufferSize(handle, max_bytes), '\0');
  const ssize_t got = handle.is_file()
                          ? read(handle.fd.get(), data.data(), data.size())
                          : ReadNow(handle.fd.get(), data.data(), data.size());
  return Outcome(got, errno, std::move(data), handle);
}

absl::StatusOr<ReadResult> PeekBytes(Handle& handle, std::size_t max_bytes) {
  if (handle.is_pipe()) {
    return PeekPipe(handle, max_bytes);
  }
  const off_t position = lseek(handle.fd.get(), 0, SEEK_CUR);
  if (position < 0) {
    return CannotPeek(handle);
  }
  std::string data(BufferSize(handle, max_bytes), '\0');
  const ssize_t got =
      pread(handle.fd.get(), data.data(), data.size(), position);
  return Outcome(got, errno, std::move(data), handle);
}

absl::Status CannotPeek(const Handle& handle) {
  return MakeError(EOPNOTSUPP, "CANNOT_PEEK", handle.Text(),
                   absl::StrCat(handle.Text(), " (", InfoOf(handle.kind).name,
                                ") cannot be looked at without taking"));
}

absl::StatusOr<WriteResult> PutBytes(Handle& handle, absl::string_view data) {
  if (data.empty()) {
    return WriteResult{};
  }
  const int fd = handle.fd.get();
  const ssize_t put = handle.is_file() ? write(fd, data.data(), data.size())
                                       : WriteNow(fd, data.data(), data.size(),
                                                  handle.is_pipe());
  if (put < 0) {
    const int number = errno;
    if (number == EAGAIN || number == EINTR) {
      return WriteResult{.would_block = true};
    }
    return ErrnoStatus(number, "write", handle.Text());
  }
  const auto written = static_cast<std::size_t>(put);
  return WriteResult{.bytes_written = written,
                     .would_block = written < data.size()};
}

}  // namespace farpoll::server
