// selector/slot_table.h: room: selector. Where an InterestSet keeps its
// registrations: 32 bytes each, found by index, named by generation.
// Threads: none of its own; the InterestSet's mutex guards it.
#ifndef FARPOLL_SELECTOR_SLOT_TABLE_H_
#define FARPOLL_SELECTOR_SLOT_TABLE_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "selector/events.h"

namespace farpoll {

// One registration, or a free place for one.
struct Slot {
  // Who says when it is ready.
  enum class Place : std::uint8_t {
    kFree,         // nobody: not in use
    kEpoll,        // the epoll set
    kAlwaysReady,  // a file that epoll refuses (EPERM)
    kNotOpen,      // a number without a file, or an O_PATH descriptor (EBADF)
    kMoving,       // nobody for now: the number of a set that is on the move
  };

  std::uint64_t data = 0;
  int fd = -1;
  // The generation the caller's token carries; fixed while in use.
  std::uint32_t token_generation = 0;
  // The generation the kernel's epoll entry carries; new with every change, so
  // that an event collected before the change is known as stale after it.
  std::uint32_t entry_generation = 0;
  // Neighbours in the pending list; `next` links the free list as well.
  std::uint32_t next = 0;
  std::uint32_t previous = 0;
  Events asked = 0;
  Trigger trigger = Trigger::kLevel;
  Place place : 4 = Place::kFree;
  // Whether it may report: false after a one-shot, or an edge of a file.
  bool armed : 1 = false;
  // Whether it stands in the pending list.
  bool pending : 1 = false;
  // Whether its number may name another file since it was checked last.
  bool suspect : 1 = false;
};
static_assert(sizeof(Slot) == 32);

// A vector of slots with a free list, and through it a FIFO of those that
// report without the kernel ("pending").
class SlotTable {
 public:
  static constexpr std::uint32_t kNone = 0xffffffff;

  // (index, generation) in one number; never zero.
  static std::uint64_t Pack(std::uint32_t index, std::uint32_t generation) {
    return std::uint64_t{index} << 32 | generation;
  }

  // A slot in use with fresh generations. Invalidates references to slots.
  std::uint32_t Allocate();
  // Takes it off the pending list too.
  void Free(std::uint32_t index);
  void Clear();

  Slot& operator[](std::uint32_t index) { return slots_[index]; }
  // Slots in use, and slots there are (one more than the greatest index).
  std::size_t used() const { return used_; }
  std::uint32_t end() const {
    return static_cast<std::uint32_t>(slots_.size());
  }

  // The slot that `packed` names by the generation given to callers, or by the
  // one given to the kernel; kNone and nullptr when it is stale.
  std::uint32_t FindToken(std::uint64_t packed);
  Slot* FindEntry(std::uint64_t packed) {
    const std::uint64_t index = packed >> 32;
    if (index >= slots_.size()) {
      return nullptr;
    }
    Slot& slot = slots_[index];
    return slot.place != Slot::Place::kFree &&
                   slot.entry_generation == static_cast<std::uint32_t>(packed)
               ? &slot
               : nullptr;
  }

  // Makes every event collected so far stale.
  void NextEntryGeneration(std::uint32_t index);

  // The pending list. Pushing twice, or removing what is not there, is fine.
  std::size_t pending() const { return pending_; }
  void PushPending(std::uint32_t index);
  void RemovePending(std::uint32_t index);
  // The one that waits longest; the list must not be empty.
  std::uint32_t PopPending();

 private:
  std::vector<Slot> slots_;
  std::size_t used_ = 0;
  std::size_t pending_ = 0;
  std::uint32_t free_ = kNone;
  std::uint32_t first_ = kNone;
  std::uint32_t last_ = kNone;
};

}  // namespace farpoll

#endif  // FARPOLL_SELECTOR_SLOT_TABLE_H_
