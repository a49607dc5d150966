// selector/kqueue/kqueue.h: room: selector. BSD's kqueue, as an object.
// Threads: every method from any thread; any number of Control() at once. An
//   edge, one-shot or dispatch event goes to one of them. Changes take effect
//   on waits in progress.
// Source: FreeBSD kqueue(2); Python select.kqueue; docs/kqueue.md, which says
//   for each filter and flag what is as there and what differs.
#ifndef FARPOLL_SELECTOR_KQUEUE_KQUEUE_H_
#define FARPOLL_SELECTOR_KQUEUE_KQUEUE_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "base/clock.h"
#include "base/timeout.h"
#include "selector/fork_guard.h"
#include "selector/kqueue/kevent.h"
#include "selector/kqueue/kqueue_options.h"
#include "selector/on_signal.h"

namespace farpoll {

class Queue;

// Descriptors that are registered stay the caller's. Remove what is registered
// before closing a number, or Forget() it: see docs/kqueue.md, "Closing".
//
// In a child after fork(2) every method fails with EBADF/CLOSED, and
// destruction closes the child's copy of the number only.
class Kqueue {
 public:
  //   Errors: RESOURCE_EXHAUSTED (EMFILE, ENFILE, ENOMEM).
  static absl::StatusOr<std::unique_ptr<Kqueue>> Create(
      const KqueueOptions& options = {});

  // Another object on the queue that `fd` names: the queue's own number or a
  // copy of it. Registrations are shared; an event goes to one.
  //   Ownership: takes `fd`. Its Close() closes the number; if it is the
  //     queue's own, the other objects on it have the closed error from then
  //     on, while their closed() stays false. A queue lives on as long as an
  //     object with a copy does; its own number is then given back with it.
  //   Errors: FAILED_PRECONDITION (EBADF) for a number that is not open, or no
  //     queue of this library in this process; `fd` stays the caller's then.
  static absl::StatusOr<std::unique_ptr<Kqueue>> FromFd(int fd);

  // As Close().
  ~Kqueue();
  Kqueue(const Kqueue&) = delete;
  Kqueue& operator=(const Kqueue&) = delete;

  // kevent(2): applies `changes` in order, then takes events into `events`,
  // waiting for the first until `timeout`; how many were written. Zero: the
  // time is up, or `events` is empty, which never waits. The lists may be the
  // same memory.
  //
  // A change that fails, or asks for a receipt (ev::kReceipt), becomes an entry
  // with ev::kError and the errno in data (0 for a receipt); if there is one,
  // no events are taken. Without room for the entry the call fails with the
  // errno: earlier changes stay, later ones are not applied.
  //   Units: the timeout is rounded up to nanoseconds.
  //   Errors: as said, by docs/kqueue.md; INVALID_ARGUMENT (EINVAL) for a
  //     timeout that is negative or not a number, EOVERFLOW for infinity;
  //     EBADF/CLOSED, also when closed during the wait; EINTR as `on_signal`
  //     says, and then every change was applied: wait again with none.
  absl::StatusOr<std::size_t> Control(absl::Span<const Kevent> changes,
                                      absl::Span<Kevent> events,
                                      Timeout timeout = Timeout::Forever(),
                                      OnSignal on_signal = OnSignal::kRetry);

  // The same with a fresh list of up to `max_events`, which takes memory for as
  // many as there can be: registrations and changes bound it too.
  //   Errors: also INVALID_ARGUMENT (EINVAL) for a negative number.
  absl::StatusOr<std::vector<Kevent>> Control(
      absl::Span<const Kevent> changes, std::int64_t max_events,
      Timeout timeout = Timeout::Forever(),
      OnSignal on_signal = OnSignal::kRetry);

  // The first half of Control(): applies changes, and writes entries for those
  // that failed or asked for a receipt; how many. Never waits.
  absl::StatusOr<std::size_t> Apply(absl::Span<const Kevent> changes,
                                    absl::Span<Kevent> results);

  // The second half without the wait: takes the events there are, at most
  // events.size(); how many. With less room than events, successive calls serve
  // all in turn.
  //   Errors: INVALID_ARGUMENT (EINVAL) for no room; EBADF/CLOSED.
  absl::StatusOr<std::size_t> Collect(absl::Span<Kevent> events);

  // The second half: waits for events until `deadline`, as Control() does with
  // a timeout.
  //   Errors: as Collect; EINTR as `on_signal` says.
  absl::StatusOr<std::size_t> Wait(absl::Span<Kevent> events,
                                   MonotonicTime deadline,
                                   OnSignal on_signal = OnSignal::kRetry);

  // Removes every registration of descriptor `fd`, for its owner to call before
  // closing it; how many there were.
  std::size_t Forget(int fd);

  // Registrations at present; 0 when closed.
  std::size_t size() const;

  // The pollable descriptor, readable while events are to be had, what upstream
  // calls fileno(); never inherited over exec(2). Errors: EBADF/CLOSED.
  absl::StatusOr<int> fd() const;

  // Whether Close() was called on this object.
  bool closed() const { return closed_.load(std::memory_order_acquire); }

  // Ends waits in progress with the closed error and releases everything,
  // unless objects with a copy of the number remain. Calling it again does
  // nothing.
  void Close();

 private:
  Kqueue(std::shared_ptr<Queue> queue, int number, bool copy);

  // The closed error, if this object, the queue, or the process says so.
  absl::Status Check() const;

  // Shared by the objects that name it, and by calls in progress.
  const std::shared_ptr<Queue> queue_;
  // The queue's own, or a copy which this object owns.
  const int number_;
  const bool copy_;
  const ForkGuard fork_guard_;
  std::atomic<bool> closed_{false};
};

}  // namespace farpoll

#endif  // FARPOLL_SELECTOR_KQUEUE_KQUEUE_H_
