#include "server/handle/io.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/errno_status.h"
#include "server/handle/byte_io.h"
#include "server/handle/counter.h"
#include "server/handle/held_bytes.h"
#include "server/handle/kinds.h"
#include "server/handle/path_watch.h"
#include "server/handle/socket_io.h"

namespace farpoll::server {
namespace {

constexpr short kEveryBit = 0x3fff;

absl::Status BadContent(absl::string_view field, const Handle& handle) {
  return MakeError(EINVAL, "BAD_CONTENT", field,
                   absl::StrCat(handle.Text(), " (", InfoOf(handle.kind).name,
                                ") takes no ", field));
}

absl::StatusOr<ReadResult> ReadBytes(Handle& handle,
                                     const ReadOptions& options) {
  if (handle.is_socket()) {
    return ReceiveSome(handle, options);
  }
  if (options.out_of_band) {
    return ErrnoStatus(ENOTSOCK, "read", handle.Text());
  }
  return options.peek ? PeekBytes(handle, options.max_bytes)
                      : TakeBytes(handle, options.max_bytes);
}

absl::StatusOr<ReadResult> ReadCount(Handle& handle) {
  const absl::StatusOr<absl::optional<std::uint64_t>> count = TakeCount(handle);
  if (!count.ok()) {
    return count.status();
  }
  ReadResult result;
  if (count->has_value()) {
    result.outcome = ReadResult::Outcome::kData;
    result.count = **count;
  }
  return result;
}

absl::StatusOr<ReadResult> ReadPathEvents(Handle& handle,
                                          std::size_t max_bytes) {
  absl::StatusOr<std::vector<PathEvent>> events =
      TakePathEvents(handle, max_bytes);
  if (!events.ok()) {
    return events.status();
  }
  ReadResult result;
  if (!events->empty()) {
    result.outcome = ReadResult::Outcome::kData;
    result.path_events = *std::move(events);
  }
  return result;
}

absl::StatusOr<ReadResult> ReadContent(Handle& handle,
                                       const ReadOptions& options) {
  const Content content = InfoOf(handle.kind).reads;
  if (content == Content::kNothing) {
    return ErrnoStatus(EBADF, "read", handle.Text());
  }
  if (content == Content::kBytes) {
    return ReadBytes(handle, options);
  }
  if (options.peek) {
    return CannotPeek(handle);
  }
  if (options.out_of_band) {
    return ErrnoStatus(ENOTSOCK, "read", handle.Text());
  }
  return content == Content::kCount ? ReadCount(handle)
                                    : ReadPathEvents(handle, options.max_bytes);
}

absl::StatusOr<WriteResult> WriteBytes(Handle& handle,
                                       const WriteOptions& options) {
  if (options.count.has_value()) {
    return BadContent("count", handle);
  }
  if (handle.is_socket()) {
    return SendSome(handle, options);
  }
  if (options.out_of_band) {
    return ErrnoStatus(ENOTSOCK, "write", handle.Text());
  }
  if (options.destination != nullptr) {
    return BadContent("destination", handle);
  }
  return PutBytes(handle, options.data);
}

absl::StatusOr<WriteResult> WriteCount(Handle& handle,
                                       const WriteOptions& options) {
  if (!options.data.empty() || !options.count.has_value()) {
    return BadContent("data", handle);
  }
  const absl::StatusOr<bool> added = AddCount(handle, *options.count);
  if (!added.ok()) {
    return added.status();
  }
  return WriteResult{.would_block = !*added};
}

// ReadContent(), counting what it takes.
absl::StatusOr<ReadResult> ReadCounted(Handle& handle,
                                       const ReadOptions& options) {
  absl::StatusOr<ReadResult> result = ReadContent(handle, options);
  if (result.ok() && !options.peek) {
    handle.bytes_read += static_cast<std::int64_t>(result->data.size());
  }
  return result;
}

// Bytes that came back from events first, which were counted when they were
// taken, then what the kernel has.
absl::StatusOr<ReadResult> ReadInOrder(Handle& handle,
                                       const ReadOptions& options) {
  if (!HasReturned(handle)) {
    return ReadCounted(handle, options);
  }
  HeldBytes& held = *handle.held;
  if (!options.out_of_band) {
    return held.Read(options.max_bytes, options.peek, handle.has_messages());
  }
  ReadResult urgent{.data = held.TakeUrgent()};
  if (urgent.data.empty()) {
    return ReadCounted(handle, options);
  }
  urgent.outcome = ReadResult::Outcome::kData;
  return urgent;
}

// What the kernel says of a handle, and what came back besides.
std::uint16_t WithReturned(const Handle& handle, short seen) {
  return static_cast<std::uint16_t>(
      seen | (HasReturned(handle) ? POLLIN | POLLRDNORM : 0));
}

}  // namespace

EventBytes TakeForEvent(Handle& handle, std::size_t max_bytes,
                        bool with_urgent) {
  EventBytes taken;
  taken.origin = handle.held;
  if (with_urgent) {
    absl::StatusOr<ReadResult> urgent =
        ReadInOrder(handle, {.max_bytes = 1, .out_of_band = true});
    if (urgent.ok()) {  // EINVAL: there is none
      taken.urgent = std::move(urgent->data);
    }
  }
  absl::StatusOr<ReadResult> read =
      ReadInOrder(handle, {.max_bytes = max_bytes});
  if (read.ok()) {
    taken.read = *std::move(read);
  } else {
    taken.error = read.status();
  }
  if (taken.any()) {
    handle.held->Leave();
  }
  return taken;
}

absl::StatusOr<ReadResult> ReadSome(Handle& handle,
                                    const ReadOptions& options) {
  if (!options.out_of_band) {
    if (const absl::Status free = CheckNoneOnTheWay(handle); !free.ok()) {
      return free;
    }
  }
  absl::StatusOr<ReadResult> result = ReadInOrder(handle, options);
  if (result.ok()) {
    result->readiness = handle.readiness;
  }
  return result;
}

absl::StatusOr<WriteResult> WriteSome(Handle& handle,
                                      const WriteOptions& options) {
  const Content content = InfoOf(handle.kind).writes;
  if (content == Content::kNothing) {
    return ErrnoStatus(EBADF, "write", handle.Text());
  }
  absl::StatusOr<WriteResult> result = content == Content::kCount
                                           ? WriteCount(handle, options)
                                           : WriteBytes(handle, options);
  if (result.ok()) {
    result->readiness = handle.readiness;
    handle.bytes_written += static_cast<std::int64_t>(result->bytes_written);
  }
  return result;
}

absl::Status ShutDown(Handle& handle, int how) {
  if (shutdown(handle.fd.get(), how) != 0) {
    return ErrnoStatus(errno, "shutdown", handle.Text());
  }
  return absl::OkStatus();
}

std::uint16_t SampleReadiness(const Handle& handle) {
  pollfd entry{.fd = handle.fd.get(), .events = kEveryBit, .revents = 0};
  return WithReturned(handle, poll(&entry, 1, 0) == 1 ? entry.revents : 0);
}

std::vector<std::uint16_t> SampleReadiness(
    absl::Span<const Handle* const> handles) {
  std::vector<pollfd> entries;
  entries.reserve(handles.size());
  for (const Handle* const handle : handles) {
    entries.push_back(
        pollfd{.fd = handle->fd.get(), .events = kEveryBit, .revents = 0});
  }
  std::vector<std::uint16_t> ready(handles.size(), 0);
  const bool seen = poll(entries.data(), entries.size(), 0) > 0;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    ready[i] = WithReturned(*handles[i], seen ? entries[i].revents : short{0});
  }
  return ready;
}

std::int64_t ReadableBytes(const Handle& handle) {
  const auto returned = static_cast<std::int64_t>(
      handle.held != nullptr ? handle.held->size() : 0);
  return returned +
         std::max<std::int64_t>(0, CountReadable(handle).value_or(0));
}

}  // namespace farpoll::server
