// base/fnv.h: room: base. A hash that is the same in every process and release,
// for names and log lines. It guards nothing.
// Threads: pure.
// Source: Fowler, Noll and Vo: FNV-1a, 64 bits.
#ifndef FARPOLL_BASE_FNV_H_
#define FARPOLL_BASE_FNV_H_

#include <cstdint>

#include "absl/strings/string_view.h"

namespace farpoll {

inline constexpr std::uint64_t kFnvStart = 0xcbf29ce484222325;

// Of `bytes`; `before` is the hash of what stands before them.
constexpr std::uint64_t Fnv1a(absl::string_view bytes,
                              std::uint64_t before = kFnvStart) {
  std::uint64_t hash = before;
  for (const char byte : bytes) {
    hash = (hash ^ static_cast<unsigned char>(byte)) * 0x100000001b3;
  }
  return hash;
}

}  // namespace farpoll

#endif  // FARPOLL_BASE_FNV_H_
