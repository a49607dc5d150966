// selector/waitable.h: room: selector. What every waiting object is.
#ifndef FARPOLL_SELECTOR_WAITABLE_H_
#define FARPOLL_SELECTOR_WAITABLE_H_

#include <cstddef>
#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "selector/events.h"

namespace farpoll {

// One descriptor found ready.
struct Event {
  int fd = -1;             // the number as registered
  Events events = 0;       // what was seen; never zero
  std::uint64_t data = 0;  // the cookie given at registration
};

// An object that can be waited on by itself, in two halves: a descriptor that
// polls readable while something is to be had, and a call that takes it without
// blocking. A blocking wait is the two together; so is the server's loop over
// thousands of them, and a foreign event loop.
class Waitable {
 public:
  virtual ~Waitable() = default;

  // The pollable descriptor; owned by this object. EBADF/CLOSED after Close().
  virtual absl::StatusOr<int> fd() const = 0;

  // Takes what is ready now into `room`, at most room.size() events, and
  // returns how many. Never blocks; zero is no error. With less room than there
  // are ready descriptors, successive calls serve all of them in turn.
  //   Errors: FAILED_PRECONDITION (EBADF/CLOSED) after Close();
  //     INVALID_ARGUMENT (EINVAL) for an empty room.
  virtual absl::StatusOr<std::size_t> Collect(absl::Span<Event> room) = 0;

  // Ends waits in progress with the closed error, then releases the kernel's
  // descriptors; borrowed descriptors stay open. Calling it again does nothing.
  virtual void Close() = 0;
};

}  // namespace farpoll

#endif  // FARPOLL_SELECTOR_WAITABLE_H_
