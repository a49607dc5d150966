// tests/support/event_matchers.h: room: tests. Matchers and printing for
// events.
#ifndef FARPOLL_TESTS_SUPPORT_EVENT_MATCHERS_H_
#define FARPOLL_TESTS_SUPPORT_EVENT_MATCHERS_H_

#include <ostream>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "selector/events.h"
#include "selector/waitable.h"

namespace farpoll {

inline void PrintTo(const Event& event, std::ostream* out) {
  *out << event.fd << ":" << EventsToString(event.events)
       << " data=" << event.data;
}

// An event of descriptor `number` that saw exactly `seen`.
MATCHER_P2(IsEvent, number, seen,
           absl::StrCat("is ", number, ":",
                        EventsToString(static_cast<Events>(seen)))) {
  return arg.fd == number && arg.events == static_cast<Events>(seen);
}

}  // namespace farpoll

#endif  // FARPOLL_TESTS_SUPPORT_EVENT_MATCHERS_H_
