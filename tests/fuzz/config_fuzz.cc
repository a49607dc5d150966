// tests/fuzz/config_fuzz.cc: room: tests. Configuration files of any text:
// taken, or refused with the file and the place of each mistake. A policy of
// what was taken answers whatever it is asked.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "server/policy/config.h"
#include "server/policy/policy.h"
#include "server/policy/principal.h"

namespace farpoll::server {
namespace {

void CheckRefusal(const absl::Status& status) {
  for (const absl::string_view line : absl::StrSplit(status.message(), '\n')) {
    if (!absl::StartsWith(line, "conf:")) {
      std::abort();
    }
  }
}

void Ask(const Policy& policy) {
  for (const Principal& principal :
       {Principal::Local(500, 500, 1), Principal::Local(1000, 27, 2)}) {
    (void)policy.LimitsOf(principal, Limits());
    (void)policy.PlanSpawn(
        principal, {.template_name = "tail", .argv = {"tail", "/var/log/x"}});
    (void)policy.PlanSpawn(principal, {.argv = {"/bin/true"}});
    (void)policy.CheckConnect(principal, *ParseIpAddress("10.1.2.3"), 443);
    (void)policy.CheckUnixSocket(principal, Verb::kListen, "/run/app/socket");
    (void)policy.CheckOpen(principal, "/srv/file", FileAccess::kRead);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes,
                                      std::size_t size) {
  const auto spec =
      ParseConfig(absl::string_view(reinterpret_cast<const char*>(bytes), size),
                  "conf", 500);
  if (spec.ok()) {
    Ask(Policy(*spec));
  } else {
    CheckRefusal(spec.status());
  }
  return 0;
}

}  // namespace farpoll::server
