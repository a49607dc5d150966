#include <memory>
#include <string>
#include <vector>

#include "client/cli/verbs.h"

namespace farpoll::cli {
namespace {

absl::Status Run(Runtime& run, const std::vector<std::string>& names) {
  const absl::StatusOr<Session*> session = run.session();
  if (!session.ok()) {
    return session.status();
  }
  for (const std::string& name : names) {
    const absl::Status closed = (*session)->AttachHandle(name).Close();
    if (!closed.ok()) {
      return closed;
    }
  }
  return absl::OkStatus();
}

Action Declare(Command command) {
  const auto names = std::make_shared<std::vector<std::string>>();
  command.Add("HANDLE", *names, "which handles, by name or id")
      .Type("HANDLE")
      .Required();
  return [names](Runtime& run) { return Run(run, *names); };
}

}  // namespace

Verb CloseVerb() {
  return {
      "close",
      groups::kUse,
      "closes handles, in order, up to the first that fails",
      R"(  farpoll close out                  # a waiter on the read end sees H
  farpoll close left right
)",
      "",
      &Declare};
}

}  // namespace farpoll::cli
