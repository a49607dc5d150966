// server/inherited.h: room: server. Descriptors that a service manager left
// open for this process.
// Source: sd_listen_fds(3).
#ifndef FARPOLL_SERVER_INHERITED_H_
#define FARPOLL_SERVER_INHERITED_H_

#include <sys/types.h>

#include <string>
#include <vector>

#include "base/unique_fd.h"

namespace farpoll::server {

// Handles of a session that exists from the start and for as long as its
// server, unless its owner deletes it.
struct Inherited {
  std::string session;
  uid_t owner = 0;
  std::vector<UniqueFd> descriptors;
  std::vector<std::string> names;  // one for each; may be empty
};

// Takes over the descriptors that LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES
// speak of, and the variables too, so that no child takes them for its own. A
// name that no handle may have, or that is there twice, is dropped.
// To be called before anything else opens a descriptor.
// Threads: changes the environment; before any other starts.
Inherited TakeInherited();

}  // namespace farpoll::server

#endif  // FARPOLL_SERVER_INHERITED_H_
