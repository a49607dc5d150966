// server/handle/no_rights.h: room: server/handle. Unix sockets by which nobody
// hands us descriptors.
// Threads: any.
// Source: unix(7), SCM_RIGHTS; Linux's SO_PASSRIGHTS (6.16).
#ifndef FARPOLL_SERVER_HANDLE_NO_RIGHTS_H_
#define FARPOLL_SERVER_HANDLE_NO_RIGHTS_H_

namespace farpoll::server {

// Has the kernel refuse descriptors that are sent to `socket`, with EPERM for
// who sends them. A Read would throw them away, and so close them: whose they
// are, they can make that take as long as they like (SO_LINGER, for one).
//   Void before Linux 6.16, and for sockets that are not Unix sockets.
void RefuseDescriptors(int socket);

}  // namespace farpoll::server

#endif  // FARPOLL_SERVER_HANDLE_NO_RIGHTS_H_
