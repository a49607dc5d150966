// selector/kqueue/queue_marks.h: room: selector. How a queue knows its own
// descriptors among the events of the kernel's first set; see also
// Lanes::kLaneMark.
#ifndef FARPOLL_SELECTOR_KQUEUE_QUEUE_MARKS_H_
#define FARPOLL_SELECTOR_KQUEUE_QUEUE_MARKS_H_

#include <cstdint>

#include "selector/kqueue/knote.h"
#include "selector/kqueue/lanes.h"

namespace farpoll {

inline constexpr std::uint64_t kWakeMark = Lanes::kLaneMark;
inline constexpr std::uint64_t kFilesMark = Lanes::kLaneMark - 1;
inline constexpr std::uint64_t kSignalsMark = Lanes::kLaneMark - 2;
inline constexpr std::uint64_t kClockMark = Lanes::kLaneMark - 3;

// Greater data is a mark; the rest are ids of knotes.
inline constexpr std::uint64_t kFirstMark = std::uint64_t{KnoteTable::kEnd}
                                            << 32;

}  // namespace farpoll

#endif  // FARPOLL_SELECTOR_KQUEUE_QUEUE_MARKS_H_
