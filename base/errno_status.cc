#include "base/errno_status.h"

#include <string.h>

#include <cerrno>
#include <cstddef>
#include <vector>

#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/types/optional.h"

namespace farpoll {
namespace {

constexpr char kPayloadUrl[] = "farpoll/error_detail";

}  // namespace

absl::StatusCode CodeForErrno(int number) {
  switch (number) {
    // An overflow of ours is a bad argument: no state of the server would make
    // it valid.
    case EOVERFLOW:
    case EMSGSIZE:
      return absl::StatusCode::kInvalidArgument;
    // The number was fine; what it names is not open (any more).
    case EBADF:
    // A second concurrent wait: retrying at once does not help.
    case EBUSY:
    // From epoll_ctl(2) it speaks of nested epoll sets, not of symbolic links.
    case ELOOP:
    case EPIPE:
    // From bind(2): not an address of this machine.
    case EADDRNOTAVAIL:
      return absl::StatusCode::kFailedPrecondition;
    case ENOSPC:
    case ENOMEM:
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
      return absl::StatusCode::kResourceExhausted;
    case ENXIO:
    case ENOTSUP:
      return absl::StatusCode::kUnimplemented;
    default:
      return absl::ErrnoToStatusCode(number);
  }
}

std::string ErrnoName(int number) {
  if (number == 0) {
    return "";
  }
  const char* name = strerrorname_np(number);
  return name != nullptr ? name : absl::StrCat("E", number);
}

absl::Status MakeError(absl::StatusCode code, int number,
                       absl::string_view reason, absl::string_view subject,
                       absl::string_view message) {
  absl::Status status(code, message);
  status.SetPayload(kPayloadUrl, absl::Cord(absl::StrCat(number, "\n", reason,
                                                         "\n", subject)));
  return status;
}

absl::Status MakeError(int number, absl::string_view reason,
                       absl::string_view subject, absl::string_view message) {
  return MakeError(CodeForErrno(number), number, reason, subject, message);
}

absl::Status ErrnoStatus(int number, absl::string_view call,
                         absl::string_view subject) {
  char buffer[128];
  const char* text = strerror_r(number, buffer, sizeof(buffer));
  return MakeError(number, "", subject,
                   subject.empty()
                       ? absl::StrCat(call, ": ", text)
                       : absl::StrCat(call, " ", subject, ": ", text));
}

ErrorDetail DetailOf(const absl::Status& status) {
  ErrorDetail detail;
  const absl::optional<absl::Cord> payload = status.GetPayload(kPayloadUrl);
  if (!payload.has_value()) {
    return detail;
  }
  const std::string text(*payload);
  const std::vector<std::string> parts =
      absl::StrSplit(text, absl::MaxSplits('\n', 2));
  if (parts.size() == 3 && absl::SimpleAtoi(parts[0], &detail.number)) {
    detail.reason = parts[1];
    detail.subject = parts[2];
  }
  return detail;
}

int ErrnoOf(const absl::Status& status) { return DetailOf(status).number; }

absl::Status ClosedError(absl::string_view what) {
  return MakeError(EBADF, "CLOSED", what, absl::StrCat(what, " is closed"));
}

}  // namespace farpoll
