// selector/invariant.h: room: selector. What must hold whatever a caller or the
// kernel does. A broken rule would go on as an endless spin, so it ends the
// program with a word.
// Threads: pure.
#ifndef FARPOLL_SELECTOR_INVARIANT_H_
#define FARPOLL_SELECTOR_INVARIANT_H_

#include <cstdint>
#include <cstdio>
#include <cstdlib>

namespace farpoll {

// Aborts with `rule` and the two values that break it, unless `holds`.
inline void RequireInvariant(bool holds, const char* rule, std::uint64_t first,
                             std::uint64_t second) {
  if (!holds) {
    std::fprintf(stderr, "farpoll: broken invariant: %s (%llu, %llu)\n", rule,
                 static_cast<unsigned long long>(first),
                 static_cast<unsigned long long>(second));
    std::abort();
  }
}

}  // namespace farpoll

#endif  // FARPOLL_SELECTOR_INVARIANT_H_
