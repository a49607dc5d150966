// server/policy/names.h: room: server/policy. What people may call things.
// Threads: pure.
#ifndef FARPOLL_SERVER_POLICY_NAMES_H_
#define FARPOLL_SERVER_POLICY_NAMES_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace farpoll::server {

// Accepts an empty name (none), or up to 64 of letters, digits, '.', '_' and
// '-', not starting with '-' or '.' and not all digits (that would read as an
// id).
//   Errors: INVALID_ARGUMENT (EINVAL, reason BAD_NAME), `field` as subject.
absl::Status CheckName(absl::string_view name, absl::string_view field);

}  // namespace farpoll::server

#endif  // FARPOLL_SERVER_POLICY_NAMES_H_
