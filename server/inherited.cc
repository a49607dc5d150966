#include "server/inherited.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdlib>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "server/policy/names.h"

namespace farpoll::server {
namespace {

constexpr int kFirst = 3;  // SD_LISTEN_FDS_START
constexpr int kMost = 1024;

// The variable's value, which is gone afterwards.
std::string TakeVariable(const char* name) {
  const char* const value = std::getenv(name);
  std::string taken = value == nullptr ? "" : value;
  unsetenv(name);
  return taken;
}

}  // namespace

Inherited TakeInherited() {
  const std::string pid_text = TakeVariable("LISTEN_PID");
  const std::string count_text = TakeVariable("LISTEN_FDS");
  const std::string names_text = TakeVariable("LISTEN_FDNAMES");
  Inherited inherited;
  pid_t pid = 0;
  int count = 0;
  if (!absl::SimpleAtoi(pid_text, &pid) || pid != getpid() ||
      !absl::SimpleAtoi(count_text, &count)) {
    return inherited;
  }
  const std::vector<std::string> names = absl::StrSplit(names_text, ':');
  for (int i = 0; i < std::clamp(count, 0, kMost); ++i) {
    const int fd = kFirst + i;
    if (fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) {
      continue;  // not open after all
    }
    const auto place = static_cast<std::size_t>(i);
    std::string name = place < names.size() ? names[place] : "";
    if (!CheckName(name, "name").ok() ||
        std::count(inherited.names.begin(), inherited.names.end(), name) != 0) {
      name.clear();
    }
    inherited.descriptors.emplace_back(fd);
    inherited.names.push_back(std::move(name));
  }
  return inherited;
}

}  // namespace farpoll::server
