// selector/kqueue/registry.h: room: selector. Which filters there are.
// Threads: pure.
#ifndef FARPOLL_SELECTOR_KQUEUE_REGISTRY_H_
#define FARPOLL_SELECTOR_KQUEUE_REGISTRY_H_

#include <cstdint>

#include "selector/kqueue/filter.h"

namespace farpoll {

// A filter, or the errno with which a change that names it is refused.
struct FilterEntry {
  std::int16_t number;
  const Filter* filter;
  int refusal;
};

// The entry of `filter`; one that says EINVAL for an unknown number.
const FilterEntry& FindFilter(std::int16_t filter);

}  // namespace farpoll

#endif  // FARPOLL_SELECTOR_KQUEUE_REGISTRY_H_
