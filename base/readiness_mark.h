// base/readiness_mark.h: room: base. The last report of a handle's readiness.
// It stands with the handle and is written by the selectors that collect it, so
// that an answer about the handle can say which reports it is newer than.
// Threads: as a plain value.
// Source: docs/semantics.md section 7.
#ifndef FARPOLL_BASE_READINESS_MARK_H_
#define FARPOLL_BASE_READINESS_MARK_H_

#include <cstdint>

namespace farpoll {

struct ReadinessMark {
  std::int64_t generation = 0;   // reports so far; 0: never reported
  std::int64_t selector_id = 0;  // which selector reported last
  std::int64_t sequence = 0;     // the sequence number of that result
};

}  // namespace farpoll

#endif  // FARPOLL_BASE_READINESS_MARK_H_
