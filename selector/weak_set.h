// selector/weak_set.h: room: selector. Descriptors in weak custody: watched for
// as long as somebody else holds their open files, and held by nobody here.
// Threads: fenced by the caller.
// Source: epoll(7), "Will closing a file descriptor cause it to be removed";
//   docs/semantics.md section 6, "Weak custody".
#ifndef FARPOLL_SELECTOR_WEAK_SET_H_
#define FARPOLL_SELECTOR_WEAK_SET_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "base/unique_fd.h"
#include "selector/events.h"
#include "selector/waitable.h"

namespace farpoll {

// An epoll set whose entries outlive the numbers that made them. So they take
// no place in the descriptor table, and can be neither changed, armed again nor
// removed: each reports edges until the last holder of its file closes it, and
// then is gone without a word. Whoever has lost interest in one ignores it by
// its data.
class WeakSet {
 public:
  //   Errors: RESOURCE_EXHAUSTED (EMFILE, ENFILE, ENOMEM).
  static absl::StatusOr<std::unique_ptr<WeakSet>> Create();

  // Watches the open file of `fd` for edges of `events`, and closes `fd`. What
  // holds by now is the first edge.
  //   Errors: FAILED_PRECONDITION (EBADF: an O_PATH descriptor),
  //     PERMISSION_DENIED (EPERM: a file that is always ready), ALREADY_EXISTS
  //     (EEXIST: entered too often), RESOURCE_EXHAUSTED (ENOSPC:
  //     max_user_watches; ENOMEM; EMFILE).
  absl::Status Add(UniqueFd fd, Events events, std::uint64_t data);

  // Takes what is ready into `room` without blocking; how many. `Event::fd` is
  // -1, `data` that of Add().
  std::size_t Collect(absl::Span<Event> room);

  // Polls readable while Collect would find something; owned by this object.
  int fd() const { return epoll_.get(); }

 private:
  explicit WeakSet(UniqueFd epoll) : epoll_(std::move(epoll)) {}

  const UniqueFd epoll_;
};

}  // namespace farpoll

#endif  // FARPOLL_SELECTOR_WEAK_SET_H_
