// selector/interest_set.h: room: selector. The epoll core under every front
// end: the only file that calls epoll_*.
// Threads: every method from any thread; any number of waiters at once. A
//   change takes effect on waits in progress. An edge or one-shot event goes to
//   one waiter, a level event may reach several.
// Source: epoll(7), epoll_ctl(2), epoll_wait(2); docs/semantics.md section 1.
#ifndef FARPOLL_SELECTOR_INTEREST_SET_H_
#define FARPOLL_SELECTOR_INTEREST_SET_H_

#include <cstddef>
#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "base/clock.h"
#include "selector/events.h"
#include "selector/waitable.h"

namespace farpoll {

// Names one registration: slot and generation. A token of a removed
// registration never names a later one; zero names none.
using RegistrationToken = std::uint64_t;

// A set of (descriptor, events, trigger, data), waited on as one.
//
// Descriptors are borrowed. One that epoll refuses is still served: a regular
// file, a directory or /dev/null (EPERM) is always ready for what poll(2) says;
// a number that is not open, or an O_PATH descriptor (EBADF), reports kInvalid
// when the set was told to accept such (Custody::kBorrowed).
class InterestSet {
 public:
  // Whether numbers may be closed or reused behind the set's back.
  enum class Custody {
    // The caller removes a registration before it closes the number, always.
    // EBADF is an error of Add. Nothing is ever checked twice.
    kOwned,
    // The caller may forget. Audit() finds what changed.
    kBorrowed,
  };

  //   Errors: RESOURCE_EXHAUSTED (EMFILE, ENFILE, ENOMEM).
  static absl::StatusOr<std::unique_ptr<InterestSet>> Create(Custody custody);
  ~InterestSet();

  // Adds a registration. At most one per number: the caller sees to it.
  //   Errors: EBADF (kOwned only), ELOOP and EINVAL for nested sets,
  //     RESOURCE_EXHAUSTED (ENOSPC: max_user_watches; ENOMEM); EBADF/CLOSED.
  absl::StatusOr<RegistrationToken> Add(int fd, Events events, Trigger trigger,
                                        std::uint64_t data);

  // Replaces what is asked and re-arms: a condition that holds is reported
  // (again), whatever the trigger.
  //   Errors: NOT_FOUND (ENOENT) for a stale token; what epoll_ctl(MOD) says
  //     when the number was closed (EBADF) or reused (ENOENT) under kOwned;
  //     under kBorrowed those re-register the number as it is now.
  absl::Status Modify(RegistrationToken token, Events events, Trigger trigger,
                      std::uint64_t data);

  // Re-arms a registration as it stands: Modify with what it has.
  absl::Status Rearm(RegistrationToken token);

  // Removes a registration. After the return no event of it is reported.
  // Succeeds on a number that was closed meanwhile.
  //   Errors: NOT_FOUND (ENOENT) for a stale token; EBADF/CLOSED.
  absl::Status Remove(RegistrationToken token);

  // Checks every registered number against the file it was registered for
  // (epoll_ctl(MOD) with unchanged arguments), one system call each, and
  // re-registers what was closed (it then reports kInvalid) or reused.
  // kBorrowed only; for the moment before a wait blocks.
  void Audit();

  // Takes what is ready; see Waitable::Collect. `Event::fd` is the number,
  // `data` the cookie.
  absl::StatusOr<std::size_t> Collect(absl::Span<Event> room);

  // Blocks until something is ready or `deadline` has passed (then zero). It
  // looks before it looks at the clock: a deadline in the past samples once.
  // EINTR is retried. Allocates nothing once warm.
  //   Errors: as Collect.
  absl::StatusOr<std::size_t> Wait(absl::Span<Event> room,
                                   MonotonicTime deadline);

  // See Waitable.
  absl::StatusOr<int> fd() const;
  void Close();
  bool closed() const;

  // Registrations at present.
  std::size_t size() const;

 private:
  class Impl;
  explicit InterestSet(std::unique_ptr<Impl> impl);
  const std::unique_ptr<Impl> impl_;
};

}  // namespace farpoll

#endif  // FARPOLL_SELECTOR_INTEREST_SET_H_
