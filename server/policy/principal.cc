#include "server/policy/principal.h"

#include <unistd.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace farpoll::server {

Principal Principal::Local(uid_t uid, gid_t gid, pid_t pid,
                           std::vector<gid_t> groups) {
  return Principal{.kind = Kind::kLocal,
                   .uid = uid,
                   .gid = gid,
                   .pid = pid,
                   .groups = std::move(groups)};
}

Principal Principal::AnonymousTcp() { return Principal{}; }

Principal Principal::ThisProcess() {
  return Local(geteuid(), getegid(), getpid());
}

bool Principal::IsInGroup(gid_t group) const {
  return kind == Kind::kLocal &&
         (gid == group ||
          std::find(groups.begin(), groups.end(), group) != groups.end());
}

std::string Principal::Key() const {
  return kind == Kind::kLocal ? absl::StrCat("uid:", uid) : "anonymous-tcp";
}

}  // namespace farpoll::server
