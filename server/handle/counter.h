// server/handle/counter.h: room: server/handle. Event counters, and the number
// that a timer or a counter is read as.
// Threads: fenced by the session's lock; nothing here blocks.
// Source: eventfd(2), timerfd_create(2).
#ifndef FARPOLL_SERVER_HANDLE_COUNTER_H_
#define FARPOLL_SERVER_HANDLE_COUNTER_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/types/optional.h"
#include "server/handle/handle.h"

namespace farpoll::server {

// The most that a counter holds.
inline constexpr std::uint64_t kMaxCount = ~std::uint64_t{0} - 1;

// Makes a counter that stands at `initial`. A Read takes all of it and sets it
// to zero; with `semaphore` it takes one.
//   Errors: INVALID_ARGUMENT (EINVAL, BAD_COUNT: over kMaxCount),
//     RESOURCE_EXHAUSTED (EMFILE, ENFILE).
absl::StatusOr<Handle> MakeCounter(std::uint64_t initial, bool semaphore);

// Takes the number of a timer (expirations since the last time) or a counter;
// none while it is zero.
absl::StatusOr<absl::optional<std::uint64_t>> TakeCount(Handle& handle);

// Adds to a counter; false when it has no room for that now.
//   Errors: INVALID_ARGUMENT (EINVAL, BAD_COUNT: over kMaxCount).
absl::StatusOr<bool> AddCount(Handle& handle, std::uint64_t count);

}  // namespace farpoll::server

#endif  // FARPOLL_SERVER_HANDLE_COUNTER_H_
