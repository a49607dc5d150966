// client/cli/settings.h: room: cli. What a command takes for granted, and where
// each value came from: flag, variable, context, default, in this order.
// Threads: pure.
// Source: docs/cli.md, "Global flags, environment, contexts".
#ifndef FARPOLL_CLIENT_CLI_SETTINGS_H_
#define FARPOLL_CLIENT_CLI_SETTINGS_H_

#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/types/optional.h"
#include "client/cli/contexts.h"

namespace farpoll::cli {

enum class Format { kTable, kJson, kJsonLines };

// The global flags as given; nothing when left out.
struct Flags {
  std::string address;
  std::string context;
  std::string session;
  std::string output;
  std::string timeout;
  std::string color;
  std::string columns;
  bool local = false;
  bool quiet = false;
  bool verbose = false;
  bool no_headers = false;
};

// A value and where it came from.
struct Setting {
  std::string value;
  // "--addr", "FARPOLL_ADDR", "context lab" or "default".
  std::string origin;
};

struct Settings {
  Setting context;
  Setting address;
  // Empty when none is in use.
  Setting session;
  Setting output;
  // Empty when left to the command: 5s for calls, inf for waits.
  Setting timeout;
  Setting color;
  Format format = Format::kTable;
  bool local = false;
  bool quiet = false;
  bool verbose = false;
};

// The value of an environment variable; empty when unset.
using Environment = std::function<std::string(const char*)>;

// Errors: UsageError for a value that cannot be; LocalError for a context that
//   does not exist.
absl::StatusOr<Settings> ResolveSettings(const Flags& flags,
                                         const Environment& environment,
                                         const Contexts& contexts,
                                         const std::string& default_address);

}  // namespace farpoll::cli

#endif  // FARPOLL_CLIENT_CLI_SETTINGS_H_
