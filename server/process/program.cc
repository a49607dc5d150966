#include "server/process/program.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/errno_status.h"

namespace farpoll::server {
namespace {

bool IsExecutableFile(const std::string& path) {
  struct stat status {};
  return faccessat(AT_FDCWD, path.c_str(), X_OK, AT_EACCESS) == 0 &&
         stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode);
}

}  // namespace

absl::StatusOr<std::string> FindProgram(absl::string_view program,
                                        absl::string_view search) {
  if (!program.empty() && program.front() == '/') {
    return std::string(program);
  }
  if (program.empty() || program.find('/') != program.npos) {
    return MakeError(EINVAL, "BAD_PROGRAM", program,
                     "a program is an absolute path, or a name without '/'");
  }
  for (const absl::string_view folder : absl::StrSplit(search, ':')) {
    std::string path = absl::StrCat(folder, "/", program);
    if (IsExecutableFile(path)) {
      return path;
    }
  }
  return MakeError(
      ENOENT, "PROGRAM_NOT_FOUND", program,
      absl::StrCat("there is no program ", program, " in ", search));
}

std::string HomeDirectory() {
  const char* const home = std::getenv("HOME");
  struct stat status {};
  const bool usable = home != nullptr && home[0] == '/' &&
                      stat(home, &status) == 0 && S_ISDIR(status.st_mode);
  return usable ? home : "/";
}

}  // namespace farpoll::server
