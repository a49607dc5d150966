// selector/base_selector.h: room: selector. Python's selectors.BaseSelector:
// one interface over every way to wait. Threads: as the implementation says;
// those here allow every call from any
//   thread.
// Source: Python selectors; docs/semantics.md section 4.
#ifndef FARPOLL_SELECTOR_BASE_SELECTOR_H_
#define FARPOLL_SELECTOR_BASE_SELECTOR_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "base/timeout.h"
#include "selector/file_object.h"
#include "selector/on_signal.h"
#include "selector/selector_rules.h"

namespace farpoll {

// What was registered, as a value that does not change.
class SelectorKey {
 public:
  SelectorKey(FileObject fileobj, int fd, SelectorEvents events,
              std::uint64_t data)
      : data_(data), fileobj_(fileobj), fd_(fd), events_(events) {}

  const FileObject& fileobj() const { return fileobj_; }
  // The number at registration, which names the registration.
  int fd() const { return fd_; }
  // kEventRead, kEventWrite or both.
  SelectorEvents events() const { return events_; }
  // The caller's cookie.
  std::uint64_t data() const { return data_; }

  friend bool operator==(const SelectorKey&, const SelectorKey&) = default;

 private:
  std::uint64_t data_;
  FileObject fileobj_;
  int fd_;
  SelectorEvents events_;
};

// A ready registration: a non-empty subset of its key's events.
struct SelectorReady {
  SelectorKey key;
  SelectorEvents events;
};

// A live, read-only view of a selector's registrations, valid as long as the
// selector exists. Empty once that is closed. Threads: as the selector.
class SelectorMap {
 public:
  virtual ~SelectorMap() = default;
  virtual std::size_t size() const = 0;
  // The key of a number, or of an object, which is found by its address when
  // it has no number any more.
  //   Errors: NOT_FOUND (ENOENT); INVALID_ARGUMENT (EINVAL) for an object
  //     without a number that was never registered.
  virtual absl::StatusOr<SelectorKey> Find(const FileObject& f) const = 0;
  // Every key at this moment, in the order of fd().
  virtual std::vector<SelectorKey> Keys() const = 0;
};

// Descriptors are borrowed. Unregister before closing one.
class BaseSelector {
 public:
  virtual ~BaseSelector() = default;
  BaseSelector(const BaseSelector&) = delete;
  BaseSelector& operator=(const BaseSelector&) = delete;

  // Starts reporting `events` (kEventRead, kEventWrite) of `f`. After an error
  // nothing is registered.
  //   Errors: INVALID_ARGUMENT (EINVAL) for bad events, and for an object
  //     without a number; ALREADY_EXISTS (EEXIST) for an object or number that
  //     is registered; FAILED_PRECONDITION (EBADF) for a number that is not
  //     open, and (EBADF/CLOSED); RESOURCE_EXHAUSTED (ENOSPC, ENOMEM).
  virtual absl::StatusOr<SelectorKey> Register(const FileObject& f,
                                               std::int64_t events,
                                               std::uint64_t data = 0) = 0;

  // Stops reporting `f`, which may be closed already; the key it had.
  //   Errors: NOT_FOUND (ENOENT) when it is not registered; INVALID_ARGUMENT
  //     (EINVAL) for an unknown object without a number; EBADF/CLOSED.
  virtual absl::StatusOr<SelectorKey> Unregister(const FileObject& f) = 0;

  // Replaces events and data; the new key, or the old one if nothing changes.
  // A refused argument keeps the registration; when the kernel refuses, the
  // registration is gone.
  //   Errors: as Register, but NOT_FOUND (ENOENT) when it is not registered.
  virtual absl::StatusOr<SelectorKey> Modify(const FileObject& f,
                                             std::int64_t events,
                                             std::uint64_t data = 0);

  // Waits until something is ready and writes it into `room`; how many. Zero:
  // the time is up. A timeout of zero or less looks once, an unset one blocks.
  // Allocates nothing once warm.
  //   Units: rounded up to whole milliseconds.
  //   Errors: EBADF/CLOSED, also when closed during the wait; INVALID_ARGUMENT,
  //     EINVAL for NaN and for an empty room, EOVERFLOW for infinity; EINTR as
  //     `on_signal` says.
  virtual absl::StatusOr<std::size_t> SelectInto(
      absl::Span<SelectorReady> room, Timeout timeout,
      OnSignal on_signal = OnSignal::kRetry) = 0;

  // As SelectInto, with room for every registration, in a fresh vector.
  absl::StatusOr<std::vector<SelectorReady>> Select(
      Timeout timeout = Timeout::Forever(),
      OnSignal on_signal = OnSignal::kRetry);

  // The key of `f`.
  //   Errors: as SelectorMap::Find; EBADF/CLOSED.
  virtual absl::StatusOr<SelectorKey> GetKey(const FileObject& f) const;

  // The registrations; null after Close().
  virtual const SelectorMap* GetMap() const = 0;

  // Ends waits in progress with the closed error and forgets everything.
  // Destruction does the same. Calling it again does nothing.
  virtual void Close() {}

 protected:
  BaseSelector() = default;
};

}  // namespace farpoll

#endif  // FARPOLL_SELECTOR_BASE_SELECTOR_H_
