// selector/selector_rules.h: room: selector. What BaseSelector's methods
// accept, and how their two events map to poll(2)'s: the rules that local
// selectors and served ones share.
// Threads: pure functions.
// Source: Python's selectors module; docs/semantics.md section 4.
#ifndef FARPOLL_SELECTOR_SELECTOR_RULES_H_
#define FARPOLL_SELECTOR_SELECTOR_RULES_H_

#include <cerrno>
#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "base/errno_status.h"
#include "base/timeout.h"
#include "selector/events.h"

namespace farpoll {

// What a selector is asked for and reports: kEventRead, kEventWrite or both.
using SelectorEvents = std::uint32_t;

inline constexpr SelectorEvents kEventRead = 1;
inline constexpr SelectorEvents kEventWrite = 2;

//   Errors: INVALID_ARGUMENT (EINVAL) for none, and for other bits.
inline absl::StatusOr<SelectorEvents> ValidateSelectorEvents(
    std::int64_t events) {
  if (events <= 0 || (events & ~std::int64_t{kEventRead | kEventWrite}) != 0) {
    return MakeError(EINVAL, "", "events",
                     absl::StrCat("invalid selector events ", events,
                                  "; want READ (1), WRITE (2) or both (3)"));
  }
  return static_cast<SelectorEvents>(events);
}

// What to ask poll(2) for.
inline constexpr Events PollEventsOf(SelectorEvents asked) {
  return static_cast<Events>(((asked & kEventRead) != 0 ? kIn : 0) |
                             ((asked & kEventWrite) != 0 ? kOut : 0));
}

// What of `asked` the events seen make ready: an error or a hangup wakes a
// reader as READ and a writer as WRITE.
inline constexpr SelectorEvents SelectorEventsOf(Events seen,
                                                 SelectorEvents asked) {
  const SelectorEvents read = (seen & ~kOut) != 0 ? kEventRead : 0;
  const SelectorEvents write = (seen & ~kIn) != 0 ? kEventWrite : 0;
  return (read | write) & asked;
}

// How long select() waits, in whole milliseconds, rounded up: zero for a
// negative timeout, InfiniteDuration() when unset.
//   Errors: INVALID_ARGUMENT, EINVAL for NaN, EOVERFLOW for infinity.
inline absl::StatusOr<absl::Duration> SelectorTimeout(Timeout timeout) {
  switch (timeout.kind()) {
    case Timeout::Kind::kForever:
      return absl::InfiniteDuration();
    case Timeout::Kind::kNegative:
      return absl::ZeroDuration();
    case Timeout::Kind::kFinite:
      return absl::Ceil(timeout.span(), absl::Milliseconds(1));
    case Timeout::Kind::kNotANumber:
      return MakeError(EINVAL, "", "timeout", "timeout is not a number");
    case Timeout::Kind::kInfinite:
      break;
  }
  return MakeError(EOVERFLOW, "", "timeout", "timeout is infinite");
}

}  // namespace farpoll

#endif  // FARPOLL_SELECTOR_SELECTOR_RULES_H_
