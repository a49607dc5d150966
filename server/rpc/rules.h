// server/rpc/rules.h: room: server/rpc. What a caller must be granted to call a
// method, as the protocol itself says it (method_verb in
// farpoll/v1/verb.proto). Threads: immutable. Source: docs/security.md.
#ifndef FARPOLL_SERVER_RPC_RULES_H_
#define FARPOLL_SERVER_RPC_RULES_H_

#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "server/policy/verb.h"

namespace farpoll::server {

class Rules {
 public:
  // Reads the rules of every method of farpoll.v1.
  Rules();

  // The verbs for `method` ("/farpoll.v1.HandleService/Read"), all of which a
  // call takes; null for a method without a rule, which nobody may call. A verb
  // that the policy does not know makes a method one without a rule.
  const std::vector<Verb>* VerbsOf(absl::string_view method) const {
    const auto rule = rules_.find(method);
    return rule == rules_.end() ? nullptr : &rule->second;
  }

 private:
  absl::flat_hash_map<std::string, std::vector<Verb>> rules_;
};

}  // namespace farpoll::server

#endif  // FARPOLL_SERVER_RPC_RULES_H_
