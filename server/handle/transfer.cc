#include "server/handle/transfer.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/types/optional.h"
#include "base/errno_status.h"
#include "server/handle/byte_io.h"
#include "server/handle/held_bytes.h"
#include "server/handle/kinds.h"
#include "server/handle/now_io.h"
#include "server/handle/socket_io.h"

namespace farpoll::server {
namespace {

using Stop = TransferResult::Stop;

constexpr std::size_t kPieceBytes = 64 << 10;
// Into a message socket; UDP takes 65,507 bytes.
constexpr std::size_t kMessageBytes = 32 << 10;
// Empty messages move nothing, and must not keep us for ever.
constexpr int kMostPieces = 4096;

// What became of one piece: bytes that went over, or why none did.
struct Piece {
  std::size_t bytes = 0;
  absl::optional<Stop> stop;
};

absl::Status Check(const Handle& from, const Handle& to) {
  if (from.id == to.id) {
    return MakeError(EINVAL, "SAME_HANDLE", to.Text(),
                     "a handle does not transfer to itself");
  }
  if (InfoOf(from.kind).reads != Content::kBytes) {
    return ErrnoStatus(EBADF, "read", from.Text());
  }
  if (InfoOf(to.kind).writes != Content::kBytes) {
    return ErrnoStatus(EBADF, "write", to.Text());
  }
  // A stream may take half a message, and the rest could not be put back.
  if (from.has_messages() && !to.has_messages()) {
    return MakeError(EINVAL, "MESSAGES_TO_STREAM", to.Text(),
                     absl::StrCat(from.Text(), " has messages, and ", to.Text(),
                                  " keeps no bounds between them"));
  }
  return absl::OkStatus();
}

// How much one system call may move.
std::size_t PieceSize(const Handle& from, const Handle& to, std::size_t left) {
  if (from.has_messages()) {
    return left;  // a message is not cut
  }
  return std::min(left, to.has_messages() ? kMessageBytes : kPieceBytes);
}

// Which side would block.
Stop WhoBlocks(const Handle& from) {
  pollfd entry{.fd = from.fd.get(), .events = POLLIN, .revents = 0};
  return poll(&entry, 1, 0) == 1 ? Stop::kDestinationFull : Stop::kSourceEmpty;
}

// By splice(2); nothing for a pair that it refuses.
absl::StatusOr<absl::optional<Piece>> Splice(Handle& from, Handle& to,
                                             std::size_t bytes) {
  const ssize_t moved = splice(from.fd.get(), nullptr, to.fd.get(), nullptr,
                               bytes, SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
  if (moved > 0) {
    return absl::optional<Piece>(Piece{static_cast<std::size_t>(moved), {}});
  }
  if (moved == 0) {
    return absl::optional<Piece>(Piece{0, Stop::kEndOfFile});
  }
  const int number = errno;
  switch (number) {
    case EAGAIN:
    case EINTR:
      return absl::optional<Piece>(Piece{0, WhoBlocks(from)});
    case EINVAL:
      return absl::optional<Piece>();
    default:
      return ErrnoStatus(number, "splice",
                         absl::StrCat(from.Text(), " to ", to.Text()));
  }
}

// Takes `bytes` that were seen by a look and are there still: no one else reads
// while the session is locked. What another process took meanwhile of a shared
// file is its own affair.
absl::Status Drop(Handle& from, std::string& seen, std::size_t bytes) {
  ssize_t took = 0;
  if (from.has_messages()) {
    took = recv(from.fd.get(), seen.data(), seen.size(), MSG_DONTWAIT);
  } else if (from.is_socket()) {
    took = recv(from.fd.get(), seen.data(), bytes, MSG_DONTWAIT);
  } else if (from.is_pipe()) {
    took = ReadNow(from.fd.get(), seen.data(), bytes);
  } else {
    took = lseek(from.fd.get(), static_cast<off_t>(bytes), SEEK_CUR);
  }
  return took < 0 ? ErrnoStatus(errno, "read", from.Text()) : absl::OkStatus();
}

// Writes to `to` what it has room for.
absl::StatusOr<Piece> Put(Handle& to, const std::string& data) {
  const absl::StatusOr<WriteResult> put =
      to.is_socket() ? SendSome(to, {.data = data}) : PutBytes(to, data);
  if (!put.ok()) {
    return put.status();
  }
  if (put->bytes_written == 0 && put->would_block) {
    return Piece{0, Stop::kDestinationFull};
  }
  return Piece{put->bytes_written, {}};
}

// Moves of what came back from events, which nobody else has by now.
absl::StatusOr<Piece> MoveReturned(Handle& from, Handle& to,
                                   std::size_t bytes) {
  const absl::StatusOr<ReadResult> seen =
      from.held->Read(bytes, /*peek=*/true, from.has_messages());
  if (!seen.ok()) {
    return from.held->Read(bytes, /*peek=*/false, false).status();
  }
  if (seen->truncated) {
    return ErrnoStatus(EMSGSIZE, "read", from.Text());
  }
  const absl::StatusOr<Piece> put = Put(to, seen->data);
  if (put.ok()) {
    (void)from.held->Read(put->bytes, /*peek=*/false, from.has_messages());
  }
  return put;
}

absl::StatusOr<Piece> Copy(Handle& from, Handle& to, std::size_t bytes) {
  absl::StatusOr<ReadResult> seen =
      from.is_socket() ? ReceiveSome(from, {.max_bytes = bytes, .peek = true})
                       : PeekBytes(from, bytes);
  if (!seen.ok()) {
    return seen.status();
  }
  switch (seen->outcome) {
    case ReadResult::Outcome::kWouldBlock:
      return Piece{0, Stop::kSourceEmpty};
    case ReadResult::Outcome::kEndOfFile:
      return Piece{0, Stop::kEndOfFile};
    case ReadResult::Outcome::kData:
      break;
  }
  if (seen->truncated) {
    return ErrnoStatus(EMSGSIZE, "read", from.Text());
  }
  const absl::StatusOr<Piece> put = Put(to, seen->data);
  if (put.ok() && !put->stop.has_value()) {
    const absl::Status dropped = Drop(from, seen->data, put->bytes);
    if (!dropped.ok()) {
      return dropped;
    }
  }
  return put;
}

absl::StatusOr<Piece> Move(Handle& from, Handle& to, std::size_t bytes) {
  if (HasReturned(from)) {
    return MoveReturned(from, to, bytes);
  }
  // A message's bounds, and an error that is due, need the longer way; so does
  // a socket, which splice(2) waits for unless its open file, which others may
  // have changed, says that it must not.
  // And splice(2) locks the pipe for as long as a file takes.
  const bool plain =
      !from.is_socket() && !to.is_socket() && !from.is_file() && !to.is_file();
  if (plain && (from.is_pipe() || to.is_pipe())) {
    const absl::StatusOr<absl::optional<Piece>> piece = Splice(from, to, bytes);
    if (!piece.ok()) {
      return piece.status();
    }
    if (piece->has_value()) {
      return **piece;
    }
  }
  return Copy(from, to, bytes);
}

}  // namespace

absl::StatusOr<TransferResult> Transfer(Handle& from, Handle& to,
                                        std::size_t max_bytes) {
  if (const absl::Status good = Check(from, to); !good.ok()) {
    return good;
  }
  if (const absl::Status free = CheckNoneOnTheWay(from); !free.ok()) {
    return free;
  }
  TransferResult result;
  std::size_t left = max_bytes;
  for (int pieces = 0; left > 0 && pieces < kMostPieces; ++pieces) {
    const absl::StatusOr<Piece> piece =
        Move(from, to, PieceSize(from, to, left));
    if (!piece.ok()) {
      if (result.bytes == 0) {
        return piece.status();
      }
      result.stop = Stop::kFailed;
      result.error = piece.status();
      break;
    }
    if (piece->stop.has_value()) {
      result.stop = *piece->stop;
      break;
    }
    left -= piece->bytes;
    result.bytes += static_cast<std::int64_t>(piece->bytes);
  }
  from.bytes_read += result.bytes;
  to.bytes_written += result.bytes;
  result.from_readiness = from.readiness;
  result.to_readiness = to.readiness;
  return result;
}

}  // namespace farpoll::server
