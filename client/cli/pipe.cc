#include <memory>
#include <string>

#include "client/cli/describe_values.h"
#include "client/cli/made_handles.h"
#include "client/cli/verbs.h"

namespace farpoll::cli {
namespace {

absl::Status Run(Runtime& run, const PipeOptions& options) {
  const absl::StatusOr<Session*> session = run.session_for_making();
  if (!session.ok()) {
    return session.status();
  }
  absl::StatusOr<Pipe> pipe = (*session)->CreatePipe(options);
  if (!pipe.ok()) {
    return pipe.status();
  }
  return ShowMade(run.out(), {"reader", "writer"}, pipe->reader, pipe->writer);
}

Action Declare(Command command) {
  const auto options = std::make_shared<PipeOptions>();
  command.Add("READER", options->reader_name, "name of the read end")
      .Required();
  command.Add("WRITER", options->writer_name, "name of the write end")
      .Required();
  command
      .Add("--capacity", options->capacity_bytes,
           "room in bytes; the default is 64 KiB")
      .Type("BYTES");
  return [options](Runtime& run) { return Run(run, *options); };
}

}  // namespace

Verb PipeVerb() {
  return {"pipe",
          groups::kMake,
          "makes a pipe",
          R"(  farpoll pipe in out                # read end, write end
  farpoll pipe in out && printf hi | farpoll write out - && farpoll read in
)",
          "Without a session in use, one called \"default\" is made and "
          "remembered.",
          &Declare};
}

}  // namespace farpoll::cli
