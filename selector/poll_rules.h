// selector/poll_rules.h: room: selector. What poll() accepts: the rules that a
// local PollObject and a served one share.
// Threads: pure functions.
// Source: Python's select.poll; docs/semantics.md section 2.
#ifndef FARPOLL_SELECTOR_POLL_RULES_H_
#define FARPOLL_SELECTOR_POLL_RULES_H_

#include <cerrno>
#include <cstdint>
#include <limits>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "base/errno_status.h"
#include "base/timeout.h"
#include "selector/events.h"

namespace farpoll {

// What poll.register() asks for when told nothing else.
inline constexpr Events kPollDefaultEvents = kIn | kPriority | kOut;

// The longest finite timeout of poll(2), whose milliseconds are an int.
inline constexpr absl::Duration kPollMaxTimeout =
    absl::Milliseconds(std::numeric_limits<std::int32_t>::max());

// The descriptor number in `number`. Whether it is open does not matter.
//   Errors: INVALID_ARGUMENT, EINVAL below zero, EOVERFLOW beyond int.
inline absl::StatusOr<int> ValidatePollNumber(std::int64_t number) {
  if (number < 0) {
    return MakeError(EINVAL, "", "fd",
                     absl::StrCat("negative descriptor ", number));
  }
  if (number > std::numeric_limits<int>::max()) {
    return MakeError(EOVERFLOW, "", "fd",
                     absl::StrCat("descriptor ", number, " is beyond int"));
  }
  return static_cast<int>(number);
}

// The events asked for by `mask`. Unknown bits within the 16 are accepted.
//   Errors: INVALID_ARGUMENT, EINVAL below zero, EOVERFLOW beyond 16 bits.
inline absl::StatusOr<Events> ValidatePollMask(std::int64_t mask) {
  if (mask < 0) {
    return MakeError(EINVAL, "", "events",
                     absl::StrCat("negative event mask ", mask));
  }
  if (mask > std::numeric_limits<Events>::max()) {
    return MakeError(EOVERFLOW, "", "events",
                     absl::StrCat("event mask ", mask, " is beyond 16 bits"));
  }
  return static_cast<Events>(mask);
}

// How long poll() waits: InfiniteDuration() for an unset or negative timeout.
//   Errors: INVALID_ARGUMENT, EINVAL for NaN, EOVERFLOW beyond kPollMaxTimeout.
inline absl::StatusOr<absl::Duration> PollTimeout(Timeout timeout) {
  switch (timeout.kind()) {
    case Timeout::Kind::kForever:
    case Timeout::Kind::kNegative:
      return absl::InfiniteDuration();
    case Timeout::Kind::kNotANumber:
      return MakeError(EINVAL, "", "timeout", "timeout is not a number");
    case Timeout::Kind::kFinite:
      if (timeout.span() <= kPollMaxTimeout) {
        return timeout.span();
      }
      break;
    case Timeout::Kind::kInfinite:
      break;
  }
  return MakeError(EOVERFLOW, "", "timeout",
                   "timeout is beyond 2^31-1 milliseconds");
}

}  // namespace farpoll

#endif  // FARPOLL_SELECTOR_POLL_RULES_H_
