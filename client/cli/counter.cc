#include <cstdint>
#include <memory>
#include <string>

#include "client/cli/made_handles.h"
#include "client/cli/verbs.h"

namespace farpoll::cli {
namespace {

absl::Status Run(Runtime& run, const v1::CreateCounterRequest& request) {
  const absl::StatusOr<Session*> session = run.session_for_making();
  if (!session.ok()) {
    return session.status();
  }
  return ShowMade(run.out(), (*session)->CreateCounter(request));
}

Action Declare(Command command) {
  const auto request = std::make_shared<v1::CreateCounterRequest>();
  command
      .Add(
          "NAME",
          [request](const std::string& name) { request->set_name(name); },
          "what to call it")
      .Required();
  command
      .Add(
          "--initial",
          [request](std::uint64_t count) { request->set_initial(count); },
          "where it stands at first; the default is 0")
      .Type("COUNT");
  command.AddFlag(
      "--semaphore", [request] { request->set_semaphore(true); },
      "a read takes one, not all of it");
  return [request](Runtime& run) { return Run(run, *request); };
}

}  // namespace

Verb CounterVerb() {
  return {
      "counter",
      groups::kMake,
      "makes an event counter",
      R"(  farpoll counter jobs
  farpoll write jobs --add 3
  farpoll read jobs                  # 3, and it stands at 0 again
)",
      "Ready for reading while it is not zero. With --semaphore a read takes "
      "one.",
      &Declare};
}

}  // namespace farpoll::cli
