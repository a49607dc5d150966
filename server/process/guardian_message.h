// server/process/guardian_message.h: room: server/process. What a guardian is
// told, over a socket that keeps messages apart: by a child of itself before
// its program runs, and by the server when a process group is no more.
#ifndef FARPOLL_SERVER_PROCESS_GUARDIAN_MESSAGE_H_
#define FARPOLL_SERVER_PROCESS_GUARDIAN_MESSAGE_H_

#include <cstdint>

namespace farpoll::server {

struct GuardianMessage {
  enum What : std::int32_t { kJoin = 1, kLeave = 2 };
  std::int32_t what;
  std::int32_t group;
};

}  // namespace farpoll::server

#endif  // FARPOLL_SERVER_PROCESS_GUARDIAN_MESSAGE_H_
