// client/selector.h: room: client. A selector of the server: interest in
// handles, and the ways to wait for them. The remote twin of BaseSelector.
// Threads: any, moving and destroying excepted; one wait at a time.
// Source: docs/semantics.md; farpoll/v1/selector.proto.
#ifndef FARPOLL_CLIENT_SELECTOR_H_
#define FARPOLL_CLIENT_SELECTOR_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "base/timeout.h"
#include "base/unique_fd.h"
#include "client/event_stream.h"
#include "client/handle.h"
#include "client/wait_loop.h"
#include "farpoll/v1/event.pb.h"
#include "farpoll/v1/selector.pb.h"
#include "selector/events.h"

namespace farpoll::client {

class Connection;

// `change` with `handle` as its ident.
NamedKevent KeventOn(const Handle& handle, farpoll::Kevent change);

// Closes the selector when it goes, if it made it and was not Release()d.
class Selector {
 public:
  // One just made, owned.
  Selector(std::shared_ptr<Connection> connection, std::string session,
           const v1::Selector& made);
  // One by name or id, not owned.
  Selector(std::shared_ptr<Connection> connection, std::string session,
           absl::string_view name_or_id);
  Selector(Selector&& other) noexcept;
  Selector& operator=(Selector&& other) noexcept;
  ~Selector();

  const v1::SelectorRef& ref() const { return ref_; }

  // Leaves the selector to its session.
  void Release() { owned_ = false; }
  // Closes it now, owned or not; a wait on it ends with FAILED_PRECONDITION.
  absl::Status Close();

  // Starts reporting `events` of `handle`; `cookie` comes back with each event.
  // With `read_bytes`, the events of a Wait() bring up to so many bytes along
  // (docs/streams.md, "Events that bring their data").
  // Returns the generation that the registration starts with.
  //   Errors: ALREADY_EXISTS when registered (a POLL selector replaces);
  //     INVALID_ARGUMENT (EINVAL) for bits that the kind does not take, and for
  //     read_bytes over the server's max_event_bytes, of a handle that has no
  //     bytes, or without kIn (LIMIT_EVENT_BYTES, NO_BYTES);
  //     FAILED_PRECONDITION (EBUSY): another registration has the bytes.
  absl::StatusOr<std::int64_t> Register(const Handle& handle, Events events,
                                        Trigger trigger = Trigger::kLevel,
                                        std::uint64_t cookie = 0,
                                        std::int32_t read_bytes = 0);
  // Replaces what Register said, and arms the registration again.
  //   Errors: NOT_FOUND (ENOENT) when not registered.
  absl::StatusOr<std::int64_t> Modify(const Handle& handle, Events events,
                                      Trigger trigger = Trigger::kLevel,
                                      std::uint64_t cookie = 0,
                                      std::int32_t read_bytes = 0);
  // Ends a registration; no event of it comes after this.
  //   Errors: NOT_FOUND (ENOENT) when not registered.
  absl::Status Unregister(const Handle& handle);
  // All registrations, in order of registration.
  absl::StatusOr<std::vector<v1::Registration>> Registrations();

  // Waits once. Events carry names; none after a timeout. Beside another wait a
  // zero timeout looks once and takes nothing. `take_over` ends that wait,
  // which gets ABORTED (TAKEN_OVER).
  //   Errors: FAILED_PRECONDITION (EBUSY: another wait is in progress; CLOSED);
  //     ABORTED (TAKEN_OVER).
  absl::StatusOr<std::vector<Event>> Poll(Timeout timeout = Timeout::Forever(),
                                          std::int32_t max_events = 0,
                                          bool take_over = false);
  // kevent(2) on a KQUEUE selector: applies `changes` in order, then waits for
  // events, `max_events` at most; none after a timeout. A change that fails, or
  // asks for a receipt, becomes an event with ev::kError and the errno in data,
  // and then nothing else is taken. With max_events 0 it never waits.
  //   Errors: that of a change whose event has no room; INVALID_ARGUMENT (not a
  //     KQUEUE; negative max_events or timeout); FAILED_PRECONDITION (CLOSED).
  absl::StatusOr<std::vector<NamedKevent>> Control(
      absl::Span<const NamedKevent> changes, std::int32_t max_events,
      Timeout timeout = Timeout::Forever());
  // Waits for ever, a result at a time.
  //   Errors: of the opening call at once; what the server says later is the
  //     stream's status().
  absl::StatusOr<EventStream> Wait(const WaitOptions& options = {});
  // As Wait(), for as long as the selector lives: when the connection is cut,
  // or the server away, the stream connects again and goes on after the last
  // result that was dealt with, and nothing is lost or seen twice. What it
  // tells its caller: EventStream::status().
  //   Errors: INVALID_ARGUMENT (EINVAL) for a timeout that is no number.
  absl::StatusOr<EventStream> WaitFor(const WaitOptions& options = {},
                                      const RetryOptions& retry = {});

  // As WaitFor(), without a thread that blocks: `loop` calls back. What cannot
  // be opened is told by on_end. A timeout is told by the server alone, so none
  // passes while that is away.
  //   Errors: INVALID_ARGUMENT (EINVAL) for a timeout that is no number.
  // Ownership: borrows the loop.
  absl::StatusOr<AsyncWait> WaitAsync(WaitLoop& loop, WaitCallbacks callbacks,
                                      const WaitOptions& options = {},
                                      const RetryOptions& retry = {});

  // A descriptor that polls readable while Poll() or Control() would find
  // something: to be waited on in this process's own poll, epoll or event loop,
  // at the kernel's speed; then collect with a zero timeout. It falls silent
  // when the selector is closed.
  //   Errors: FAILED_PRECONDITION (NOT_LOCAL): the server is reached over TCP;
  //     those of farpoll/v1/passing.proto.
  absl::StatusOr<UniqueFd> Fetch();

  // The selector as it is.
  absl::StatusOr<v1::Selector> Describe();

 private:
  v1::WaitOpen ToOpen() const;

  std::shared_ptr<Connection> connection_;
  std::string session_;
  v1::SelectorRef ref_;
  bool owned_;
};

}  // namespace farpoll::client

namespace farpoll {
using client::Selector;
}  // namespace farpoll

#endif  // FARPOLL_CLIENT_SELECTOR_H_
