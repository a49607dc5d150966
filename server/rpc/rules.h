// server/rpc/rules.h: room: server/rpc. What a caller must be granted to call a
// method: one line for each.
// Threads: pure.
// Source: docs/security.md.
#ifndef FARPOLL_SERVER_RPC_RULES_H_
#define FARPOLL_SERVER_RPC_RULES_H_

#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "server/policy/verb.h"

namespace farpoll::server {

// The verb for `method` ("/farpoll.v1.HandleService/Read"); none for a method
// without a rule, which nobody may call.
absl::optional<Verb> VerbOf(absl::string_view method);

}  // namespace farpoll::server

#endif  // FARPOLL_SERVER_RPC_RULES_H_
