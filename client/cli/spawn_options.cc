#include "client/cli/spawn_options.h"

#include <sys/ioctl.h>

#include <cstddef>

#include "absl/strings/str_cat.h"
#include "client/cli/failure.h"

namespace farpoll::cli {

void AddSpawnOptions(Command command, SpawnOptions& options) {
  command.Add("COMMAND", options.command,
              "program and arguments, after --; no shell looks at them");
  command
      .Add("--template", options.spawn_template,
           "a spawn template of the server's policy; COMMAND is then its "
           "arguments")
      .Type("NAME");
  command
      .Add("--cwd", options.directory,
           "where it starts; the home of the server's user")
      .Type("DIR");
  command
      .Add("--env", options.environment,
           "a variable of its environment; may be repeated")
      .Type("NAME=VALUE")
      .OneEachTime();
  command
      .Add("--inherit", options.inherit,
           "a variable taken from the server's environment; may be "
           "repeated")
      .Type("NAME")
      .OneEachTime();
}

absl::StatusOr<v1::SpawnRequest> ToRequest(const SpawnOptions& options) {
  if (options.command.empty() && options.spawn_template.empty()) {
    return UsageError("a command is missing: ... -- PROGRAM ARGUMENTS");
  }
  v1::SpawnRequest request;
  request.mutable_argv()->Assign(options.command.begin(),
                                 options.command.end());
  request.set_template_(options.spawn_template);
  request.set_working_directory(options.directory);
  request.mutable_inherit()->Assign(options.inherit.begin(),
                                    options.inherit.end());
  for (const std::string& variable : options.environment) {
    const std::size_t equals = variable.find('=');
    if (equals == 0 || equals == std::string::npos) {
      return UsageError(
          absl::StrCat("--env ", variable, ": expected NAME=VALUE"));
    }
    (*request.mutable_environment())[variable.substr(0, equals)] =
        variable.substr(equals + 1);
  }
  return request;
}

v1::TerminalSize SizeOfTerminal(int fd) {
  winsize size{};
  v1::TerminalSize terminal;
  if (::ioctl(fd, TIOCGWINSZ, &size) == 0) {
    terminal.set_rows(size.ws_row);
    terminal.set_columns(size.ws_col);
  }
  return terminal;
}

}  // namespace farpoll::cli
