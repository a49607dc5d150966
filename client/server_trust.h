// client/server_trust.h: room: client, private to it. Whether the server behind
// a Unix socket is one that this process may hand its bytes and descriptors to.
//
// A socket's path proves nothing: where others can write, they can put a socket
// of their own there. A server is trusted that runs as this process's user, as
// root, or as the owner of the socket's folder, who decides in any case what
// stands there; for the private socket that clients use by default the owner
// must be this user or root as well.
// Threads: any.
// Source: unix(7), SO_PEERCRED; docs/security.md.
#ifndef FARPOLL_CLIENT_SERVER_TRUST_H_
#define FARPOLL_CLIENT_SERVER_TRUST_H_

#include <sys/types.h>

#include <string>

#include "absl/status/status.h"

namespace farpoll::client {

// What is known of a socket's place.
struct SocketPlace {
  uid_t self = 0;  // this process's user
  uid_t folder_owner = 0;
  bool others_write = false;  // others can replace what is in the folder
  bool is_private = false;    // it is the user's own by its path
};

// Whether `server`, a user, may be the one that listens there: an explanation
// for people, or null.
const char* WhyNotTrusted(const SocketPlace& place, uid_t server);

// Looks at the folder of the socket at `path`, and at the socket if it is
// there.
//   Errors: PERMISSION_DENIED (EACCES, SERVER_NOT_TRUSTED). What cannot be
//     looked at is no error: connecting says more.
absl::Status CheckSocket(const std::string& path);

// The same of whoever listens at the other end of `socket`, which is connected
// to `path`.
//   Errors: as CheckSocket.
absl::Status CheckListener(int socket, const std::string& path);

}  // namespace farpoll::client

#endif  // FARPOLL_CLIENT_SERVER_TRUST_H_
