// client/cli/path_events.h: room: cli. What happens to a watched path, in
// words: "created", "moved-from", as the names of PathEventBit.
// Threads: pure.
#ifndef FARPOLL_CLIENT_CLI_PATH_EVENTS_H_
#define FARPOLL_CLIENT_CLI_PATH_EVENTS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "farpoll/v1/kinds.pb.h"

namespace farpoll::cli {

// The words that a watch can be asked for, in order of their bits.
std::vector<std::string> PathEventChoices();

// "created,deleted" as a sum of bits.
//   Errors: a usage error naming the word that is none.
absl::StatusOr<std::int32_t> ParsePathEvents(absl::string_view text);

// "created,folder docs"; the name alone is as it is on disk.
std::string PathEventText(const v1::PathEvent& event);

}  // namespace farpoll::cli

#endif  // FARPOLL_CLIENT_CLI_PATH_EVENTS_H_
