// server/policy/plain_path.h: room: server/policy. Paths that say plainly where
// they lead.
// Threads: pure.
#ifndef FARPOLL_SERVER_POLICY_PLAIN_PATH_H_
#define FARPOLL_SERVER_POLICY_PLAIN_PATH_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace farpoll::server {

// Accepts "/", or an absolute path without NUL whose parts are not empty, "."
// or "..": each folder has one spelling. So which of two granted folders a path
// lies in, one inside the other, is seen from the text alone.
//   Errors: INVALID_ARGUMENT (EINVAL, BAD_PATH), the path as subject.
absl::Status CheckPlainPath(absl::string_view path);

}  // namespace farpoll::server

#endif  // FARPOLL_SERVER_POLICY_PLAIN_PATH_H_
