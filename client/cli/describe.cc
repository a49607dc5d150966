#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "client/cli/describe_values.h"
#include "client/cli/spec.h"
#include "client/cli/verbs.h"
#include "client/convert.h"

namespace farpoll::cli {
namespace {

// What only some kinds have.
void AddKindRows(const v1::Handle& handle, Table& table) {
  if (handle.has_socket()) {
    const v1::SocketState& socket = handle.socket();
    const auto dash = [](const std::string& text) {
      return text.empty() ? "-" : text;
    };
    table.rows.push_back(
        {"phase",
         ShortName(v1::SocketPhase_Name(socket.phase()), "SOCKET_PHASE_")});
    table.rows.push_back({"local", dash(socket.local())});
    table.rows.push_back({"remote", dash(socket.peer())});
    table.rows.push_back({"error", dash(socket.error().errno_name())});
  }
  if (handle.has_timer()) {
    table.rows.push_back(
        {"left", FormatSpan(client::FromProto(handle.timer().left()))});
    table.rows.push_back(
        {"every", FormatSpan(client::FromProto(handle.timer().every()))});
  }
  if (handle.has_process()) {
    const v1::Process& process = handle.process();
    table.rows.push_back({"pid", absl::StrCat(process.pid())});
    table.rows.push_back({"program", process.program()});
    table.rows.push_back(
        {"exit", process.has_exit()
                     ? ExitText(client::ExitFromProto(process.exit()))
                     : "- (running)"});
  }
  if (!handle.path().empty()) {
    table.rows.push_back({"path", handle.path()});
  }
}

absl::Status Run(Runtime& run, const std::string& name) {
  const absl::StatusOr<Session*> session = run.session();
  if (!session.ok()) {
    return session.status();
  }
  const absl::StatusOr<v1::Handle> handle =
      (*session)->AttachHandle(name).Describe();
  if (!handle.ok()) {
    return handle.status();
  }
  Table table = {
      {},
      {{"name", handle->name().empty() ? "-" : handle->name()},
       {"full name", absl::StrCat("sessions/", (*session)->id(), "/handles/",
                                  NameOrId(handle->name(), handle->id()))},
       {"id", absl::StrCat(handle->id())},
       {"kind", KindName(handle->kind())},
       {"ready", EventsToString(static_cast<Events>(handle->ready()))},
       {"to read", absl::StrCat(handle->readable_bytes(), " B")},
       {"was read", absl::StrCat(handle->bytes_read(), " B")},
       {"was written", absl::StrCat(handle->bytes_written(), " B")},
       {"peer", handle->peer_id() == 0 ? "-" : absl::StrCat(handle->peer_id())},
       {"registrations", absl::StrCat(handle->registrations())},
       {"age", FormatSpan(client::FromProto(handle->age()))}}};
  AddKindRows(*handle, table);
  return run.out().Object(HandleJson(*handle), table);
}

Action Declare(Command command) {
  const auto name = std::make_shared<std::string>();
  command.Add("HANDLE", *name, "which handle, by name or id")
      .Type("HANDLE")
      .Required();
  return [name](Runtime& run) { return Run(run, *name); };
}

}  // namespace

Verb DescribeVerb() {
  return {"describe",
          groups::kUse,
          "shows everything about a handle",
          R"(  farpoll describe in
  farpoll describe in -o json | jq .readableBytes
)",
          "",
          &Declare};
}

}  // namespace farpoll::cli
