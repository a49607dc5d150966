#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/cli/failure.h"
#include "client/cli/made_handles.h"
#include "client/cli/verbs.h"

namespace farpoll::cli {
namespace {

struct Arguments {
  std::string name;
  std::string address;
  std::int32_t backlog = 0;
  bool datagram = false;
};

absl::StatusOr<Handle> Make(Session& session, const Arguments& arguments) {
  if (arguments.datagram) {
    v1::CreateDatagramSocketRequest request;
    request.set_name(arguments.name);
    request.set_local(arguments.address);
    return session.CreateDatagramSocket(std::move(request));
  }
  v1::ListenRequest request;
  request.set_name(arguments.name);
  request.set_address(arguments.address);
  request.set_backlog(arguments.backlog);
  return session.Listen(std::move(request));
}

absl::Status Run(Runtime& run, const Arguments& arguments) {
  if (arguments.datagram && arguments.backlog != 0) {
    return UsageError("--backlog is for connections, not for --datagram");
  }
  const absl::StatusOr<Session*> session = run.session_for_making();
  if (!session.ok()) {
    return session.status();
  }
  absl::StatusOr<Handle> made = Make(**session, arguments);
  if (!made.ok()) {
    return made.status();
  }
  const absl::StatusOr<v1::Handle> socket = made->Describe();
  if (socket.ok()) {
    run.out().Note(absl::StrCat("listening on ", socket->socket().local()));
  }
  return ShowMade(run.out(), *made);
}

Action Declare(Command command) {
  const auto arguments = std::make_shared<Arguments>();
  command.Add("NAME", arguments->name, "what to call it").Required();
  command.Add("ADDRESS", arguments->address, "where to listen").Required();
  command
      .Add("--backlog", arguments->backlog,
           "connections that may wait; the default is 128")
      .Type("COUNT");
  command.AddFlag("--datagram", arguments->datagram,
                  "a datagram socket, which hears from everybody");
  return [arguments](Runtime& run) { return Run(run, *arguments); };
}

}  // namespace

Verb ListenVerb() {
  return {
      "listen",
      groups::kMake,
      "listens for connections",
      R"(  farpoll listen web 127.0.0.1:0     # any free port; a note says which
  farpoll listen door unix:/run/user/1000/door
  farpoll listen dns 127.0.0.1:5353 --datagram
  farpoll wait web:r && farpoll accept client web
)",
      "An address is ADDRESS:PORT, [IPV6]:PORT, unix:/PATH or unix:@NAME. A "
      "Unix path is made for this user alone, and removed with the handle.",
      &Declare};
}

}  // namespace farpoll::cli
