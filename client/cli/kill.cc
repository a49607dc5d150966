#include <memory>
#include <string>

#include "client/cli/signals.h"
#include "client/cli/verbs.h"

namespace farpoll::cli {
namespace {

struct Arguments {
  std::string handle;
  std::string signal = "TERM";
  bool group = false;
};

absl::Status Run(Runtime& run, const Arguments& arguments) {
  const absl::StatusOr<int> signal = ParseSignal(arguments.signal);
  if (!signal.ok()) {
    return signal.status();
  }
  const absl::StatusOr<Session*> session = run.session();
  if (!session.ok()) {
    return session.status();
  }
  return (*session)
      ->AttachHandle(arguments.handle)
      .Signal(*signal, arguments.group);
}

Action Declare(Command command) {
  const auto arguments = std::make_shared<Arguments>();
  command.Add("HANDLE", arguments->handle, "a process, by name or id")
      .Type("HANDLE")
      .Required();
  command
      .Add("-s,--signal", arguments->signal,
           "name or number of the signal (TERM); 0 only looks")
      .Type("SIGNAL");
  command.AddFlag("--group", arguments->group,
                  "to its whole process group, which may outlive it");
  return [arguments](Runtime& run) { return Run(run, *arguments); };
}

}  // namespace

Verb KillVerb() {
  return {"kill",
          groups::kUse,
          "sends a signal to a process",
          R"(  farpoll kill build
  farpoll kill build -s INT --group
)",
          "",
          &Declare};
}

}  // namespace farpoll::cli
