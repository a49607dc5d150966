// server/process/group.h: room: server/process. Signals to a process group and
// to whatever else is in the session that its leader began.
// Threads: any; system calls only, nothing that locks or allocates, so that the
//   guardian may call them too.
// Source: pidfd_send_signal(2), setsid(2), proc_pid_stat(5).
#ifndef FARPOLL_SERVER_PROCESS_GROUP_H_
#define FARPOLL_SERVER_PROCESS_GROUP_H_

#include <sys/types.h>

#include <cstddef>

namespace farpoll::server {

// Signals the process group that the process behind `pidfd` leads or led.
//   The leader should not have been reaped: its number is what keeps the
//   group's from being given to others. From Linux 6.9 on the descriptor alone
//   does.
void SignalGroup(int pidfd, pid_t leader, int signal);

// A look at the session of one child.
struct SessionLook {
  pid_t leader = 0;
  // A pidfd of one process that was found running, not the leader; -1 = none.
  // The caller closes it.
  int survivor = -1;
};

// Sends `signal` (0: only looks) to every running process of the sessions of
// `looks`, which are in order of their leaders, but for the leaders themselves:
// whatever process group they are in, as shells with job control and timeout(1)
// make them. Not to those that called setsid(2). Reads /proc once: some
// microseconds for each process of the machine.
//   A session's number must be held, by its leader or a process in it.
void SignalSessions(SessionLook* looks, std::size_t count, int signal);

}  // namespace farpoll::server

#endif  // FARPOLL_SERVER_PROCESS_GROUP_H_
