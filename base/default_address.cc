#include "base/default_address.h"

#include <unistd.h>

#include <cstdlib>

#include "absl/strings/str_cat.h"

namespace farpoll {

std::string UserSocketPath() {
  const char* runtime_dir = std::getenv("XDG_RUNTIME_DIR");
  if (runtime_dir != nullptr && *runtime_dir != '\0') {
    return absl::StrCat(runtime_dir, "/farpoll/farpolld.sock");
  }
  return absl::StrCat("/tmp/farpoll-", ::getuid(), "/farpolld.sock");
}

std::string DefaultAddress() {
  const std::string own = UserSocketPath();
  if (::access(own.c_str(), F_OK) != 0 &&
      ::access(kSystemSocketPath, F_OK) == 0) {
    return absl::StrCat("unix:", kSystemSocketPath);
  }
  return absl::StrCat("unix:", own);
}

}  // namespace farpoll
