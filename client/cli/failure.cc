#include "client/cli/failure.h"

#include <cerrno>
#include <utility>

#include "absl/strings/cord.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/types/optional.h"
#include "base/errno_status.h"
#include "nlohmann/json.hpp"

namespace farpoll::cli {
namespace {

constexpr char kExitUrl[] = "farpoll/cli_exit_code";
constexpr char kQuietUrl[] = "farpoll/cli_quiet";
// On a failure of the server's that has an exit code of ours.
constexpr char kServersUrl[] = "farpoll/cli_servers";
constexpr char kHintUrl[] = "farpoll/cli_hint";

absl::Status WithExit(absl::Status status, int exit_code) {
  status.SetPayload(kExitUrl, absl::Cord(absl::StrCat(exit_code)));
  return status;
}

// What helps against a reason that the server gave.
struct ReasonHint {
  absl::string_view reason;
  absl::string_view hint;
};
constexpr ReasonHint kReasonHints[] = {
    {"SESSION_UNKNOWN",
     "farpoll session list shows those there are; farpoll session create makes "
     "one"},
    {"LEASE_EXPIRED",
     "a session ends when nobody calls for its ttl: farpoll session create "
     "--ttl 10m"},
    {"HANDLE_UNKNOWN", "farpoll list shows the handles there are"},
    {"NAME_TAKEN", "choose another name, or close the one that has it"},
    {"SELECTOR_UNKNOWN", "farpoll selector list shows the selectors there are"},
    {"NOT_REGISTERED",
     "farpoll selector list SELECTOR shows what is registered"},
    {"ALREADY_REGISTERED", "farpoll modify changes what is registered"},
};

std::string HintFor(const absl::Status& status, const ErrorDetail& detail) {
  for (const ReasonHint& known : kReasonHints) {
    if (detail.reason == known.reason) {
      return std::string(known.hint);
    }
  }
  if (absl::StartsWith(detail.reason, "LIMIT_")) {
    return absl::StrCat(
        "farpoll doctor shows the limits in force; farpolld's "
        "flags raise them");
  }
  switch (ErrnoOf(status)) {
    case EADDRINUSE:
      return "somebody has that address; port 0 takes any free port";
    case EPIPE:
      return "the other end is closed: nobody will ever read this";
    case EBUSY:
      return "a selector takes one wait at a time; make another selector, or "
             "poll with --take-over";
    default:
      break;
  }
  switch (status.code()) {
    case absl::StatusCode::kDeadlineExceeded:
      return "--timeout gives a call more time";
    case absl::StatusCode::kUnimplemented:
      return "farpoll version shows whether the server is older than this "
             "command";
    default:
      return "";
  }
}

// gRPC's words for "no connection" name its internals; these name the cause.
Explanation ExplainUnavailable(absl::string_view message,
                               absl::string_view address) {
  Explanation said;
  if (absl::StrContains(message, "Permission denied")) {
    said.message = absl::StrCat("permission denied on ", address);
    said.hint =
        "the server belongs to another user; join its group, or start "
        "your own: farpolld &";
  } else if (absl::StrContains(message, "No such file") ||
             absl::StrContains(message, "Connection refused") ||
             absl::StrContains(message, "failed to connect")) {
    said.message = absl::StrCat("nothing listens on ", address);
    said.hint = "start a server with farpolld &, or add --local";
  } else {
    said.message = absl::StrCat(address, ": ", message);
    said.hint = "the server went away, or is stopping; try again";
  }
  return said;
}

}  // namespace

absl::Status UsageError(absl::string_view message) {
  return WithExit(absl::InvalidArgumentError(message), kExitUsage);
}

absl::Status LocalError(absl::string_view message, absl::string_view hint) {
  return WithHint(WithExit(absl::UnknownError(message), kExitLocal), hint);
}

absl::Status WouldBlockError(absl::string_view message,
                             absl::string_view hint) {
  return WithHint(WithExit(absl::UnavailableError(message), kExitWouldBlock),
                  hint);
}

absl::Status Quietly(int exit_code) {
  absl::Status status = WithExit(absl::CancelledError("quiet"), exit_code);
  status.SetPayload(kQuietUrl, absl::Cord("1"));
  return status;
}

absl::Status WithExitCode(absl::Status status, int exit_code) {
  if (!status.GetPayload(kExitUrl).has_value()) {
    status.SetPayload(kServersUrl, absl::Cord("1"));
  }
  return WithExit(std::move(status), exit_code);
}

absl::Status WithHint(absl::Status status, absl::string_view hint) {
  if (!hint.empty()) {
    status.SetPayload(kHintUrl, absl::Cord(hint));
  }
  return status;
}

int ExitCodeOf(const absl::Status& status) {
  if (status.ok()) {
    return kExitDone;
  }
  int code = 0;
  const absl::optional<absl::Cord> payload = status.GetPayload(kExitUrl);
  if (payload.has_value() && absl::SimpleAtoi(std::string(*payload), &code)) {
    return code;
  }
  return kExitGrpcBase + status.raw_code();
}

bool IsQuiet(const absl::Status& status) {
  return status.GetPayload(kQuietUrl).has_value();
}

bool IsUsage(const absl::Status& status) {
  return ExitCodeOf(status) == kExitUsage;
}

Explanation Explain(const absl::Status& status, absl::string_view address) {
  Explanation said;
  const bool ours = status.GetPayload(kExitUrl).has_value() &&
                    !status.GetPayload(kServersUrl).has_value();
  const ErrorDetail detail = DetailOf(status);
  if (!ours && status.code() == absl::StatusCode::kUnavailable &&
      detail == ErrorDetail()) {
    said = ExplainUnavailable(status.message(), address);
  } else {
    said.message = std::string(status.message());
    if (!detail.subject.empty() &&
        !absl::StrContains(said.message, detail.subject)) {
      absl::StrAppend(&said.message, ": ", detail.subject);
    }
    said.hint = ours ? "" : HintFor(status, detail);
  }
  if (!ours) {
    said.code = absl::StatusCodeToString(status.code());
    if (detail.number != 0) {
      absl::StrAppend(&said.code, " ", ErrnoName(detail.number));
    }
    if (!detail.reason.empty()) {
      absl::StrAppend(&said.code, " ", detail.reason);
    }
  }
  if (const absl::optional<absl::Cord> hint = status.GetPayload(kHintUrl)) {
    said.hint = std::string(*hint);
  }
  return said;
}

std::string ErrorJson(const absl::Status& status, absl::string_view address) {
  const Explanation said = Explain(status, address);
  const ErrorDetail detail = DetailOf(status);
  nlohmann::ordered_json object;
  object["code"] =
      IsUsage(status) ? "USAGE"
      : said.code.empty()
          ? ExitCodeOf(status) == kExitWouldBlock ? "WOULD_BLOCK" : "LOCAL"
          : absl::StatusCodeToString(status.code());
  object["reason"] = detail.reason;
  object["message"] = said.message;
  object["hint"] = said.hint;
  object["errno"] = ErrnoName(detail.number);
  object["subject"] = detail.subject;
  object["exit"] = ExitCodeOf(status);
  return object.dump(-1, ' ', false,
                     nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace farpoll::cli
