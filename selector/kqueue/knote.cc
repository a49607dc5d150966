#include "selector/kqueue/knote.h"

namespace farpoll {

std::uint32_t* KnoteTable::DensePlace(std::uint64_t ident,
                                      std::int16_t filter) {
  const std::uint64_t place = 2 * ident + (filter == evfilt::kWrite ? 1 : 0);
  const bool dense = filter == evfilt::kRead || filter == evfilt::kWrite;
  return dense && ident < kDenseEnd && place < dense_.size() ? &dense_[place]
                                                             : nullptr;
}

Knote* KnoteTable::Find(std::uint64_t ident, std::int16_t filter) {
  if (const std::uint32_t* const place = DensePlace(ident, filter)) {
    return *place != kNone ? &At(*place) : nullptr;
  }
  const auto found = by_name_.find({ident, filter});
  return found == by_name_.end() ? nullptr : &At(found->second);
}

Knote& KnoteTable::Insert(std::uint64_t ident, std::int16_t filter) {
  // What may run out of memory comes first, and leaves the table as it was.
  if (free_ == kNone && end_ / kBlock == blocks_.size()) {
    blocks_.push_back(std::make_unique<std::array<Knote, kBlock>>());
  }
  const std::uint32_t index = free_ != kNone ? free_ : end_;
  if ((filter == evfilt::kRead || filter == evfilt::kWrite) &&
      ident < kDenseEnd && 2 * ident + 1 >= dense_.size()) {
    dense_.resize(2 * ident + 2, kNone);
  }
  if (std::uint32_t* const place = DensePlace(ident, filter)) {
    *place = index;
  } else {
    by_name_.emplace(std::make_pair(ident, filter), index);
  }

  Knote& knote = At(index);
  if (free_ != kNone) {
    free_ = knote.next;
  } else {
    ++end_;
  }
  const std::uint32_t generation = knote.generation + 1;
  knote = Knote();
  knote.index = index;
  knote.generation = generation == 0 ? 1 : generation;
  knote.event = {.ident = ident, .filter = filter, .flags = 0};
  ++used_;
  ++counts_[static_cast<std::size_t>(-filter)];
  return knote;
}

void KnoteTable::Erase(Knote& knote) {
  RemoveActive(knote);
  if (std::uint32_t* const place =
          DensePlace(knote.event.ident, knote.event.filter)) {
    *place = kNone;
  } else {
    by_name_.erase({knote.event.ident, knote.event.filter});
  }
  --used_;
  --counts_[static_cast<std::size_t>(-knote.event.filter)];
  knote.state.reset();
  knote.filter = nullptr;
  knote.next = free_;
  free_ = knote.index;
}

Knote* KnoteTable::Next(std::uint32_t& place) {
  while (place < end_) {
    Knote& knote = At(place++);
    if (knote.filter != nullptr) {
      return &knote;
    }
  }
  return nullptr;
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
