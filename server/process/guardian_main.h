// server/process/guardian_main.h: room: server/process. What the guardian
// process does.
// Threads: the only one of its process, which may have been forked from one of
//   many: so system calls only, nothing that locks or allocates.
#ifndef FARPOLL_SERVER_PROCESS_GUARDIAN_MAIN_H_
#define FARPOLL_SERVER_PROCESS_GUARDIAN_MAIN_H_

namespace farpoll::server {

// Reads GuardianMessages from `socket` until its end, kills the groups that
// joined and did not leave, and exits.
[[noreturn]] void RunGuardian(int socket);

}  // namespace farpoll::server

#endif  // FARPOLL_SERVER_PROCESS_GUARDIAN_MAIN_H_
