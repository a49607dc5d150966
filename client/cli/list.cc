#include <vector>

#include "client/cli/describe_values.h"
#include "client/cli/verbs.h"

namespace farpoll::cli {
namespace {

absl::Status Run(Runtime& run) {
  const absl::StatusOr<Session*> session = run.session();
  if (!session.ok()) {
    return session.status();
  }
  const absl::StatusOr<std::vector<v1::Handle>> handles =
      (*session)->ListHandles();
  if (!handles.ok()) {
    return handles.status();
  }
  std::vector<Json> items;
  for (const v1::Handle& handle : *handles) {
    items.push_back(HandleJson(handle));
  }
  return run.out().List("handles", items, HandleTable(*handles));
}

Action Declare(Command) { return &Run; }

}  // namespace

Verb ListVerb() {
  return {"list",
          groups::kUse,
          "lists the session's handles and what they are ready for",
          R"(  farpoll list
  farpoll list --columns NAME,READY
  farpoll list -o json
)",
          "READY: R read, W write, P priority, E error, H hang-up, C the peer "
          "closed its half.",
          &Declare};
}

}  // namespace farpoll::cli
