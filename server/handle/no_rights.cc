#include "server/handle/no_rights.h"

#include <sys/socket.h>

namespace farpoll::server {
namespace {

// <asm/socket.h> of the distributions does not know it yet.
constexpr int kSoPassRights = 83;

}  // namespace

void RefuseDescriptors(int socket) {
  const int off = 0;
  (void)setsockopt(socket, SOL_SOCKET, kSoPassRights, &off, sizeof(off));
}

}  // namespace farpoll::server
