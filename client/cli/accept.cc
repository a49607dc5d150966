#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/types/optional.h"
#include "client/cli/failure.h"
#include "client/cli/made_handles.h"
#include "client/cli/verbs.h"

namespace farpoll::cli {
namespace {

struct Arguments {
  std::string name;
  std::string listener;
};

absl::Status Run(Runtime& run, const Arguments& arguments) {
  const absl::StatusOr<Session*> session = run.session();
  if (!session.ok()) {
    return session.status();
  }
  Handle listener = (*session)->AttachHandle(arguments.listener);
  absl::StatusOr<absl::optional<Handle>> accepted =
      listener.Accept(arguments.name);
  if (!accepted.ok()) {
    return accepted.status();
  }
  if (!accepted->has_value()) {
    return WouldBlockError(
        absl::StrCat("nobody waits at ", arguments.listener, " now"),
        absl::StrCat("farpoll wait ", arguments.listener, ":r"));
  }
  return ShowMade(run.out(), **accepted);
}

Action Declare(Command command) {
  const auto arguments = std::make_shared<Arguments>();
  command.Add("NAME", arguments->name, "what to call the connection")
      .Required();
  command.Add("LISTENER", arguments->listener, "which, by name or id")
      .Type("HANDLE")
      .Required();
  return [arguments](Runtime& run) { return Run(run, *arguments); };
}

}  // namespace

Verb AcceptVerb() {
  return {"accept",
          groups::kMake,
          "takes a connection that waits at a listener",
          R"(  farpoll accept client web
  farpoll wait web:r && farpoll accept client web
)",
          "Never blocks: nobody there exits 3.",
          &Declare};
}

}  // namespace farpoll::cli
