#include "server/handle/timer.h"

#include <sys/timerfd.h>

#include <algorithm>
#include <cerrno>

#include "base/errno_status.h"

namespace farpoll::server {
namespace {

// The kernel counts nanoseconds in 63 bits, 292 years, from boot or from 1970.
constexpr absl::Duration kLongest = absl::Hours(24 * 365 * 200);

absl::Status BadTimer(absl::string_view field, absl::string_view why) {
  return MakeError(EINVAL, "BAD_TIMER", field, why);
}

absl::Status Check(const TimerSpec& spec) {
  if (spec.after.has_value() && spec.at.has_value()) {
    return BadTimer("at", "a timer takes `after` or `at`, not both");
  }
  if (!spec.after.has_value() && !spec.at.has_value() &&
      !spec.every.has_value()) {
    return BadTimer("after", "a timer wants `after`, `at` or `every`");
  }
  if (spec.after.has_value() &&
      (*spec.after < absl::ZeroDuration() || *spec.after > kLongest)) {
    return BadTimer("after", "`after` must be from 0 to 200 years");
  }
  if (spec.at.has_value() && *spec.at > absl::UnixEpoch() + kLongest) {
    return BadTimer("at", "`at` must be before the year 2169");
  }
  if (spec.every.has_value() &&
      (*spec.every <= absl::ZeroDuration() || *spec.every > kLongest)) {
    return BadTimer("every", "`every` must be positive and at most 200 years");
  }
  return absl::OkStatus();
}

// Zero would disarm the timer: what is due now is due in a nanosecond.
timespec AtLeastOne(absl::Duration span) {
  return absl::ToTimespec(std::max(span, absl::Nanoseconds(1)));
}

}  // namespace

absl::StatusOr<Handle> MakeTimer(const TimerSpec& spec) {
  if (const absl::Status good = Check(spec); !good.ok()) {
    return good;
  }
  Handle handle{.kind = HandleKind::kTimer,
                .fd = UniqueFd(timerfd_create(
                    spec.at.has_value() ? CLOCK_REALTIME : CLOCK_MONOTONIC,
                    TFD_CLOEXEC | TFD_NONBLOCK))};
  if (!handle.fd.valid()) {
    return ErrnoStatus(errno, "timerfd_create");
  }
  itimerspec when = {};
  if (spec.every.has_value()) {
    when.it_interval = AtLeastOne(*spec.every);
    when.it_value = when.it_interval;
  }
  if (spec.at.has_value()) {
    when.it_value = AtLeastOne(*spec.at - absl::UnixEpoch());
  } else if (spec.after.has_value()) {
    when.it_value = AtLeastOne(*spec.after);
  }
  if (timerfd_settime(handle.fd.get(),
                      spec.at.has_value() ? TFD_TIMER_ABSTIME : 0, &when,
                      nullptr) != 0) {
    return ErrnoStatus(errno, "timerfd_settime");
  }
  return handle;
}

TimerState DescribeTimer(const Handle& handle) {
  itimerspec when = {};
  (void)timerfd_gettime(handle.fd.get(), &when);
  return TimerState{.left = absl::DurationFromTimespec(when.it_value),
                    .every = absl::DurationFromTimespec(when.it_interval)};
}

}  // namespace farpoll::server
