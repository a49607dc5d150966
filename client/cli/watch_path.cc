#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/cli/made_handles.h"
#include "client/cli/path_events.h"
#include "client/cli/verbs.h"

namespace farpoll::cli {
namespace {

struct Arguments {
  std::string name;
  std::string path;
  std::string events;
};

absl::Status Run(Runtime& run, const Arguments& arguments) {
  v1::WatchPathRequest request;
  request.set_name(arguments.name);
  request.set_path(arguments.path);
  if (!arguments.events.empty()) {
    const absl::StatusOr<std::int32_t> events =
        ParsePathEvents(arguments.events);
    if (!events.ok()) {
      return events.status();
    }
    request.set_events(*events);
  }
  const absl::StatusOr<Session*> session = run.session_for_making();
  if (!session.ok()) {
    return session.status();
  }
  return ShowMade(run.out(), (*session)->WatchPath(std::move(request)));
}

Action Declare(Command command) {
  const auto arguments = std::make_shared<Arguments>();
  command.Add("NAME", arguments->name, "what to call it").Required();
  command
      .Add("PATH", arguments->path, "an absolute path, on the server's machine")
      .Type("PATH")
      .Required();
  command
      .Add("--events", arguments->events,
           absl::StrCat("for what, joined by commas: ",
                        absl::StrJoin(PathEventChoices(), ", ")))
      .Type("EVENTS");
  return [arguments](Runtime& run) { return Run(run, *arguments); };
}

}  // namespace

Verb WatchPathVerb() {
  return {
      "watch-path",
      groups::kMake,
      "watches a file or folder",
      R"(  farpoll watch-path docs /home/me/docs
  farpoll read docs --follow         # one line for whatever happens
  farpoll watch-path conf /etc/app.conf --events modified,deleted-self
)",
      "Of a folder its entries are watched, not what is below them. Without "
      "--events: every change, no mere access.",
      &Declare};
}

}  // namespace farpoll::cli
