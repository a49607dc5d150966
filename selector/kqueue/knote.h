// selector/kqueue/knote.h: room: selector. A queue's registrations: what each
// was asked, and the order in which those that are active stand.
// Threads: none of its own; the queue's mutex guards it.
// Source: FreeBSD sys/event.h (struct knote); docs/semantics.md section 6.
#ifndef FARPOLL_SELECTOR_KQUEUE_KNOTE_H_
#define FARPOLL_SELECTOR_KQUEUE_KNOTE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/hash/hash.h"
#include "selector/events.h"
#include "selector/interest_set.h"
#include "selector/kqueue/descriptor.h"
#include "selector/kqueue/kevent.h"

namespace farpoll {

class Filter;

// Names one knote: place and generation. Zero names none; that of a removed
// knote never names a later one.
using KnoteId = std::uint64_t;

// What a filter keeps of its own for one knote: a timerfd, a pidfd.
class FilterState {
 public:
  virtual ~FilterState() = default;
  // Gives up the state's own descriptor, if it has one, unclosed: the number is
  // somebody else's by now.
  virtual void Abandon() {}
};

// What a sample looks at lies in the first of two cache lines.
struct alignas(64) Knote {
  // As the next event would say it: ident, filter, mode flags and EOF, udata,
  // and in fflags and data what was seen so far.
  Kevent event;

  const Filter* filter = nullptr;
  std::unique_ptr<FilterState> state;
  std::uint32_t asked_fflags = 0;

  // EV_DISABLE, or delivered under EV_DISPATCH.
  bool disabled : 1 = false;
  // Stands in the active list.
  bool active : 1 = false;
  // EV_FORCEONESHOT: to be delivered whatever the filter says.
  bool forced : 1 = false;
  // The kernel's set said ready and the filter did not agree; it is watched for
  // edges until both do.
  bool muted : 1 = false;
  // Stands in the list of those to be looked at again by the clock.
  bool rechecked : 1 = false;
  // EMPTY under EV_CLEAR: reported, and not seen with data since.
  bool reported : 1 = false;

  // What the descriptor turned out to be; kUnknown until a filter asks.
  DescriptorKind kind = DescriptorKind::kUnknown;
  // The kernel's set that watches it, and for what; token 0: none does.
  std::uint8_t lane = 0;

  // The table's own: how an id names this place.
  std::uint32_t generation = 0;
  std::uint32_t index = 0;

  RegistrationToken token = 0;
  int watched_fd = -1;
  Events watched_events = 0;

  // The socket's error, kept because asking for it clears it.
  int socket_error = 0;
  std::int64_t asked_data = 0;

  // The table's own: neighbours in the active or the free list.
  std::uint32_t previous = 0;
  std::uint32_t next = 0;

  KnoteId id() const { return std::uint64_t{index} << 32 | generation; }
  bool has(std::uint16_t flags) const { return (event.flags & flags) != 0; }
  // The descriptor that ident names, for filters whose ident is one.
  int fd() const { return static_cast<int>(event.ident); }
};
static_assert(sizeof(Knote) == 128);

// Knotes by name, at places that do not move, with a FIFO of the active ones.
class KnoteTable {
 public:
  static constexpr std::uint32_t kNone = 0xffffffff;
  // Ids below this place are knotes'; the rest are the queue's to use.
  static constexpr std::uint32_t kEnd = 0xffff0000;

  Knote* Find(std::uint64_t ident, std::int16_t filter);
  // The knote that `id` names; null when it is gone.
  Knote* Resolve(KnoteId id) {
    const std::uint64_t index = id >> 32;
    if (index >= end_) {
      return nullptr;
    }
    Knote& knote = At(static_cast<std::uint32_t>(index));
    return knote.filter != nullptr &&
                   knote.generation == static_cast<std::uint32_t>(id)
               ? &knote
               : nullptr;
  }
  // A knote for a name that has none.
  Knote& Insert(std::uint64_t ident, std::int16_t filter);
  void Erase(Knote& knote);

  std::size_t size() const { return used_; }
  // Knotes of one filter.
  std::size_t CountOf(std::int16_t filter) const {
    return counts_[static_cast<std::size_t>(-filter)];
  }
  // Walks over every knote, in no order: `place` begins as 0 and is moved on.
  // Null at the end. Knotes may be erased meanwhile.
  Knote* Next(std::uint32_t& place);

  // The active list. Pushing twice, or removing what is not there, is fine.
  void PushActive(Knote& knote);
  void RemoveActive(Knote& knote);
  // The one that waits longest; the list must not be empty.
  Knote& PopActive();
  std::size_t active() const { return active_; }

 private:
  static constexpr std::uint32_t kBlock = 128;
  // Numbers from here on are hashed.
  static constexpr std::uint64_t kDenseEnd = 1 << 16;

  Knote& At(std::uint32_t index) {
    return (*blocks_[index / kBlock])[index % kBlock];
  }

  // READ and WRITE of descriptors, which are small and dense numbers, are found
  // without hashing. Null when the name is not of that sort, or beyond the end.
  std::uint32_t* DensePlace(std::uint64_t ident, std::int16_t filter);

  // By the filters' numbers, which are -1 to -15.
  std::array<std::size_t, 16> counts_ = {};
  std::size_t used_ = 0;
  // Two a descriptor: the knote's index, or kNone.
  std::vector<std::uint32_t> dense_;
  // Not absl::flat_hash_map, which is broken once it has run out of memory.
  using Name = std::pair<std::uint64_t, std::int16_t>;
  std::unordered_map<Name, std::uint32_t, absl::Hash<Name>> by_name_;
  std::vector<std::unique_ptr<std::array<Knote, kBlock>>> blocks_;
  std::uint32_t free_ = kNone;
  std::uint32_t end_ = 0;
  std::uint32_t first_ = kNone;
  std::uint32_t last_ = kNone;
  std::size_t active_ = 0;
};

}  // namespace farpoll

#endif  // FARPOLL_SELECTOR_KQUEUE_KNOTE_H_
