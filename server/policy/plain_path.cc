#include "server/policy/plain_path.h"

#include <cerrno>

#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "base/errno_status.h"

namespace farpoll::server {

absl::Status CheckPlainPath(absl::string_view path) {
  bool plain = absl::StartsWith(path, "/") && path.find('\0') == path.npos;
  if (plain && path != "/") {
    for (const absl::string_view part : absl::StrSplit(path.substr(1), '/')) {
      plain = plain && !part.empty() && part != "." && part != "..";
    }
  }
  return plain ? absl::OkStatus()
               : MakeError(EINVAL, "BAD_PATH", path,
                           "expected an absolute path without \".\", \"..\", "
                           "\"//\" and a slash at its end");
}

}  // namespace farpoll::server
