// selector/kqueue/lanes.h: room: selector. The kernel's side of a queue: as
// many interest sets as one descriptor has filters.
//
// epoll has one entry for a (file, number). Were READ and WRITE to share it, an
// edge of one would report the other again, and one-shot would silence both. So
// each filter of a number has its entry in a set of its own; the first set
// holds the others, and is what the queue is polled by.
// Threads: Wait from any thread; the rest under the queue's mutex.
#ifndef FARPOLL_SELECTOR_KQUEUE_LANES_H_
#define FARPOLL_SELECTOR_KQUEUE_LANES_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "base/clock.h"
#include "selector/events.h"
#include "selector/interest_set.h"
#include "selector/on_signal.h"
#include "selector/waitable.h"

namespace farpoll {

class Lanes {
 public:
  // READ, WRITE, EXCEPT, PROCDESC: no descriptor needs more.
  static constexpr std::uint8_t kCount = 4;

  // What an Event's data means when it is not a registration's.
  static constexpr std::uint64_t kLaneMark = ~std::uint64_t{0} - kCount;

  //   Errors: RESOURCE_EXHAUSTED (EMFILE, ENFILE, ENOMEM).
  static absl::StatusOr<std::unique_ptr<Lanes>> Create();

  // The set of a lane, made when first asked for; null with the errno in
  // `error` when the kernel refuses.
  InterestSet* At(std::uint8_t lane, int& error);

  // The lane that a marker names; 0 for data that is none.
  static std::uint8_t LaneOf(std::uint64_t data) {
    return data > kLaneMark ? static_cast<std::uint8_t>(data - kLaneMark) : 0;
  }

  // As InterestSet::Wait on all lanes. An event of lane 1 or above is its
  // marker: Collect has the events.
  absl::StatusOr<std::size_t> Wait(absl::Span<Event> room,
                                   MonotonicTime deadline, OnSignal on_signal) {
    return sets_[0]->Wait(room, deadline, on_signal);
  }
  absl::StatusOr<std::size_t> Collect(std::uint8_t lane,
                                      absl::Span<Event> room) {
    return sets_[lane]->Collect(room);
  }

  // The set that the queue is polled by.
  InterestSet& first() { return *sets_[0]; }

  // See Waitable.
  absl::StatusOr<int> fd() const { return sets_[0]->fd(); }
  void Close();

 private:
  std::array<std::unique_ptr<InterestSet>, kCount> sets_;
};

}  // namespace farpoll

#endif  // FARPOLL_SELECTOR_KQUEUE_LANES_H_
