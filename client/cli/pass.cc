#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "client/cli/describe_values.h"
#include "client/cli/failure.h"
#include "client/cli/given_descriptors.h"
#include "client/cli/spec.h"
#include "client/cli/verbs.h"

namespace farpoll::cli {
namespace {

struct Arguments {
  std::string name;
  int fd = -1;
  std::string weak;  // SELECTOR:BITS, or empty
};

absl::StatusOr<Handle> HandOver(Session& session, const Arguments& arguments) {
  if (arguments.weak.empty()) {
    return session.Pass(arguments.fd, arguments.name);
  }
  const absl::StatusOr<Spec> spec = ParseSpec(arguments.weak);
  if (!spec.ok()) {
    return spec.status();
  }
  if (spec->trigger.value_or(Trigger::kEdge) != Trigger::kEdge) {
    return UsageError("what is in weak custody reports edges");
  }
  return session.PassWeakly(arguments.fd, session.AttachSelector(spec->handle),
                            spec->events, arguments.name);
}

absl::Status Run(Runtime& run, const Arguments& arguments) {
  if (!WasGiven(arguments.fd)) {
    return UsageError(
        absl::StrCat("--fd ", arguments.fd,
                     ": this program was started without that descriptor"));
  }
  const absl::StatusOr<Session*> session = run.session_for_making();
  if (!session.ok()) {
    return session.status();
  }
  absl::StatusOr<Handle> handle = HandOver(**session, arguments);
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
  command
      .Add("--weak", arguments->weak,
           "register it with this selector, SELECTOR:BITS, and leave it with "
           "its other holders: it gives events and nothing else")
      .Type("SPEC");
  return [arguments](Runtime& run) { return Run(run, *arguments); };
}

}  // namespace

Verb PassVerb() {
  return {"pass",
          groups::kMake,
          "hands one of its own descriptors over to the server",
          R"(  farpoll pass log --fd 3 3< <(tail -f /var/log/syslog)
  farpoll pass terminal --fd 0
  farpoll pass log --fd 3 --weak watch:r 3< <(tail -f /var/log/syslog)
)",
          "The server must run on this machine and be reached by its Unix "
          "socket. Except for pipes and terminals, the open file becomes "
          "non-blocking for everybody who holds it.",
          &Declare};
}

}  // namespace farpoll::cli
