// client/cli/failure.h: room: cli. How a command ends: exit codes, and errors
// that say what, why and what next.
// Threads: pure.
// Source: docs/cli.md, "Exit codes" and "Errors".
#ifndef FARPOLL_CLIENT_CLI_FAILURE_H_
#define FARPOLL_CLIENT_CLI_FAILURE_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace farpoll::cli {

inline constexpr int kExitDone = 0;
inline constexpr int kExitLocal = 1;
inline constexpr int kExitUsage = 2;
inline constexpr int kExitWouldBlock = 3;
inline constexpr int kExitGrpcBase = 64;
inline constexpr int kExitTimeout = 124;
inline constexpr int kExitSignalBase = 128;

// The command line is wrong; `message` names the bad argument.
absl::Status UsageError(absl::string_view message);
// Something on this side failed: a file, the configuration, an output.
absl::Status LocalError(absl::string_view message, absl::string_view hint = "");
// Nothing to read now, or no room to write.
absl::Status WouldBlockError(absl::string_view message, absl::string_view hint);
// Ends the program with `exit_code` and not a word more.
absl::Status Quietly(int exit_code);
// `status` with another exit code than its own.
absl::Status WithExitCode(absl::Status status, int exit_code);
// `status` with words on what to do about it.
absl::Status WithHint(absl::Status status, absl::string_view hint);

// What the program returns to its caller.
int ExitCodeOf(const absl::Status& status);
bool IsQuiet(const absl::Status& status);
bool IsUsage(const absl::Status& status);

// A failure in words.
struct Explanation {
  std::string message;
  // "NOT_FOUND ENOENT HANDLE_UNKNOWN": for the server's failures alone.
  std::string code;
  // What to do next; may be empty.
  std::string hint;
};
// `address` is the server that was asked.
Explanation Explain(const absl::Status& status, absl::string_view address);

// One JSON object: code, reason, message, hint, errno, subject.
std::string ErrorJson(const absl::Status& status, absl::string_view address);

}  // namespace farpoll::cli

#endif  // FARPOLL_CLIENT_CLI_FAILURE_H_
