#include <memory>
#include <string>

#include "client/cli/choice_option.h"
#include "client/cli/made_handles.h"
#include "client/cli/verbs.h"

namespace farpoll::cli {
namespace {

absl::Status Run(Runtime& run, const SocketPairOptions& options) {
  const absl::StatusOr<Session*> session = run.session_for_making();
  if (!session.ok()) {
    return session.status();
  }
  absl::StatusOr<SocketPair> pair = (*session)->CreateSocketPair(options);
  if (!pair.ok()) {
    return pair.status();
  }
  return ShowMade(run.out(), {"first", "second"}, pair->first, pair->second);
}

Action Declare(Command command) {
  const auto options = std::make_shared<SocketPairOptions>();
  command.Add("A", options->first_name, "name of one end").Required();
  command.Add("B", options->second_name, "name of the other end").Required();
  AddChoice<v1::SocketType>(command, "--type", options->type,
                            {{"stream", v1::SOCKET_TYPE_STREAM},
                             {"datagram", v1::SOCKET_TYPE_DATAGRAM},
                             {"seqpacket", v1::SOCKET_TYPE_SEQPACKET}},
                            "kind of socket (stream)");
  return [options](Runtime& run) { return Run(run, *options); };
}

}  // namespace

Verb SocketPairVerb() {
  return {"socketpair",
          groups::kMake,
          "makes a pair of connected Unix sockets",
          R"(  farpoll socketpair left right
  farpoll socketpair a b --type seqpacket
)",
          "Both ends read and write. Without a session in use, one called "
          "\"default\" is made and remembered.",
          &Declare};
}

}  // namespace farpoll::cli
