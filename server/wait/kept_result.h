// server/wait/kept_result.h: room: server/wait. A result that was sent and may
// have to be sent again: the same in a fifth of the memory, about 12 bytes an
// event, so that a client which does not acknowledge costs little and one that
// is merely behind gets large batches all the same.
// Threads: plain values.
#ifndef FARPOLL_SERVER_WAIT_KEPT_RESULT_H_
#define FARPOLL_SERVER_WAIT_KEPT_RESULT_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "server/handle/held_bytes.h"
#include "server/wait/result.h"

namespace farpoll::server {

class KeptResult {
 public:
  // Shares the bytes that the result's events take along.
  explicit KeptResult(const Result& result);

  std::int64_t sequence() const { return sequence_; }
  // Its events of either kind.
  std::size_t size() const { return events_ + kevents_; }
  // Bytes that its events take along.
  std::size_t bytes() const { return bytes_; }

  // The result as it was, but for `max_bytes`, which was for its making.
  Result Unpack() const;

 private:
  std::int64_t sequence_;
  MonotonicTime sampled_at_;
  std::size_t bytes_;
  // Numbers of entries in packed_, which has them in this order.
  std::uint32_t events_;
  std::uint32_t removed_;
  std::uint32_t kevents_;
  bool timed_out_;
  // Each number as its difference from that of the entry before, in base-128
  // varints whose lowest bit is the sign.
  std::string packed_;
  // Of each event; empty when none takes bytes along.
  std::vector<std::shared_ptr<const EventBytes>> event_bytes_;
};

}  // namespace farpoll::server

#endif  // FARPOLL_SERVER_WAIT_KEPT_RESULT_H_
