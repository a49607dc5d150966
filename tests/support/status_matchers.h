// tests/support/status_matchers.h: room: tests. GoogleTest matchers for
// absl::Status and absl::StatusOr.
#ifndef FARPOLL_TESTS_SUPPORT_STATUS_MATCHERS_H_
#define FARPOLL_TESTS_SUPPORT_STATUS_MATCHERS_H_

#include <ostream>
#include <type_traits>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/errno_status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace farpoll {

inline const absl::Status& StatusOf(const absl::Status& status) {
  return status;
}
template <typename T>
const absl::Status& StatusOf(const absl::StatusOr<T>& value) {
  return value.status();
}

// Of a Status or a StatusOr: it is OK.
MATCHER(IsOk, negation ? "is not OK" : "is OK") {
  *result_listener << "which is " << StatusOf(arg);
  return StatusOf(arg).ok();
}

// Of a Status or a StatusOr: its code is `code`.
MATCHER_P(StatusIs, code, "has code " + absl::StatusCodeToString(code)) {
  *result_listener << "which is " << StatusOf(arg);
  return StatusOf(arg).code() == code;
}

// Of a Status or a StatusOr: it carries the errno `number`.
MATCHER_P(HasErrno, number, "carries " + ErrnoName(number)) {
  *result_listener << "which is " << StatusOf(arg);
  return !StatusOf(arg).ok() && ErrnoOf(StatusOf(arg)) == number;
}

// Of a Status or a StatusOr: the object was closed.
MATCHER(IsClosedError, "is the closed error") {
  *result_listener << "which is " << StatusOf(arg);
  return !StatusOf(arg).ok() && ErrnoOf(StatusOf(arg)) == EBADF &&
         DetailOf(StatusOf(arg)).reason == "CLOSED";
}

// Of a StatusOr: it is OK and its value matches `matcher`.
MATCHER_P(
    IsOkAndHolds, matcher,
    "is OK and holds a value that " +
        ::testing::DescribeMatcher<typename std::decay_t<arg_type>::value_type>(
            matcher)) {
  if (!arg.ok()) {
    *result_listener << "which is " << arg.status();
    return false;
  }
  return ::testing::ExplainMatchResult(matcher, *arg, result_listener);
}

}  // namespace farpoll

#endif  // FARPOLL_TESTS_SUPPORT_STATUS_MATCHERS_H_
