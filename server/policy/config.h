// server/policy/config.h: room: server/policy. The configuration file's text,
// read and checked into a PolicySpec. Knows protobuf's text format, and is the
// only part of the room that does.
// Threads: pure.
// Source: proto/farpoll/config/v1/config.proto, docs/configuration.md.
#ifndef FARPOLL_SERVER_POLICY_CONFIG_H_
#define FARPOLL_SERVER_POLICY_CONFIG_H_

#include <sys/types.h>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/policy/policy_spec.h"

namespace farpoll::server {

// The mode of that name.
//   Errors: INVALID_ARGUMENT (EINVAL, BAD_MODE).
absl::StatusOr<Mode> ParseMode(absl::string_view name);

// Reads the text of a configuration file. `file` names it in errors; `own_uid`
// is the user that the server runs as.
//   Errors: INVALID_ARGUMENT (EINVAL, BAD_CONFIG, the file as subject); the
//     message has a line for each mistake, "FILE:LINE:COLUMN: what is wrong and
//     what was expected", lines and columns counted from 1. Mistakes of meaning
//     are looked for when there is none of syntax.
absl::StatusOr<PolicySpec> ParseConfig(absl::string_view text,
                                       absl::string_view file, uid_t own_uid);

}  // namespace farpoll::server

#endif  // FARPOLL_SERVER_POLICY_CONFIG_H_
