// tests/fuzz/claim.h: room: tests. How a fuzz target says what must not be.
#ifndef FARPOLL_TESTS_FUZZ_CLAIM_H_
#define FARPOLL_TESTS_FUZZ_CLAIM_H_

#include <cstdio>
#include <cstdlib>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "tests/support/fd_count.h"

namespace farpoll::fuzz {

// Generous: it only keeps a call that hangs from hanging the fuzzer.
inline constexpr absl::Duration kPatience = absl::Seconds(15);

// Ends the program; libFuzzer keeps the input.
[[noreturn]] inline void Fail(absl::string_view what) {
  std::fprintf(stderr, "finding: %s\n", std::string(what).c_str());
  std::abort();
}

// At most so many descriptors are open, or will be in a moment.
inline void AwaitDescriptors(int most) {
  const absl::Time end = absl::Now() + kPatience;
  while (CountOpenDescriptors() > most) {
    if (absl::Now() > end) {
      Fail("descriptors are left open");
    }
    absl::SleepFor(absl::Milliseconds(1));
  }
}

}  // namespace farpoll::fuzz

#endif  // FARPOLL_TESTS_FUZZ_CLAIM_H_
