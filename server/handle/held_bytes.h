// server/handle/held_bytes.h: room: server/handle. Bytes that were taken from a
// handle for events (docs/streams.md, "Events that bring their data"): whether
// some are on the way in results that nobody has acknowledged, and those that
// came back, which are read before anything else.
// Threads: fenced by the session's lock.
#ifndef FARPOLL_SERVER_HANDLE_HELD_BYTES_H_
#define FARPOLL_SERVER_HANDLE_HELD_BYTES_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/handle/handle.h"
#include "server/handle/io_values.h"
#include "server/policy/quota.h"

namespace farpoll::server {

class HeldBytes;

// What one event takes along from its handle.
struct EventBytes {
  ReadResult read;     // kWouldBlock: nothing was there to take
  std::string urgent;  // the urgent byte of a stream socket; empty for none
  absl::Status error;  // of the handle, in place of `read`; told once
  // Where it came from and goes back to; outlives the handle.
  std::shared_ptr<HeldBytes> origin;

  // Whether something was taken that would be lost with it.
  bool any() const {
    return read.outcome == ReadResult::Outcome::kData || !urgent.empty() ||
           !error.ok();
  }
};

class HeldBytes {
 public:
  // What came back is counted in `quota` (max_held_bytes).
  explicit HeldBytes(std::shared_ptr<Quota> quota = nullptr)
      : share_(std::move(quota)) {}

  // ---- The one registration that takes bytes along; 0: there is none.

  std::int64_t taker() const { return taker_; }
  void set_taker(std::int64_t selector_id) { taker_ = selector_id; }

  // ---- On the way: in results that were not acknowledged.

  bool on_the_way() const { return on_the_way_ > 0; }
  // The selector whose results these are.
  std::int64_t holder() const { return holder_; }
  // One more event of the taker has bytes; one fewer.
  void Leave() {
    ++on_the_way_;
    holder_ = taker_;
  }
  void Settle() { --on_the_way_; }

  // ---- What came back.

  // Whether nothing did.
  bool empty() const {
    return pieces_.empty() && urgent_.empty() && error_.ok();
  }
  // Bytes of it, without the urgent one.
  std::size_t size() const { return size_; }

  // Takes `bytes` back, before all that came back until now.
  void Return(const EventBytes& bytes);

  // Reads of what came back as ReadSome would, from one piece at most. Call it
  // when there is something; `messages`: a piece is a message, and what of it
  // is beyond max_bytes is dropped.
  absl::StatusOr<ReadResult> Read(std::size_t max_bytes, bool peek,
                                  bool messages);
  // Gives all that came back to `other`, which has nothing.
  void MoveTo(HeldBytes& other);
  // The urgent byte that came back, or none.
  std::string TakeUrgent();

 private:
  // Settles the quota by what there is.
  void CountPieces();

  std::int64_t taker_ = 0;
  std::int64_t on_the_way_ = 0;
  std::int64_t holder_ = 0;
  std::deque<ReadResult> pieces_;  // of kData; the oldest first
  std::size_t size_ = 0;
  std::string urgent_;
  absl::Status error_;  // comes after the pieces
  QuotaShare share_;    // of pieces_
};

// Whether bytes of it came back, which are to be read first.
inline bool HasReturned(const Handle& handle) {
  return handle.held != nullptr && !handle.held->empty();
}

// FAILED_PRECONDITION (EBUSY, BYTES_ON_THE_WAY) while events that were not
// acknowledged hold bytes of the handle: what follows them is not to be had
// before them.
absl::Status CheckNoneOnTheWay(const Handle& handle);

}  // namespace farpoll::server

#endif  // FARPOLL_SERVER_HANDLE_HELD_BYTES_H_
