#include <memory>
#include <string>

#include "client/cli/choice_option.h"
#include "client/cli/verbs.h"

namespace farpoll::cli {
namespace {

struct Arguments {
  std::string handle;
  v1::Direction direction = v1::DIRECTION_UNSPECIFIED;
};

absl::Status Run(Runtime& run, const Arguments& arguments) {
  const absl::StatusOr<Session*> session = run.session();
  if (!session.ok()) {
    return session.status();
  }
  return (*session)
      ->AttachHandle(arguments.handle)
      .Shutdown(arguments.direction);
}

Action Declare(Command command) {
  const auto arguments = std::make_shared<Arguments>();
  command.Add("HANDLE", arguments->handle, "a socket, by name or id")
      .Type("HANDLE")
      .Required();
  AddChoice<v1::Direction>(command, "DIRECTION", arguments->direction,
                           {{"r", v1::DIRECTION_READ},
                            {"w", v1::DIRECTION_WRITE},
                            {"rw", v1::DIRECTION_BOTH}},
                           "r: no more reading; w: no more writing; rw: both")
      .Required();
  return [arguments](Runtime& run) { return Run(run, *arguments); };
}

}  // namespace

Verb ShutdownVerb() {
  return {
      "shutdown",
      groups::kUse,
      "shuts down one or both directions of a socket",
      R"(  farpoll shutdown left w            # the other end reads an end of file
)",
      "",
      &Declare};
}

}  // namespace farpoll::cli
