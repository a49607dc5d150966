#include "selector/kqueue/knote.h"

namespace farpoll {

Knote* KnoteTable::Find(std::uint64_t ident, std::int16_t filter) {
  const auto found = by_name_.find({ident, filter});
  return found == by_name_.end() ? nullptr : &At(found->second);
}

Knote& KnoteTable::Insert(std::uint64_t ident, std::int16_t filter) {
  std::uint32_t index = free_;
  if (index != kNone) {
    free_ = At(index).next;
  } else {
    index = end_++;
    if (index / kBlock == blocks_.size()) {
      blocks_.push_back(std::make_unique<std::array<Knote, kBlock>>());
    }
  }
  Knote& knote = At(index);
  const std::uint32_t generation = knote.generation + 1;
  knote = Knote();
  knote.index = index;
  knote.generation = generation == 0 ? 1 : generation;
  knote.event = {.ident = ident, .filter = filter, .flags = 0};
  by_name_.emplace(std::make_pair(ident, filter), index);
  ++counts_[static_cast<std::size_t>(-filter)];
  return knote;
}

void KnoteTable::Erase(Knote& knote) {
  RemoveActive(knote);
  by_name_.erase({knote.event.ident, knote.event.filter});
  --counts_[static_cast<std::size_t>(-knote.event.filter)];
  knote.state.reset();
  knote.filter = nullptr;
  knote.next = free_;
  free_ = knote.index;
}

std::vector<Knote*> KnoteTable::All() {
  std::vector<Knote*> all;
  all.reserve(by_name_.size());
  for (const auto& [name, index] : by_name_) {
    all.push_back(&At(index));
  }
  return all;
}

void KnoteTable::PushActive(Knote& knote) {
  if (knote.active) {
    return;
  }
  knote.active = true;
  knote.next = kNone;
  knote.previous = last_;
  (last_ == kNone ? first_ : At(last_).next) = knote.index;
  last_ = knote.index;
  ++active_;
}

void KnoteTable::RemoveActive(Knote& knote) {
  if (!knote.active) {
    return;
  }
  knote.active = false;
  (knote.previous == kNone ? first_ : At(knote.previous).next) = knote.next;
  (knote.next == kNone ? last_ : At(knote.next).previous) = knote.previous;
  --active_;
}

Knote& KnoteTable::PopActive() {
  Knote& knote = At(first_);
  RemoveActive(knote);
  return knote;
}

}  // namespace farpoll
