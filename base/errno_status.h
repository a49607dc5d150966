// base/errno_status.h: room: base. errno <-> absl::Status, nothing lost.
// Threads: pure functions.
#ifndef FARPOLL_BASE_ERRNO_STATUS_H_
#define FARPOLL_BASE_ERRNO_STATUS_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace farpoll {

// What happened, beside the status code that says what to do. It travels as a
// payload of the status inside a process, and as ErrorInfo on the wire.
struct ErrorDetail {
  // errno value of the failed call or of the rule broken; 0 when none applies.
  int number = 0;
  // UPPER_SNAKE_CASE; stable, for programs. Empty when the errno says it all.
  std::string reason;
  // What it happened to: a handle, a session, a field, a descriptor.
  std::string subject;

  friend bool operator==(const ErrorDetail&, const ErrorDetail&) = default;
};

// The gRPC code for an errno, by docs/semantics.md: mostly
// absl::ErrnoToStatusCode, with the exceptions that are listed in the .cc.
absl::StatusCode CodeForErrno(int number);

// "EBADF" for EBADF; "" for 0; "E1234" for a number without a name.
std::string ErrnoName(int number);

// The status of a system call that failed with `number`. `call` says what was
// attempted ("epoll_ctl(ADD)"); `subject` on what.
absl::Status ErrnoStatus(int number, absl::string_view call,
                         absl::string_view subject = "");

// An error of farpoll's own rules. `message` is a sentence for people, without
// the errno's name (ErrorDetail carries that).
absl::Status MakeError(absl::StatusCode code, int number,
                       absl::string_view reason, absl::string_view subject,
                       absl::string_view message);

// As above with the code that CodeForErrno(number) gives.
absl::Status MakeError(int number, absl::string_view reason,
                       absl::string_view subject, absl::string_view message);

// The detail attached to `status`; empty for OK or a status without one.
ErrorDetail DetailOf(const absl::Status& status);

// The errno attached to `status`; 0 for OK or a status without one.
int ErrnoOf(const absl::Status& status);

// "The object was closed": EBADF, reason CLOSED, FAILED_PRECONDITION.
absl::Status ClosedError(absl::string_view what);

}  // namespace farpoll

#endif  // FARPOLL_BASE_ERRNO_STATUS_H_
