// server/handle/timer.h: room: server/handle. Timers as descriptors.
// Threads: fenced by the session's lock; nothing here blocks.
// Source: timerfd_create(2).
#ifndef FARPOLL_SERVER_HANDLE_TIMER_H_
#define FARPOLL_SERVER_HANDLE_TIMER_H_

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "server/handle/handle.h"

namespace farpoll::server {

struct TimerSpec {
  // When it expires first: a span from now on CLOCK_MONOTONIC, or a time of the
  // wall clock, which follows when that is set. A time gone by is now. Neither:
  // after one period.
  absl::optional<absl::Duration> after;
  absl::optional<absl::Time> at;
  // And again after each of these.
  absl::optional<absl::Duration> every;
};

//   Errors: INVALID_ARGUMENT (EINVAL, BAD_TIMER: `after` negative, `every` not
//     positive, both `after` and `at`, nothing at all, or a time beyond what
//     the kernel counts), RESOURCE_EXHAUSTED (EMFILE, ENFILE).
absl::StatusOr<Handle> MakeTimer(const TimerSpec& spec);

struct TimerState {
  absl::Duration left;   // to the next expiration; zero when none is to come
  absl::Duration every;  // zero for a timer that does not repeat
};
TimerState DescribeTimer(const Handle& handle);

}  // namespace farpoll::server

#endif  // FARPOLL_SERVER_HANDLE_TIMER_H_
