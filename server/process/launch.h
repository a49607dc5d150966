// server/process/launch.h: room: server/process. Starts one program from a plan
// that is complete: nothing is decided, searched or allocated any more.
// Threads: call it from one that lasts: the kernel kills the child when it
// ends.
//   It sleeps until the program runs or has failed to.
// Source: clone(2) CLONE_VFORK and CLONE_PIDFD, execve(2), signal-safety(7).
#ifndef FARPOLL_SERVER_PROCESS_LAUNCH_H_
#define FARPOLL_SERVER_PROCESS_LAUNCH_H_

#include <sys/resource.h>
#include <sys/types.h>

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/optional.h"
#include "base/unique_fd.h"

namespace farpoll::server {

// A descriptor that the program gets, and under which number. Everything else
// is closed before it runs.
struct ChildDescriptor {
  int number = 0;
  UniqueFd fd;
};

struct ChildLimit {
  int resource = 0;  // RLIMIT_...
  rlimit value = {};
};

// Whom the program runs as, for a server that is root.
struct ChildCredentials {
  uid_t uid = 0;
  gid_t gid = 0;
};

struct LaunchPlan {
  std::string path;  // absolute
  std::vector<std::string> argv;
  std::vector<std::string> environment;  // "NAME=value"
  std::string directory = "/";
  std::vector<ChildDescriptor> descriptors;  // by number, each once
  bool terminal = false;    // number 0, 1 or 2 is its controlling terminal
  bool listen_pid = false;  // LISTEN_PID=its own process id, in addition
  std::vector<ChildLimit> limits;
  absl::optional<ChildCredentials> credentials;
  // Who hears of the new process group before the program runs; -1 = nobody.
  int guardian = -1;
};

struct LaunchedChild {
  pid_t pid = 0;  // also of its process group and its session
  UniqueFd pidfd;
};

// Starts the program as the leader of a session and a process group of its own,
// with the default action for every signal and none blocked, umask 077,
// no_new_privs, no ambient capabilities, and SIGKILL when the calling thread
// ends. One with `credentials` is forked, at the price of a copy of the page
// tables: it shares neither memory nor a fate with the server, since its user's
// other processes can stop it.
// `group`, when not null, is set to the group that the guardian was told of,
// also when the program did not run; 0 when there never was one.
//   Ownership: the child is the caller's to reap.
//   Errors: of the program: the errno of the step that failed, `subject` the
//     path or the directory, reason PROGRAM_NOT_FOUND, PROGRAM_NOT_EXECUTABLE
//     or DIRECTORY_UNUSABLE where it is one of those; RESOURCE_EXHAUSTED
//     (EAGAIN: no more processes; ENOMEM, EMFILE); ABORTED (ECANCELED,
//     CHILD_STOPPED: a process of the user that it became stopped it before).
absl::StatusOr<LaunchedChild> Launch(const LaunchPlan& plan,
                                     pid_t* group = nullptr);

}  // namespace farpoll::server

#endif  // FARPOLL_SERVER_PROCESS_LAUNCH_H_
