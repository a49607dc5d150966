#include "server/handle/held_bytes.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/errno_status.h"

namespace farpoll::server {

void HeldBytes::Return(const EventBytes& bytes) {
  if (bytes.read.outcome == ReadResult::Outcome::kData) {
    size_ += bytes.read.data.size();
    pieces_.push_front(bytes.read);
    CountPieces();
  }
  if (!bytes.urgent.empty()) {
    urgent_ = bytes.urgent;
  }
  if (!bytes.error.ok()) {
    error_ = bytes.error;
  }
}

absl::StatusOr<ReadResult> HeldBytes::Read(std::size_t max_bytes, bool peek,
                                           bool messages) {
  if (pieces_.empty()) {
    if (error_.ok()) {
      return ReadResult{};
    }
    return peek ? error_ : std::exchange(error_, absl::OkStatus());
  }
  ReadResult& front = pieces_.front();
  const std::size_t count = std::min(max_bytes, front.data.size());
  ReadResult result = front;
  result.data.resize(count);
  result.truncated = messages && (front.truncated || count < front.data.size());
  if (peek) {
    return result;
  }
  if (messages || count == front.data.size()) {
    size_ -= front.data.size();
    pieces_.pop_front();
  } else {
    size_ -= count;
    front.data.erase(0, count);
  }
  CountPieces();
  return result;
}

void HeldBytes::MoveTo(HeldBytes& other) {
  other.pieces_ = std::exchange(pieces_, {});
  other.size_ = std::exchange(size_, 0);
  other.urgent_ = TakeUrgent();
  other.error_ = std::exchange(error_, absl::OkStatus());
  CountPieces();
  other.CountPieces();
}

void HeldBytes::CountPieces() {
  // An empty message takes room too.
  share_.Set(
      static_cast<std::int64_t>(size_ + pieces_.size() * sizeof(ReadResult)));
}

std::string HeldBytes::TakeUrgent() { return std::exchange(urgent_, ""); }

absl::Status CheckNoneOnTheWay(const Handle& handle) {
  if (handle.held == nullptr || !handle.held->on_the_way()) {
    return absl::OkStatus();
  }
  if (handle.held->holder() == 0) {
    return MakeError(absl::StatusCode::kFailedPrecondition, EBUSY,
                     "BYTES_ON_THE_WAY", handle.Text(),
                     "a Transfer to a file is taking its bytes");
  }
  return MakeError(absl::StatusCode::kFailedPrecondition, EBUSY,
                   "BYTES_ON_THE_WAY", handle.Text(),
                   absl::StrCat("events of selector ", handle.held->holder(),
                                " that were not acknowledged hold bytes that "
                                "come before these: acknowledge them, wait "
                                "afresh, or close the selector"));
}

}  // namespace farpoll::server
