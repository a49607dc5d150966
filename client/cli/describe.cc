#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "client/cli/describe_values.h"
#include "client/cli/spec.h"
#include "client/cli/verbs.h"
#include "client/convert.h"

namespace farpoll::cli {
namespace {

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
  const Table table = {
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
  return run.out().Object(HandleJson(*handle), table);
}

Action Declare(CLI::App& app) {
  const auto name = std::make_shared<std::string>();
  app.add_option("HANDLE", *name, "which handle, by name or id")
      ->type_name("HANDLE")
      ->required();
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
