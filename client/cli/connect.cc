#include <memory>
#include <string>
#include <utility>

#include "client/cli/failure.h"
#include "client/cli/made_handles.h"
#include "client/cli/verbs.h"

namespace farpoll::cli {
namespace {

struct Arguments {
  std::string name;
  std::string address;
  std::string local;
  bool datagram = false;
};

absl::StatusOr<Handle> Make(Session& session, const Arguments& arguments) {
  if (arguments.datagram) {
    v1::CreateDatagramSocketRequest request;
    request.set_name(arguments.name);
    request.set_local(arguments.local);
    request.set_peer(arguments.address);
    return session.CreateDatagramSocket(std::move(request));
  }
  v1::ConnectRequest request;
  request.set_name(arguments.name);
  request.set_address(arguments.address);
  return session.Connect(std::move(request));
}

absl::Status Run(Runtime& run, const Arguments& arguments) {
  if (!arguments.datagram && !arguments.local.empty()) {
    return UsageError("--local goes with --datagram");
  }
  const absl::StatusOr<Session*> session = run.session_for_making();
  if (!session.ok()) {
    return session.status();
  }
  return ShowMade(run.out(), Make(**session, arguments));
}

Action Declare(Command command) {
  const auto arguments = std::make_shared<Arguments>();
  command.Add("NAME", arguments->name, "what to call it").Required();
  command.Add("ADDRESS", arguments->address, "whereto").Required();
  command.AddFlag("--datagram", arguments->datagram,
                  "a datagram socket with that peer alone");
  command
      .Add("--local", arguments->local, "its own address; with --datagram only")
      .Type("ADDRESS");
  return [arguments](Runtime& run) { return Run(run, *arguments); };
}

}  // namespace

Verb ConnectVerb() {
  return {
      "connect",
      groups::kMake,
      "connects to an address",
      R"(  farpoll connect web 127.0.0.1:80
  farpoll wait web:w && farpoll describe web   # established, or why not
  farpoll connect dns 127.0.0.1:53 --datagram
)",
      "It does not wait: the handle is ready for writing when the connection "
      "is there or has failed. Addresses are as listen takes them.",
      &Declare};
}

}  // namespace farpoll::cli
