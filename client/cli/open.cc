#include <memory>
#include <string>

#include "client/cli/made_handles.h"
#include "client/cli/verbs.h"

namespace farpoll::cli {
namespace {

absl::Status Run(Runtime& run, const v1::OpenFileRequest& request) {
  const absl::StatusOr<Session*> session = run.session_for_making();
  if (!session.ok()) {
    return session.status();
  }
  return ShowMade(run.out(), (*session)->OpenFile(request));
}

Action Declare(Command command) {
  const auto request = std::make_shared<v1::OpenFileRequest>();
  command
      .Add(
          "NAME",
          [request](const std::string& name) { request->set_name(name); },
          "what to call it")
      .Required();
  command
      .Add(
          "PATH",
          [request](const std::string& path) { request->set_path(path); },
          "an absolute path, on the server's machine")
      .Type("PATH")
      .Required();
  const auto flag = [&](const char* name,
                        void (v1::OpenFileRequest::*set)(bool),
                        const char* description) {
    command.AddFlag(
        name, [request, set] { (request.get()->*set)(true); }, description);
  };
  flag("--read", &v1::OpenFileRequest::set_read, "for reading; the default");
  flag("--write", &v1::OpenFileRequest::set_write, "for writing");
  flag("--append", &v1::OpenFileRequest::set_append, "write to its end");
  flag("--truncate", &v1::OpenFileRequest::set_truncate, "cut it to nothing");
  flag("--create", &v1::OpenFileRequest::set_create,
       "make it when it is not there");
  flag("--exclusive", &v1::OpenFileRequest::set_exclusive,
       "fail when it is there; with --create");
  return [request](Runtime& run) { return Run(run, *request); };
}

}  // namespace

Verb OpenVerb() {
  return {
      "open",
      groups::kMake,
      "opens a file or a named pipe",
      R"(  farpoll open motd /etc/motd
  farpoll open log /tmp/log --write --create --append
  farpoll transfer build.out log --follow
)",
      "A file is always ready. A named pipe is opened without waiting for its "
      "other end. A file that is made has mode 0600.",
      &Declare};
}

}  // namespace farpoll::cli
