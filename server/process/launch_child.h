// server/process/launch_child.h: room: server/process. What a child does
// between clone(2) and execve(2).
// Threads: runs in the parent's memory, or a copy of it, while the parent's
//   other threads may hold any lock: system calls only, nothing that locks or
//   allocates.
// Source: signal-safety(7), credentials(7).
#ifndef FARPOLL_SERVER_PROCESS_LAUNCH_CHILD_H_
#define FARPOLL_SERVER_PROCESS_LAUNCH_CHILD_H_

#include <sys/types.h>

#include <cstddef>

#include "server/process/launch.h"

namespace farpoll::server {

enum class Step : int {
  kNone,
  kSetUp,
  kDescriptors,
  kLimits,
  kCredentials,
  kDirectory,
  kExecute,
};

// What the child needs, made of plain memory before it exists. A child that
// shares the memory writes `step` and `error`, and the parent reads them when
// it runs again.
struct ChildWork {
  const char* path;
  char* const* argv;
  char* const* environment;
  const char* directory;
  const int* sources;
  const int* numbers;
  std::size_t descriptors;
  const ChildLimit* limits;
  std::size_t limit_count;
  const ChildCredentials* credentials;  // null: as the server
  char* listen_pid;                     // null: not asked for
  pid_t server_pid;
  int guardian;
  int terminal;     // number of the controlling terminal; -1 = none
  int report = -1;  // takes an ExecReport; -1: by `step` and `error`
  Step step = Step::kNone;
  int error = 0;
};

// Of ChildMain.
struct ChildArgument {
  ChildWork* work;
  int* copies;  // room for as many as `descriptors`
};

// Executes the program of a ChildArgument, for clone(2). When a step fails, it
// is noted, and the child ends.
int ChildMain(void* raw);

}  // namespace farpoll::server

#endif  // FARPOLL_SERVER_PROCESS_LAUNCH_CHILD_H_
