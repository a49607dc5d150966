// What a child may be: the part of the policy that reads spawn requests.
#include <fnmatch.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "base/errno_status.h"
#include "server/policy/policy.h"

namespace farpoll::server {
namespace {

absl::Status Refuse(absl::string_view reason, absl::string_view subject,
                    absl::string_view message) {
  return MakeError(absl::StatusCode::kPermissionDenied, EACCES, reason, subject,
                   message);
}

bool HasNul(absl::string_view text) { return text.find('\0') != text.npos; }

// What no exec could carry.
absl::Status CheckStrings(const SpawnRequest& request) {
  for (const std::string& argument : request.argv) {
    if (HasNul(argument)) {
      return MakeError(EINVAL, "BAD_ARGUMENT", "argv",
                       "an argument has a NUL in it");
    }
  }
  for (const auto& [name, value] : request.environment) {
    if (name.empty() || name.find('=') != name.npos || HasNul(name) ||
        HasNul(value)) {
      return MakeError(EINVAL, "BAD_VARIABLE", name,
                       "a variable has a name without '=', and no NUL");
    }
    if (IsReservedVariable(name)) {
      return Refuse("POLICY_ENVIRONMENT", name,
                    absl::StrCat("no child is given ", name, " by a client"));
    }
  }
  if (HasNul(request.working_directory)) {
    return MakeError(EINVAL, "BAD_PATH", "working_directory",
                     "a path has a NUL in it");
  }
  return absl::OkStatus();
}

bool MatchesName(const std::string& pattern, const std::string& name) {
  return fnmatch(pattern.c_str(), name.c_str(), 0) == 0;
}

std::size_t CountDotDot(absl::string_view text) {
  std::size_t count = 0;
  for (std::size_t at = text.find(".."); at != text.npos;
       at = text.find("..", at + 2)) {
    ++count;
  }
  return count;
}

// An argument can be a path, or have one in it: what a pattern leaves open must
// not lead elsewhere. So nothing but a '/' stands for '/', and nothing but ".."
// for "..". "*" alone says that anything may stand there.
bool MatchesArgument(const std::string& pattern, const std::string& argument) {
  return pattern == "*" ||
         (fnmatch(pattern.c_str(), argument.c_str(), FNM_PATHNAME) == 0 &&
          CountDotDot(argument) == CountDotDot(pattern));
}

// An environment built from nothing: what is fixed wins over what was asked,
// which wins over what everybody gets.
std::vector<std::string> BuildEnvironment(
    const std::map<std::string, std::string>& asked,
    const std::map<std::string, std::string>& fixed) {
  std::map<std::string, std::string> all = fixed;
  all.insert(asked.begin(), asked.end());
  all.insert({{"PATH", kSpawnPath}, {"LANG", "C.UTF-8"}});
  std::vector<std::string> environment;
  for (const auto& [name, value] : all) {
    environment.push_back(absl::StrCat(name, "=", value));
  }
  return environment;
}

absl::Status CheckArguments(const SpawnTemplate& known,
                            const std::vector<std::string>& arguments) {
  const std::size_t fixed = known.arguments.size();
  if (arguments.size() < fixed ||
      (arguments.size() > fixed && !known.extra_arguments)) {
    return Refuse("POLICY_ARGUMENT", known.name,
                  absl::StrCat("template ", known.name, " takes ", fixed,
                               known.extra_arguments ? " or more" : "",
                               " arguments, not ", arguments.size()));
  }
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string& pattern =
        i < fixed ? known.arguments[i] : known.extra_pattern;
    if (!MatchesArgument(pattern, arguments[i])) {
      return Refuse("POLICY_ARGUMENT", known.name,
                    absl::StrCat("argument ", i + 1, " of template ",
                                 known.name, " is not like ", pattern));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckEnvironment(const SpawnTemplate& known,
                              const SpawnRequest& request) {
  for (const auto& [name, value] : request.environment) {
    const auto& allowed = known.allowed_environment;
    if (known.environment.contains(name) ||
        std::none_of(allowed.begin(), allowed.end(),
                     [&name = name](const std::string& pattern) {
                       return MatchesName(pattern, name);
                     })) {
      return Refuse("POLICY_ENVIRONMENT", name,
                    absl::StrCat("template ", known.name,
                                 " does not let a client set ", name));
    }
  }
  return absl::OkStatus();
}

bool IsWithin(const ResourceLimit& limit, std::uint64_t soft,
              std::uint64_t hard) {
  return limit.soft <= soft && limit.hard <= hard;
}

// Those of the template, lowered by what was asked; others are lowered from the
// server's own.
absl::StatusOr<std::vector<ResourceLimit>> CombineLimits(
    absl::string_view subject, std::vector<ResourceLimit> limits,
    const SpawnRequest& request) {
  const auto find = [](auto& among, int resource) {
    return std::find_if(among.begin(), among.end(),
                        [resource](const ResourceLimit& one) {
                          return one.resource == resource;
                        });
  };
  const std::vector<ResourceLimit> given = limits;
  for (const ResourceLimit& limit : request.limits) {
    const auto listed = find(given, limit.resource);
    const auto own = find(request.own_limits, limit.resource);
    // Any process may raise its soft limit up to the hard one.
    const bool within = listed != given.end()
                            ? IsWithin(limit, listed->soft, listed->hard)
                            : own != request.own_limits.end() &&
                                  IsWithin(limit, own->hard, own->hard);
    if (!within) {
      return Refuse("POLICY_LIMIT", subject,
                    absl::StrCat(listed != given.end()
                                     ? absl::StrCat("template ", subject)
                                     : "the server's own limit",
                                 " allows less of a resource than asked"));
    }
    const auto same = find(limits, limit.resource);
    if (same == limits.end()) {
      limits.push_back(limit);
    } else {
      *same = limit;
    }
  }
  return limits;
}

}  // namespace

bool IsReservedVariable(absl::string_view name) {
  return absl::StartsWith(name, "LD_") || absl::StartsWith(name, "LISTEN_") ||
         absl::StartsWith(name, "FARPOLL_") || name == "NOTIFY_SOCKET";
}

absl::StatusOr<SpawnPlan> Policy::PlanSpawn(const Principal& principal,
                                            const SpawnRequest& request) const {
  const absl::StatusOr<Granted> granted = Require(principal, Verb::kSpawn);
  if (!granted.ok()) {
    return granted.status();
  }
  if (const absl::Status good = CheckStrings(request); !good.ok()) {
    return good;
  }
  if (!request.template_name.empty()) {
    return PlanTemplate(*granted, request);
  }
  const auto free =
      std::find_if(granted->grants.begin(), granted->grants.end(),
                   [](const Grant* grant) { return grant->free_argv; });
  if (!granted->everything && free == granted->grants.end()) {
    return Refuse("POLICY_TEMPLATE", "argv",
                  absl::StrCat("the server's policy lets ", principal.Key(),
                               " spawn by template only"));
  }
  if (request.argv.empty() || request.argv.front().empty()) {
    return MakeError(EINVAL, "BAD_ARGUMENT", "argv",
                     "argv must begin with a program");
  }
  absl::StatusOr<std::vector<ResourceLimit>> limits =
      CombineLimits("limits", {}, request);
  if (!limits.ok()) {
    return limits.status();
  }
  return SpawnPlan{.program = request.argv.front(),
                   .argv = request.argv,
                   .environment = BuildEnvironment(request.environment, {}),
                   .working_directory = request.working_directory,
                   .limits = *std::move(limits),
                   .uid = absl::nullopt,
                   .gid = absl::nullopt,
                   .rule = granted->everything ? granted->rule : (*free)->name};
}

absl::StatusOr<SpawnPlan> Policy::PlanTemplate(
    const Granted& granted, const SpawnRequest& request) const {
  const auto known =
      std::find_if(spec_.templates.begin(), spec_.templates.end(),
                   [&](const SpawnTemplate& one) {
                     return one.name == request.template_name;
                   });
  const bool may = granted.everything ||
                   std::any_of(granted.grants.begin(), granted.grants.end(),
                               [&](const Grant* grant) {
                                 return std::count(grant->templates.begin(),
                                                   grant->templates.end(),
                                                   request.template_name) != 0;
                               });
  if (known == spec_.templates.end() || !may) {
    return MakeError(ENOENT, "TEMPLATE_UNKNOWN", request.template_name,
                     absl::StrCat("there is no spawn template named ",
                                  request.template_name));
  }
  if (const absl::Status good = CheckArguments(*known, request.argv);
      !good.ok()) {
    return good;
  }
  if (const absl::Status good = CheckEnvironment(*known, request); !good.ok()) {
    return good;
  }
  if (!request.working_directory.empty() &&
      request.working_directory != known->working_directory) {
    return Refuse("POLICY_PATH", request.working_directory,
                  absl::StrCat("template ", known->name, " runs in ",
                               known->working_directory));
  }
  absl::StatusOr<std::vector<ResourceLimit>> limits =
      CombineLimits(known->name, known->limits, request);
  if (!limits.ok()) {
    return limits.status();
  }
  SpawnPlan plan{
      .program = known->program,
      .argv = {known->program},
      .environment = BuildEnvironment(request.environment, known->environment),
      .working_directory = known->working_directory,
      .limits = *std::move(limits),
      .uid = known->uid,
      .gid = known->gid,
      .rule = absl::StrCat("template:", known->name)};
  plan.argv.insert(plan.argv.end(), request.argv.begin(), request.argv.end());
  return plan;
}

}  // namespace farpoll::server
