#include "client/cli/given_descriptors.h"

#include <fcntl.h>
#include <unistd.h>

#include <initializer_list>

namespace farpoll::cli {
namespace {

bool IsInherited(int fd) {
  const int flags = fcntl(fd, F_GETFD);
  return flags != -1 && (flags & FD_CLOEXEC) == 0;
}

}  // namespace

void HoldStandardDescriptors(char** argv) {
  bool start_again = false;
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (IsInherited(fd)) {
      continue;
    }
    const int null = open("/dev/null", O_PATH | O_CLOEXEC);
    if (null == fd) {
      (void)fcntl(fd, F_SETFD, 0);
    } else if (null != -1) {
      (void)dup2(null, fd);
      (void)close(null);
    }
    if (!IsInherited(fd)) {
      return;  // it would start itself for ever
    }
    start_again = true;
  }
  if (start_again) {
    (void)execv("/proc/self/exe", argv);
  }
}

bool WasGiven(int fd) {
  return IsInherited(fd) && (fcntl(fd, F_GETFL) & O_PATH) == 0;
}

}  // namespace farpoll::cli
