// selector/pollable_view.h: room: selector. A set that may be looked at by
// others and not touched.
// Threads: pure.
// Source: epoll(7).
#ifndef FARPOLL_SELECTOR_POLLABLE_VIEW_H_
#define FARPOLL_SELECTOR_POLLABLE_VIEW_H_

#include "absl/status/statusor.h"
#include "base/unique_fd.h"

namespace farpoll {

// A new descriptor that polls readable exactly while `fd`, an epoll descriptor,
// does. Whoever holds it can neither take events of that set nor change it, and
// when the set is closed it falls silent.
//   Errors: RESOURCE_EXHAUSTED (EMFILE, ENFILE, ENOMEM, ENOSPC).
absl::StatusOr<UniqueFd> PollableView(int fd);

}  // namespace farpoll

#endif  // FARPOLL_SELECTOR_POLLABLE_VIEW_H_
