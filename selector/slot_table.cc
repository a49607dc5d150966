#include "selector/slot_table.h"

namespace farpoll {

std::uint32_t SlotTable::Allocate() {
  std::uint32_t index = free_;
  if (index == kNone) {
    index = end();
    if (slots_.size() == slots_.capacity()) {
      // By a quarter, not by doubling: idle room is most of what a registration
      // costs in memory.
      slots_.reserve(slots_.size() + slots_.size() / 4 + 16);
    }
    slots_.emplace_back();
  } else {
    free_ = slots_[index].next;
  }
  NextEntryGeneration(index);
  Slot& slot = slots_[index];
  slot.token_generation = slot.entry_generation;
  slot.place = Slot::Place::kNotOpen;
  ++used_;
  return index;
}

void SlotTable::Free(std::uint32_t index) {
  RemovePending(index);
  Slot& slot = slots_[index];
  slot.place = Slot::Place::kFree;
  slot.next = free_;
  free_ = index;
  --used_;
}

void SlotTable::Clear() { *this = SlotTable(); }

std::uint32_t SlotTable::FindToken(std::uint64_t packed) {
  const std::uint64_t index = packed >> 32;
  if (index >= slots_.size()) {
    return kNone;
  }
  const Slot& slot = slots_[index];
  return slot.place != Slot::Place::kFree &&
                 slot.token_generation == static_cast<std::uint32_t>(packed)
             ? static_cast<std::uint32_t>(index)
             : kNone;
}

void SlotTable::NextEntryGeneration(std::uint32_t index) {
  Slot& slot = slots_[index];
  if (++slot.entry_generation == 0) {
    slot.entry_generation = 1;
  }
}

void SlotTable::PushPending(std::uint32_t index) {
  Slot& slot = slots_[index];
  if (slot.pending) {
    return;
  }
  slot.pending = true;
  slot.next = kNone;
  slot.previous = last_;
  (last_ == kNone ? first_ : slots_[last_].next) = index;
  last_ = index;
  ++pending_;
}

void SlotTable::RemovePending(std::uint32_t index) {
  Slot& slot = slots_[index];
  if (!slot.pending) {
    return;
  }
  slot.pending = false;
  (slot.previous == kNone ? first_ : slots_[slot.previous].next) = slot.next;
  (slot.next == kNone ? last_ : slots_[slot.next].previous) = slot.previous;
  --pending_;
}

std::uint32_t SlotTable::PopPending() {
  const std::uint32_t index = first_;
  RemovePending(index);
  return index;
}

}  // namespace farpoll
