#include <memory>
#include <string>
#include <vector>

#include "client/cli/verbs.h"

namespace farpoll::cli {
namespace {

struct Arguments {
  std::string selector;
  std::vector<std::string> handles;
};

absl::Status Run(Runtime& run, const Arguments& arguments) {
  const absl::StatusOr<Session*> session = run.session();
  if (!session.ok()) {
    return session.status();
  }
  Selector selector = (*session)->AttachSelector(arguments.selector);
  for (const std::string& handle : arguments.handles) {
    const absl::Status ended =
        selector.Unregister((*session)->AttachHandle(handle));
    if (!ended.ok()) {
      return ended;
    }
  }
  return absl::OkStatus();
}

Action Declare(Command command) {
  const auto arguments = std::make_shared<Arguments>();
  command.Add("SELECTOR", arguments->selector, "by name or id")
      .Type("SELECTOR")
      .Required();
  command.Add("HANDLE", arguments->handles, "which handles, by name or id")
      .Type("HANDLE")
      .Required();
  return [arguments](Runtime& run) { return Run(run, *arguments); };
}

}  // namespace

Verb UnregisterVerb() {
  return {"unregister",
          groups::kInterest,
          "stops reporting events of handles",
          R"(  farpoll unregister sel in
)",
          "",
          &Declare};
}

}  // namespace farpoll::cli
