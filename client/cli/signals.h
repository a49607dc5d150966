// client/cli/signals.h: room: cli. Signals by name and number, as on Linux.
// Threads: pure.
// Source: signal(7).
#ifndef FARPOLL_CLIENT_CLI_SIGNALS_H_
#define FARPOLL_CLIENT_CLI_SIGNALS_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace farpoll::cli {

// "SIGTERM"; "signal 40" for one without a name.
std::string SignalName(int signal);

// The number of "TERM", "SIGTERM" or "15".
//   Errors: UsageError.
absl::StatusOr<int> ParseSignal(absl::string_view text);

}  // namespace farpoll::cli

#endif  // FARPOLL_CLIENT_CLI_SIGNALS_H_
