// client/cli/contexts.h: room: cli. The contexts file.
// Threads: none; two programs that save at once leave the file of one of them,
//   whole.
// Source: docs/cli.md, "Global flags, environment, contexts".
#ifndef FARPOLL_CLIENT_CLI_CONTEXTS_H_
#define FARPOLL_CLIENT_CLI_CONTEXTS_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "client/cli/contexts.pb.h"

namespace farpoll::cli {

// The context that is made when there is none and one is needed.
inline constexpr char kFirstContext[] = "default";

// $XDG_CONFIG_HOME/farpoll/contexts.textproto, with ~/.config for an unset
// variable; empty when there is no home either.
std::string ContextsPath();

// What the file says; nothing when there is none.
//   Errors: LocalError with path and line for one that cannot be read.
absl::StatusOr<Contexts> LoadContexts(const std::string& path);
// Replaces the file in one step; makes its folder. Mode 0600.
absl::Status SaveContexts(const Contexts& contexts, const std::string& path);

// The context called `name`; null when there is none.
const Context* FindContext(const Contexts& contexts, absl::string_view name);
Context* FindContext(Contexts& contexts, absl::string_view name);
// The same, made when absent; the first one becomes current.
Context& ContextNamed(Contexts& contexts, absl::string_view name);

}  // namespace farpoll::cli

#endif  // FARPOLL_CLIENT_CLI_CONTEXTS_H_
