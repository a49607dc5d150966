// client/cli/verb.h: room: cli. What a verb of the command line is.
#ifndef FARPOLL_CLIENT_CLI_VERB_H_
#define FARPOLL_CLIENT_CLI_VERB_H_

#include <functional>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "client/cli/command.h"
#include "client/cli/runtime.h"

namespace farpoll::cli {

// What a command does once its arguments are there.
using Action = std::function<absl::Status(Runtime&)>;

struct Verb {
  absl::string_view name;
  // Heading in the list of all verbs.
  absl::string_view group;
  // "makes a pipe"
  absl::string_view summary;
  // Command lines and what they show; the first thing that help says.
  absl::string_view examples;
  // What to know beyond the options; may be empty.
  absl::string_view notes;
  // Adds the verb's arguments to its command and returns what to do with them.
  Action (*declare)(Command command);
};

// The action of a noun: that of the verb which was given after it.
class Choice {
 public:
  void Add(Command command, Action action) {
    options_.emplace_back(command, std::move(action));
  }
  absl::Status operator()(Runtime& run) const {
    for (const auto& [command, action] : options_) {
      if (command.given()) {
        return action(run);
      }
    }
    return absl::InternalError("no verb was parsed");
  }

 private:
  std::vector<std::pair<Command, Action>> options_;
};

}  // namespace farpoll::cli

#endif  // FARPOLL_CLIENT_CLI_VERB_H_
