// selector/select_rules.h: room: selector. What select() accepts, and which of
// its three sets poll(2)'s events belong to: the rules that a local call and a
// served one share.
// Threads: pure functions.
// Source: select(2) as built on poll in Linux's fs/select.c; docs/semantics.md
// section 3.
#ifndef FARPOLL_SELECTOR_SELECT_RULES_H_
#define FARPOLL_SELECTOR_SELECT_RULES_H_

#include <cerrno>
#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "base/errno_status.h"
#include "base/timeout.h"
#include "selector/events.h"

namespace farpoll {

// What a member of a set asks poll(2) for.
inline constexpr Events kSelectAskRead = kIn | kReadNormal | kReadBand;
inline constexpr Events kSelectAskWrite = kOut | kWriteNormal | kWriteBand;
inline constexpr Events kSelectAskExcept = kPriority;

// A descriptor is a ready member of a set when any of the set's bits was seen.
// kInvalid here is an O_PATH descriptor; a number that is not open fails the
// whole call before.
inline constexpr Events kSelectReadReady =
    kSelectAskRead | kHangup | kError | kInvalid;
inline constexpr Events kSelectWriteReady = kSelectAskWrite | kError | kInvalid;
inline constexpr Events kSelectExceptReady = kSelectAskExcept | kInvalid;

// The longest timeout of select().
inline constexpr absl::Duration kSelectMaxTimeout =
    absl::Seconds(1'000'000'000);

//   Errors: INVALID_ARGUMENT (EINVAL) for a negative number.
inline absl::Status ValidateSelectNumber(std::int64_t number) {
  return number >= 0 ? absl::OkStatus()
                     : MakeError(EINVAL, "", "fd",
                                 absl::StrCat("negative descriptor ", number));
}

// How long select() waits, in whole microseconds, rounded up:
// InfiniteDuration() when unset.
//   Errors: INVALID_ARGUMENT, EINVAL for NaN and below zero, EOVERFLOW beyond
//     kSelectMaxTimeout.
inline absl::StatusOr<absl::Duration> SelectTimeout(Timeout timeout) {
  switch (timeout.kind()) {
    case Timeout::Kind::kForever:
      return absl::InfiniteDuration();
    case Timeout::Kind::kNegative:
      return MakeError(EINVAL, "", "timeout", "timeout is negative");
    case Timeout::Kind::kNotANumber:
      return MakeError(EINVAL, "", "timeout", "timeout is not a number");
    case Timeout::Kind::kFinite:
      if (timeout.span() <= kSelectMaxTimeout) {
        return absl::Ceil(timeout.span(), absl::Microseconds(1));
      }
      break;
    case Timeout::Kind::kInfinite:
      break;
  }
  return MakeError(EOVERFLOW, "", "timeout", "timeout is beyond 10^9 seconds");
}

}  // namespace farpoll

#endif  // FARPOLL_SELECTOR_SELECT_RULES_H_
