// base/default_address.h: room: base. Where server and client meet when nobody
// says otherwise.
// Threads: reads the environment; call it before anyone changes that.
// Source: docs/cli.md, "Global flags, environment, contexts".
#ifndef FARPOLL_BASE_DEFAULT_ADDRESS_H_
#define FARPOLL_BASE_DEFAULT_ADDRESS_H_

#include <string>

namespace farpoll {

// The socket of a server that runs for all users of a machine.
inline constexpr char kSystemSocketPath[] = "/run/farpoll/farpolld.sock";

// The calling user's own socket: $XDG_RUNTIME_DIR/farpoll/farpolld.sock, or
// /tmp/farpoll-UID/farpolld.sock when that variable is unset or empty. The
// server makes the folder, for its owner alone (mode 0700).
std::string UserSocketPath();

// Where a client connects by default, as "unix:PATH": the user's own socket, or
// the machine's when that one exists and the user's does not.
std::string DefaultAddress();

}  // namespace farpoll

#endif  // FARPOLL_BASE_DEFAULT_ADDRESS_H_
