// client/cli/follow.h: room: cli. `wait --follow`: shows one result after
// another of an open Wait.
#ifndef FARPOLL_CLIENT_CLI_FOLLOW_H_
#define FARPOLL_CLIENT_CLI_FOLLOW_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/optional.h"
#include "client/cli/runtime.h"
#include "client/cli/spec.h"

namespace farpoll::cli {

struct FollowOptions {
  // End after this many events; 0 = never.
  std::int64_t count = 0;
  // End when this handle shows any of these bits.
  absl::optional<Spec> exit_on;
  absl::optional<WaitPosition> resume_after;
};

// Notes, on standard error, that `stream` was cut and taken up again since it
// had `noted` reconnects, and sets that.
void NoteReconnects(Runtime& run, const EventStream& stream,
                    std::int64_t* noted);

// Follows a selector that exists.
absl::Status FollowSelector(Runtime& run, Selector& selector,
                            const FollowOptions& options);

// Follows handles by a selector made for it. Its name comes from the specs, and
// an interrupted wait leaves it, so that the same specs find it to resume.
// Specs without a trigger are edge: a handle that nobody reads is shown once.
absl::Status FollowSpecs(Runtime& run, Session& session,
                         const std::vector<Spec>& specs,
                         const FollowOptions& options);

}  // namespace farpoll::cli

#endif  // FARPOLL_CLIENT_CLI_FOLLOW_H_
