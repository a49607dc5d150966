#include "server/policy/config_templates.h"

#include <sys/resource.h>

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "farpoll/config/v1/config.pb.h"
#include "server/policy/names.h"
#include "server/policy/plain_path.h"

namespace farpoll::server {
namespace {

namespace proto = farpoll::config::v1;

constexpr std::pair<const char*, int> kResources[] = {
    {"as", RLIMIT_AS},
    {"core", RLIMIT_CORE},
    {"cpu", RLIMIT_CPU},
    {"data", RLIMIT_DATA},
    {"fsize", RLIMIT_FSIZE},
    {"memlock", RLIMIT_MEMLOCK},
    {"msgqueue", RLIMIT_MSGQUEUE},
    {"nice", RLIMIT_NICE},
    {"nofile", RLIMIT_NOFILE},
    {"nproc", RLIMIT_NPROC},
    {"rtprio", RLIMIT_RTPRIO},
    {"rttime", RLIMIT_RTTIME},
    {"sigpending", RLIMIT_SIGPENDING},
    {"stack", RLIMIT_STACK},
};

ResourceLimit ReadLimit(const ConfigPlace& place, ConfigFaults* faults) {
  const auto& from = place.As<proto::ResourceLimit>();
  const auto* const known =
      std::find_if(std::begin(kResources), std::end(kResources),
                   [&](const auto& row) { return from.name() == row.first; });
  if (known == std::end(kResources)) {
    faults->Add(
        place, "name",
        absl::StrCat("expected a resource, one of ",
                     absl::StrJoin(kResources, ", ",
                                   [](std::string* out, const auto& row) {
                                     absl::StrAppend(out, row.first);
                                   })));
    return {};
  }
  if (!from.has_hard()) {
    faults->Add(place, "hard", "expected the hard limit");
  }
  const std::uint64_t soft = from.has_soft() ? from.soft() : from.hard();
  if (soft > from.hard()) {
    faults->Add(place, "soft", "expected no more than the hard limit");
  }
  return ResourceLimit{
      .resource = known->second, .soft = soft, .hard = from.hard()};
}

void ReadEnvironment(const ConfigPlace& place, SpawnTemplate* made,
                     ConfigFaults* faults) {
  const auto& from = place.As<proto::SpawnTemplate>();
  for (int i = 0; i < from.allow_environment_size(); ++i) {
    if (from.allow_environment(i).empty()) {
      faults->Add(place, "allow_environment", "expected a variable's name", i);
    }
    made->allowed_environment.push_back(from.allow_environment(i));
  }
  for (int i = 0; i < from.environment_size(); ++i) {
    const proto::Variable& variable = from.environment(i);
    if (variable.name().empty() ||
        variable.name().find('=') != std::string::npos) {
      faults->Add(place, "environment", "expected a name without '='", i);
    }
    if (!made->environment.emplace(variable.name(), variable.value()).second) {
      faults->Add(place, "environment", "expected each variable once", i);
    }
  }
}

// Only root can make itself somebody else.
void ReadUser(const ConfigPlace& place, uid_t own_uid, SpawnTemplate* made,
              ConfigFaults* faults) {
  const auto& from = place.As<proto::SpawnTemplate>();
  if (from.has_uid() != from.has_gid()) {
    faults->Add(place, from.has_uid() ? "uid" : "gid",
                "expected uid and gid together");
  }
  if (from.has_uid() && own_uid != 0) {
    faults->Add(place, "uid",
                "only a server that runs as root can change the user");
  }
  if (from.has_uid()) {
    made->uid = from.uid();
  }
  if (from.has_gid()) {
    made->gid = from.gid();
  }
}

}  // namespace

SpawnTemplate ReadSpawnTemplate(const ConfigPlace& place, uid_t own_uid,
                                ConfigFaults* faults) {
  const auto& from = place.As<proto::SpawnTemplate>();
  SpawnTemplate made{.name = from.name(),
                     .program = from.program(),
                     .extra_arguments = from.extra_arguments()};
  if (from.name().empty()) {
    faults->Add(place, "name", "expected a name for the template");
  }
  faults->Check(CheckName(from.name(), "name"), place, "name");
  faults->Check(CheckPlainPath(from.program()), place, "program");
  made.arguments.assign(from.argument().begin(), from.argument().end());
  if (!from.extra_pattern().empty()) {
    made.extra_pattern = from.extra_pattern();
    if (!from.extra_arguments()) {
      faults->Add(place, "extra_pattern",
                  "expected extra_arguments: true beside it");
    }
  }
  if (!from.working_directory().empty()) {
    made.working_directory = from.working_directory();
    faults->Check(CheckPlainPath(from.working_directory()), place,
                  "working_directory");
  }
  ReadEnvironment(place, &made, faults);
  for (int i = 0; i < from.limit_size(); ++i) {
    made.limits.push_back(ReadLimit(place.Nested("limit", i), faults));
  }
  ReadUser(place, own_uid, &made, faults);
  return made;
}

}  // namespace farpoll::server
