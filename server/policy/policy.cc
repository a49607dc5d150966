#include "server/policy/policy.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "base/errno_status.h"
#include "server/policy/plain_path.h"

namespace farpoll::server {
namespace {

absl::Status Refuse(absl::string_view reason, absl::string_view subject,
                    absl::string_view message) {
  return MakeError(absl::StatusCode::kPermissionDenied, EACCES, reason, subject,
                   message);
}

// `path` split at `root` when it is that or below it; both are plain.
absl::optional<PathPlan> SplitAt(absl::string_view root,
                                 absl::string_view path) {
  absl::string_view rest = path;
  if (!absl::ConsumePrefix(&rest, absl::StripSuffix(root, "/")) ||
      !(rest.empty() || rest.front() == '/')) {
    return absl::nullopt;
  }
  absl::ConsumePrefix(&rest, "/");
  return PathPlan{.root = std::string(root),
                  .relative = rest.empty() ? "." : std::string(rest),
                  .rule = ""};
}

bool InPorts(const NetworkRule& rule, std::uint16_t port) {
  return rule.ports.empty() ||
         std::any_of(rule.ports.begin(), rule.ports.end(),
                     [port](const auto& range) {
                       return range.first <= port && port <= range.second;
                     });
}

}  // namespace

bool Grantee::Matches(const Principal& principal) const {
  return anyone || (uid.has_value() && principal.IsUser(*uid)) ||
         (gid.has_value() && principal.IsInGroup(*gid)) ||
         (anonymous_tcp && principal.kind == Principal::Kind::kAnonymousTcp);
}

Policy::Policy(PolicySpec spec) : spec_(std::move(spec)) {}

Policy Policy::Default(Mode mode, uid_t own_uid) {
  return Policy(PolicySpec{.mode = mode, .own_uid = own_uid});
}

Policy::Granted Policy::Find(const Principal& principal, Verb verb) const {
  Granted granted;
  const bool own = principal.IsUser(spec_.own_uid);
  if (own && spec_.mode == Mode::kPrivate) {
    granted.everything = true;
    granted.rule = "own-user";
    return granted;
  }
  for (const Grant& grant : spec_.grants) {
    if (grant.verbs.Has(verb) &&
        std::any_of(grant.to.begin(), grant.to.end(),
                    [&](const Grantee& to) { return to.Matches(principal); })) {
      granted.grants.push_back(&grant);
    }
  }
  // A private server's socket is for its own user; its TCP port is anybody's.
  const bool has_basics =
      !spec_.no_basics && (spec_.mode == Mode::kSystem ||
                           principal.kind == Principal::Kind::kAnonymousTcp);
  if (!granted.grants.empty()) {
    granted.rule = granted.grants.front()->name;
  } else if (has_basics && kBasicVerbs.Has(verb)) {
    granted.rule = "basics";
  }
  return granted;
}

absl::StatusOr<Policy::Granted> Policy::Require(const Principal& principal,
                                                Verb verb) const {
  Granted granted = Find(principal, verb);
  if (granted.rule.empty()) {
    return Refuse("POLICY_VERB", VerbName(verb),
                  absl::StrCat("the server's policy does not let ",
                               principal.Key(), " ", VerbName(verb)));
  }
  return granted;
}

absl::StatusOr<std::string> Policy::CheckVerb(const Principal& principal,
                                              Verb verb) const {
  absl::StatusOr<Granted> granted = Require(principal, verb);
  if (!granted.ok()) {
    return granted.status();
  }
  return std::move(granted->rule);
}

absl::StatusOr<std::string> Policy::CheckAddress(
    const Principal& principal, Verb verb,
    std::vector<NetworkRule> Grant::*rules, const IpAddress& address,
    std::uint16_t port) const {
  const absl::StatusOr<Granted> granted = Require(principal, verb);
  if (!granted.ok()) {
    return granted.status();
  }
  if (granted->everything) {
    return granted->rule;
  }
  for (const Grant* const grant : granted->grants) {
    for (const NetworkRule& rule : grant->*rules) {
      if (RangeAllows(rule.range, address) && InPorts(rule, port)) {
        return absl::StrCat(grant->name, ":", rule.range.Text());
      }
    }
  }
  const absl::string_view special = SpecialBlockOf(address);
  return Refuse(
      "POLICY_ADDRESS", address.Text(),
      absl::StrCat("the server's policy does not let ", principal.Key(), " ",
                   VerbName(verb), " ", address.Text(), " port ", port,
                   special.empty() ? "" : absl::StrCat(" (", special, ")")));
}

absl::StatusOr<std::string> Policy::CheckConnect(const Principal& principal,
                                                 const IpAddress& address,
                                                 std::uint16_t port) const {
  return CheckAddress(principal, Verb::kConnect, &Grant::connect, address,
                      port);
}

absl::StatusOr<std::string> Policy::CheckListen(const Principal& principal,
                                                const IpAddress& address,
                                                std::uint16_t port) const {
  return CheckAddress(principal, Verb::kListen, &Grant::listen, address, port);
}

absl::StatusOr<PathPlan> Policy::CheckUnixSocket(const Principal& principal,
                                                 Verb connect_or_listen,
                                                 absl::string_view path) const {
  const absl::StatusOr<Granted> granted = Require(principal, connect_or_listen);
  if (!granted.ok()) {
    return granted.status();
  }
  absl::string_view abstract = path;
  const bool is_abstract = absl::ConsumePrefix(&abstract, "@");
  if (!is_abstract) {
    if (const absl::Status plain = CheckPlainPath(path); !plain.ok()) {
      return plain;
    }
  }
  if (granted->everything) {
    return is_abstract
               ? PathPlan{"", std::string(abstract), granted->rule}
               : PathPlan{"/", std::string(path.substr(1)), granted->rule};
  }
  for (const Grant* const grant : granted->grants) {
    for (const UnixRule& rule : grant->unix_sockets) {
      if (is_abstract) {
        if (!rule.abstract_prefix.empty() &&
            absl::StartsWith(abstract, rule.abstract_prefix)) {
          return PathPlan{"", std::string(abstract), grant->name};
        }
      } else if (absl::optional<PathPlan> plan = SplitAt(rule.directory, path);
                 !rule.directory.empty() && plan.has_value()) {
        plan->rule = grant->name;
        return *plan;
      }
    }
  }
  return Refuse(
      "POLICY_PATH", path,
      absl::StrCat("the server's policy does not let ", principal.Key(), " ",
                   VerbName(connect_or_listen), " unix:", path));
}

absl::StatusOr<PathPlan> Policy::CheckOpen(const Principal& principal,
                                           absl::string_view path,
                                           FileAccess access) const {
  const absl::StatusOr<Granted> granted = Require(principal, Verb::kOpen);
  if (!granted.ok()) {
    return granted.status();
  }
  if (const absl::Status plain = CheckPlainPath(path); !plain.ok()) {
    return plain;
  }
  if (granted->everything) {
    PathPlan plan = *SplitAt("/", path);
    plan.rule = granted->rule;
    return plan;
  }
  // The longest root counts: one inside another may say less than that.
  absl::optional<PathPlan> best;
  bool writable = false;
  for (const Grant* const grant : granted->grants) {
    for (const FileRoot& root : grant->roots) {
      absl::optional<PathPlan> plan = SplitAt(root.path, path);
      if (!plan.has_value()) {
        continue;
      }
      plan->rule = absl::StrCat(grant->name, ":", root.path);
      if (!best.has_value() || plan->root.size() > best->root.size()) {
        best = *std::move(plan);
        writable = root.write;
      } else if (plan->root.size() == best->root.size()) {
        writable = writable || root.write;
      }
    }
  }
  if (!best.has_value() || (access != FileAccess::kRead && !writable)) {
    return Refuse(
        "POLICY_PATH", path,
        absl::StrCat("the server's policy does not let ", principal.Key(),
                     " open ", path, best.has_value() ? " for writing" : ""));
  }
  return *std::move(best);
}

Limits Policy::LimitsOf(const Principal& principal,
                        const Limits& limits) const {
  Limits lowered = limits;
  for (const Grant& grant : spec_.grants) {
    if (std::any_of(grant.to.begin(), grant.to.end(),
                    [&](const Grantee& to) { return to.Matches(principal); })) {
      for (const auto& [field, value] : grant.quotas) {
        lowered.*field = std::min(lowered.*field, value);
      }
    }
  }
  lowered.default_ttl_ms = std::min(lowered.default_ttl_ms, lowered.max_ttl_ms);
  lowered.default_grace_ms =
      std::min(lowered.default_grace_ms, lowered.max_grace_ms);
  return lowered;
}

}  // namespace farpoll::server
