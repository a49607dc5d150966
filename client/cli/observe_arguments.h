// client/cli/observe_arguments.h: room: cli. Which handles `watch` and `top`
// show, as the command line says it.
#ifndef FARPOLL_CLIENT_CLI_OBSERVE_ARGUMENTS_H_
#define FARPOLL_CLIENT_CLI_OBSERVE_ARGUMENTS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/cli/command.h"
#include "farpoll/v1/observer.pb.h"

namespace farpoll::cli {

struct ObserveArguments {
  std::vector<std::string> names;
  std::string kinds;
  std::string selectors;
  std::int32_t rate = 0;
};

// Adds NAME..., --kind, --selector and --rate to a verb's arguments.
void AddObserveArguments(Command command, ObserveArguments& arguments);

// Errors: UsageError.
absl::StatusOr<v1::ObserveRequest> ToObserveRequest(
    const ObserveArguments& arguments);

}  // namespace farpoll::cli

#endif  // FARPOLL_CLIENT_CLI_OBSERVE_ARGUMENTS_H_
