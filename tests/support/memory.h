// tests/support/memory.h: room: tests. How much of the heap is in use.
#ifndef FARPOLL_TESTS_SUPPORT_MEMORY_H_
#define FARPOLL_TESTS_SUPPORT_MEMORY_H_

#include <malloc.h>

#include <cstddef>
#include <cstdint>

#include "absl/base/config.h"

#if defined(ABSL_HAVE_ADDRESS_SANITIZER)
// Of <sanitizer/allocator_interface.h>, which GCC does not install.
extern "C" std::size_t __sanitizer_get_current_allocated_bytes();
#endif

namespace farpoll {

// Bytes allocated and not freed, of the whole process.
inline std::int64_t AllocatedBytes() {
#if defined(ABSL_HAVE_ADDRESS_SANITIZER)
  return static_cast<std::int64_t>(__sanitizer_get_current_allocated_bytes());
#else
  const struct mallinfo2 info = mallinfo2();
  return static_cast<std::int64_t>(info.uordblks + info.hblkhd);
#endif
}

}  // namespace farpoll

#endif  // FARPOLL_TESTS_SUPPORT_MEMORY_H_
