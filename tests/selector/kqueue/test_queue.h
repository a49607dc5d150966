// tests/selector/kqueue/test_queue.h: room: tests. A queue, and short ways to
// tell it things and to ask it.
#ifndef FARPOLL_TESTS_SELECTOR_KQUEUE_TEST_QUEUE_H_
#define FARPOLL_TESTS_SELECTOR_KQUEUE_TEST_QUEUE_H_

#include <cstdint>
#include <memory>
#include <ostream>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "selector/kqueue/kevent.h"
#include "selector/kqueue/kqueue.h"
#include "selector/kqueue/kqueue_options.h"
#include "tests/support/status_matchers.h"

namespace farpoll {

inline void PrintTo(const Kevent& event, std::ostream* out) {
  *out << event.ident << "," << FilterToString(event.filter) << ","
       << FlagsToString(event.flags) << ","
       << FilterFlagsToString(event.filter, event.fflags) << "," << event.data
       << "," << event.udata;
}

// An event of (ident, filter).
MATCHER_P2(IsOf, ident, filter,
           absl::StrCat("is of ", ident, " ", FilterToString(filter))) {
  return arg.ident == static_cast<std::uint64_t>(ident) && arg.filter == filter;
}
// An event of (ident, filter) with this data.
MATCHER_P3(HasData, ident, filter, data,
           absl::StrCat("is of ", ident, " ", FilterToString(filter),
                        " with data ", data)) {
  return arg.ident == static_cast<std::uint64_t>(ident) &&
         arg.filter == filter && arg.data == static_cast<std::int64_t>(data);
}
// An event whose flags contain these.
MATCHER_P(HasFlags, flags, "has " + FlagsToString(flags)) {
  return (arg.flags & flags) == flags;
}
// An event with exactly these filter flags.
MATCHER_P(HasNotes, notes, absl::StrCat("has fflags ", notes)) {
  return arg.fflags == static_cast<std::uint32_t>(notes);
}
// An entry that says that a change failed with `number`, or a receipt for 0.
MATCHER_P(IsEntry, number, absl::StrCat("is an entry with errno ", number)) {
  return (arg.flags & ev::kError) != 0 && arg.data == number;
}

class TestQueue {
 public:
  explicit TestQueue(const KqueueOptions& options = {})
      : queue_(*Kqueue::Create(options)) {}

  Kqueue& operator*() { return *queue_; }
  Kqueue* operator->() { return queue_.get(); }

  // Applies one change and takes nothing.
  absl::Status Change(const Kevent& change) {
    return queue_->Control({change}, absl::Span<Kevent>(), Timeout::Zero())
        .status();
  }
  absl::Status Change(std::uint64_t ident, std::int16_t filter,
                      std::uint16_t flags, std::uint32_t fflags = 0,
                      std::int64_t data = 0, std::uint64_t udata = 0) {
    return Change({.ident = ident,
                   .filter = filter,
                   .flags = flags,
                   .fflags = fflags,
                   .data = data,
                   .udata = udata});
  }
  absl::Status Change(int fd, std::int16_t filter, std::uint16_t flags,
                      std::uint32_t fflags = 0, std::int64_t data = 0,
                      std::uint64_t udata = 0) {
    return Change(static_cast<std::uint64_t>(fd), filter, flags, fflags, data,
                  udata);
  }
  // EV_ADD of a descriptor.
  absl::Status Add(int fd, std::int16_t filter, std::uint16_t mode = 0) {
    return Change(fd, filter, static_cast<std::uint16_t>(ev::kAdd | mode));
  }

  // The events there are.
  std::vector<Kevent> Now(std::int64_t room = 64) {
    return *queue_->Control({}, room, Timeout::Zero());
  }
  // The events that come within 10 s, at the first that does.
  std::vector<Kevent> Await(std::int64_t room = 64) {
    return *queue_->Control({}, room, absl::Seconds(10));
  }

 private:
  const std::unique_ptr<Kqueue> queue_;
};

}  // namespace farpoll

#endif  // FARPOLL_TESTS_SELECTOR_KQUEUE_TEST_QUEUE_H_
