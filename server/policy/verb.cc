#include "server/policy/verb.h"

#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/errno_status.h"

namespace farpoll::server {
namespace {

constexpr std::pair<Verb, absl::string_view> kNames[] = {
    {Verb::kInspect, "inspect"},
    {Verb::kCreatePipe, "create.pipe"},
    {Verb::kCreateTimer, "create.timer"},
    {Verb::kListen, "listen"},
    {Verb::kConnect, "connect"},
    {Verb::kSpawn, "spawn"},
    {Verb::kSignal, "signal"},
    {Verb::kOpen, "open"},
    {Verb::kRead, "read"},
    {Verb::kWrite, "write"},
    {Verb::kWait, "wait"},
    {Verb::kObserve, "observe"},
    {Verb::kPass, "pass"},
    {Verb::kFetch, "fetch"},
};

}  // namespace

absl::string_view VerbName(Verb verb) {
  return kNames[static_cast<std::size_t>(verb)].second;
}

absl::StatusOr<Verb> ParseVerb(absl::string_view name) {
  for (const auto& [verb, known] : kNames) {
    if (known == name) {
      return verb;
    }
  }
  return MakeError(
      EINVAL, "BAD_VERB", name,
      absl::StrCat("expected a verb, one of ",
                   absl::StrJoin(kNames, ", ", [](std::string* out, auto row) {
                     absl::StrAppend(out, row.second);
                   })));
}

}  // namespace farpoll::server
