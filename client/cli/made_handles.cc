#include "client/cli/made_handles.h"

#include "absl/status/statusor.h"
#include "client/cli/describe_values.h"

namespace farpoll::cli {

absl::Status ShowMade(Output& out,
                      const std::pair<std::string, std::string>& keys,
                      Handle& first, Handle& second) {
  first.Release();
  second.Release();
  const absl::StatusOr<v1::Handle> one = first.Describe();
  const absl::StatusOr<v1::Handle> other = second.Describe();
  if (!one.ok() || !other.ok()) {
    return one.ok() ? other.status() : one.status();
  }
  Json object;
  object[keys.first] = HandleJson(*one);
  object[keys.second] = HandleJson(*other);
  return out.Object(object, HandleTable({*one, *other}));
}

absl::Status ShowMade(Output& out, Handle& handle) {
  handle.Release();
  const absl::StatusOr<v1::Handle> made = handle.Describe();
  if (!made.ok()) {
    return made.status();
  }
  Json object;
  object["handle"] = HandleJson(*made);
  return out.Object(object, HandleTable({*made}));
}

absl::Status ShowMade(Output& out, absl::StatusOr<Handle> made) {
  return made.ok() ? ShowMade(out, *made) : made.status();
}

}  // namespace farpoll::cli
