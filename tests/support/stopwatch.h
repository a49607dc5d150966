// tests/support/stopwatch.h: room: tests. How long something took.
#ifndef FARPOLL_TESTS_SUPPORT_STOPWATCH_H_
#define FARPOLL_TESTS_SUPPORT_STOPWATCH_H_

#include <chrono>

#include "absl/time/time.h"

namespace farpoll {

class Stopwatch {
 public:
  absl::Duration elapsed() const {
    return absl::FromChrono(std::chrono::steady_clock::now() - start_);
  }

 private:
  const std::chrono::steady_clock::time_point start_ =
      std::chrono::steady_clock::now();
};

// A generous bound for "at once" on a machine that does other things too.
inline constexpr absl::Duration kAtOnce = absl::Seconds(5);

}  // namespace farpoll

#endif  // FARPOLL_TESTS_SUPPORT_STOPWATCH_H_
