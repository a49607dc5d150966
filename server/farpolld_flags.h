// server/farpolld_flags.h: room: server. The command line of farpolld.
// Threads: one.
#ifndef FARPOLL_SERVER_FARPOLLD_FLAGS_H_
#define FARPOLL_SERVER_FARPOLLD_FLAGS_H_

#include <string>
#include <variant>
#include <vector>

#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "server/log/log.h"
#include "server/policy/limits.h"
#include "server/policy/policy_spec.h"

namespace farpoll::server {

inline constexpr int kExitFailure = 1;
inline constexpr int kExitUsage = 2;

// What the flags ask for.
struct Settings {
  std::vector<std::string> listen;  // empty: the user's own socket
  absl::Duration grace;
  Log::Level log_level = Log::Level::kInfo;
  Log::Format log_format = Log::Format::kText;
  absl::optional<Mode> mode;
  std::string config;        // empty: none
  std::string check_config;  // empty: serve
  std::string audit_log;     // empty: the log
  bool no_passing = false;
  bool debuggable = false;
  std::string inherit_session;  // empty: as the configuration says
  Limits limits;                // not checked yet
};

// Reads the flags; or says on standard error what is wrong with them, or what
// was asked (--help, --version), and returns the code to exit with.
std::variant<Settings, int> ReadFlags(int argc, char** argv);

}  // namespace farpoll::server

#endif  // FARPOLL_SERVER_FARPOLLD_FLAGS_H_
