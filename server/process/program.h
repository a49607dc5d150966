// server/process/program.h: room: server/process. Which program a name means,
// and where a child starts.
// Threads: any.
#ifndef FARPOLL_SERVER_PROCESS_PROGRAM_H_
#define FARPOLL_SERVER_PROCESS_PROGRAM_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace farpoll::server {

// The path of `program`: itself when it is absolute, else the first executable
// file of that name in `search`, a list as PATH's. The caller's own PATH never
// counts.
//   Errors: NOT_FOUND (ENOENT, PROGRAM_NOT_FOUND), INVALID_ARGUMENT (EINVAL,
//     BAD_PROGRAM: empty, or a relative path).
absl::StatusOr<std::string> FindProgram(absl::string_view program,
                                        absl::string_view search);

// Where a child starts that did not say: the home of the server's user if that
// is a folder, else "/".
std::string HomeDirectory();

}  // namespace farpoll::server

#endif  // FARPOLL_SERVER_PROCESS_PROGRAM_H_
