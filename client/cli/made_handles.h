// client/cli/made_handles.h: room: cli. What the verbs that make handles show
// of them.
#ifndef FARPOLL_CLIENT_CLI_MADE_HANDLES_H_
#define FARPOLL_CLIENT_CLI_MADE_HANDLES_H_

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/cli/output.h"
#include "client/handle.h"

namespace farpoll::cli {

// Shows both ends under the keys of their message, and leaves them to their
// session.
absl::Status ShowMade(Output& out,
                      const std::pair<std::string, std::string>& keys,
                      Handle& first, Handle& second);

// The same for one handle, under "handle".
absl::Status ShowMade(Output& out, Handle& handle);
// The same for a maker's answer.
absl::Status ShowMade(Output& out, absl::StatusOr<Handle> made);

}  // namespace farpoll::cli

#endif  // FARPOLL_CLIENT_CLI_MADE_HANDLES_H_
