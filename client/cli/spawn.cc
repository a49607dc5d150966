#include <unistd.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/cli/choice_option.h"
#include "client/cli/describe_values.h"
#include "client/cli/failure.h"
#include "client/cli/spawn_options.h"
#include "client/cli/verbs.h"

namespace farpoll::cli {
namespace {

struct Arguments {
  std::string name;
  SpawnOptions spawn;
  bool pty = false;
  v1::Stdio input = v1::STDIO_PIPE;
  v1::OnClose on_expire = v1::ON_CLOSE_KILL;
};

absl::Status Show(Output& out, Child& child) {
  child.process.Release();
  const absl::StatusOr<v1::Handle> process = child.process.Describe();
  if (!process.ok()) {
    return process.status();
  }
  Json object;
  object["process"] = HandleJson(*process);
  std::vector<v1::Handle> handles = {*process};
  for (auto& [role, handle] : child.ends) {
    handle.Release();
    const absl::StatusOr<v1::Handle> end = handle.Describe();
    if (!end.ok()) {
      return end.status();
    }
    object[role] = HandleJson(*end);
    handles.push_back(*end);
  }
  return out.Object(object, HandleTable(handles));
}

absl::Status Run(Runtime& run, const Arguments& arguments) {
  absl::StatusOr<v1::SpawnRequest> request = ToRequest(arguments.spawn);
  if (!request.ok()) {
    return request.status();
  }
  request->set_name(arguments.name);
  request->set_on_close(arguments.on_expire);
  request->set_input(arguments.input);
  if (arguments.pty) {
    request->set_input(v1::STDIO_PTY);
    request->set_output(v1::STDIO_PTY);
    request->set_errors(v1::STDIO_PTY);
    *request->mutable_terminal_size() = SizeOfTerminal(STDOUT_FILENO);
  }
  const absl::StatusOr<Session*> session = run.session_for_making();
  if (!session.ok()) {
    return session.status();
  }
  absl::StatusOr<Child> child = (*session)->Spawn(*std::move(request));
  if (!child.ok()) {
    return child.status();
  }
  return Show(run.out(), *child);
}

Action Declare(Command command) {
  const auto arguments = std::make_shared<Arguments>();
  command.Add("NAME", arguments->name, "name of the process").Required();
  AddSpawnOptions(command, arguments->spawn);
  command.AddFlag("--pty", arguments->pty,
                  "give it a terminal: one handle, NAME.pty, for all streams");
  AddChoice<v1::Stdio>(command, "--stdin", arguments->input,
                       {{"pipe", v1::STDIO_PIPE}, {"null", v1::STDIO_NULL}},
                       "its standard input (pipe)");
  AddChoice<v1::OnClose>(
      command, "--on-expire", arguments->on_expire,
      {{"kill", v1::ON_CLOSE_KILL},
       {"hup", v1::ON_CLOSE_HANG_UP},
       {"keep", v1::ON_CLOSE_KEEP}},
      "what becomes of it when its handle or session goes (kill)");
  return [arguments](Runtime& run) { return Run(run, *arguments); };
}

}  // namespace

Verb SpawnVerb() {
  return {
      "spawn",
      groups::kMake,
      "starts a child process of the server",
      R"(  farpoll spawn build --stdin null -- make -j8
  farpoll read build.out --follow > make.log &
  farpoll wait build:x --timeout 10m && farpoll describe build
)",
      "Its streams are handles of their own: NAME.in, NAME.out, NAME.err, or "
      "NAME.pty.\nIt is kept, with its exit status, until its handle is "
      "closed.",
      &Declare};
}

}  // namespace farpoll::cli
