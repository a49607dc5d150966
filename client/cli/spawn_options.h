// client/cli/spawn_options.h: room: cli. What `spawn` and `run` have in common:
// the options that say what a child is to be.
// Threads: pure.
#ifndef FARPOLL_CLIENT_CLI_SPAWN_OPTIONS_H_
#define FARPOLL_CLIENT_CLI_SPAWN_OPTIONS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/cli/command.h"
#include "farpoll/v1/process.pb.h"

namespace farpoll::cli {

struct SpawnOptions {
  std::vector<std::string> command;
  std::string spawn_template;
  std::string directory;
  std::vector<std::string> environment;  // "NAME=VALUE"
  std::vector<std::string> inherit;
};

// Adds COMMAND and the options to a verb.
void AddSpawnOptions(Command command, SpawnOptions& options);

// The request that they ask for; streams, name and session are left out.
//   Errors: UsageError.
absl::StatusOr<v1::SpawnRequest> ToRequest(const SpawnOptions& options);

// Characters of the terminal behind `fd`; zero when it is none.
v1::TerminalSize SizeOfTerminal(int fd);

}  // namespace farpoll::cli

#endif  // FARPOLL_CLIENT_CLI_SPAWN_OPTIONS_H_
