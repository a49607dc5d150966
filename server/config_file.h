// server/config_file.h: room: server. The configuration file on disk: read and
// made a policy of, at the start and again when told to.
// Threads: pure, but for the reading.
#ifndef FARPOLL_SERVER_CONFIG_FILE_H_
#define FARPOLL_SERVER_CONFIG_FILE_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/types/optional.h"
#include "server/policy/policy.h"

namespace farpoll::server {

// The policy that the file `path` describes for this process's user; `mode`
// wins over the file's.
//   Errors: those of open(2) and read(2); INVALID_ARGUMENT (BAD_CONFIG) as
//     ParseConfig, or for what is no regular file, is over 1 MiB, is neither
//     this process's user's nor root's, or can be written by others than its
//     owner. Each line of the message begins with the path.
absl::StatusOr<std::shared_ptr<const Policy>> LoadPolicy(
    const std::string& path, absl::optional<Mode> mode);

}  // namespace farpoll::server

#endif  // FARPOLL_SERVER_CONFIG_FILE_H_
