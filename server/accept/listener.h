// server/accept/listener.h: room: server/accept. A listening socket: made,
// named and removed.
// Threads: as a plain value.
// Source: unix(7), ip(7).
#ifndef FARPOLL_SERVER_ACCEPT_LISTENER_H_
#define FARPOLL_SERVER_ACCEPT_LISTENER_H_

#include <sys/types.h>

#include "absl/status/statusor.h"
#include "base/unique_fd.h"
#include "server/accept/address.h"

namespace farpoll::server {

class Listener {
 public:
  // Listens on `address`; its descriptor does not block. A Unix socket has
  // `mode` from its first moment on, and takes the place of one that nobody
  // listens on any more; of servers that start at once one gets it. PATH.lock
  // is there meanwhile.
  //   Errors: UNAVAILABLE (EADDRINUSE, EACCES, ENOENT, EEXIST for a file that
  //     is no socket, ...), naming the address.
  static absl::StatusOr<Listener> On(const Address& address,
                                     mode_t mode = 0600);
  Listener(Listener&& other) noexcept = default;
  Listener& operator=(Listener&&) = delete;
  // Closes it, and removes the Unix socket's file unless another took its
  // place.
  ~Listener();

  int fd() const { return fd_.get(); }
  // With the real port.
  const Address& address() const { return address_; }

 private:
  static absl::StatusOr<Listener> Make(const Address& address, mode_t mode);
  Listener(UniqueFd fd, Address address);

  UniqueFd fd_;
  Address address_;
  // The file that bind(2) made.
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

}  // namespace farpoll::server

#endif  // FARPOLL_SERVER_ACCEPT_LISTENER_H_
