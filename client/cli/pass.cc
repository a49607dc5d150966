#include <memory>
#include <string>

#include "client/cli/describe_values.h"
#include "client/cli/verbs.h"

namespace farpoll::cli {
namespace {

struct Arguments {
  std::string name;
  int fd = -1;
};

absl::Status Run(Runtime& run, const Arguments& arguments) {
  const absl::StatusOr<Session*> session = run.session_for_making();
  if (!session.ok()) {
    return session.status();
  }
  absl::StatusOr<Handle> handle =
      (*session)->Pass(arguments.fd, arguments.name);
  if (!handle.ok()) {
    return handle.status();
  }
  handle->Release();
  const absl::StatusOr<v1::Handle> made = handle->Describe();
  if (!made.ok()) {
    return made.status();
  }
  return run.out().Object(HandleJson(*made), HandleTable({*made}));
}

Action Declare(Command command) {
  const auto arguments = std::make_shared<Arguments>();
  command.Add("NAME", arguments->name, "name of the new handle").Required();
  command
      .Add("--fd", arguments->fd,
           "which of this program's own descriptors to hand over")
      .Type("NUMBER")
      .Required();
  return [arguments](Runtime& run) { return Run(run, *arguments); };
}

}  // namespace

Verb PassVerb() {
  return {"pass",
          groups::kMake,
          "hands one of its own descriptors over to the server",
          R"(  farpoll pass log --fd 3 3< <(tail -f /var/log/syslog)
  farpoll pass terminal --fd 0
)",
          "The server must run on this machine and be reached by its Unix "
          "socket. Except for pipes and terminals, the open file becomes "
          "non-blocking for everybody who holds it.",
          &Declare};
}

}  // namespace farpoll::cli
