// server/handle/handle_fd.h: room: server/handle. A handle's descriptor. Others
// may share its open file, and then its last close(2) can take as long as they
// like (SO_LINGER, a file system that hangs), so that is left to a closer.
// Threads: as a plain value.
#ifndef FARPOLL_SERVER_HANDLE_HANDLE_FD_H_
#define FARPOLL_SERVER_HANDLE_HANDLE_FD_H_

#include <utility>

#include "base/unique_fd.h"

namespace farpoll::server {

// Closes descriptors where nobody waits for it. Threads: any; never blocks.
class FdCloser {
 public:
  virtual ~FdCloser() = default;
  virtual void Close(UniqueFd fd) = 0;
};

class HandleFd {
 public:
  HandleFd() = default;
  HandleFd(UniqueFd fd) : fd_(std::move(fd)) {}  // NOLINT: one is as the other
  HandleFd(HandleFd&& other) noexcept = default;
  HandleFd& operator=(HandleFd&& other) noexcept {
    if (this != &other) {
      Leave();
      fd_ = std::move(other.fd_);
      closer_ = other.closer_;
    }
    return *this;
  }
  ~HandleFd() { Leave(); }

  int get() const { return fd_.get(); }
  bool valid() const { return fd_.valid(); }

  // From now on `closer` (borrowed) closes it, whatever becomes of it; null:
  // whoever destroys it.
  void CloseBy(FdCloser* closer) { closer_ = closer; }
  // Gives the descriptor away.
  UniqueFd Take() { return std::move(fd_); }
  // Closes it, or has it closed.
  void Reset() { *this = HandleFd(); }

 private:
  void Leave() {
    if (closer_ != nullptr && fd_.valid()) {
      closer_->Close(std::move(fd_));
    }
  }

  UniqueFd fd_;
  FdCloser* closer_ = nullptr;
};

}  // namespace farpoll::server

#endif  // FARPOLL_SERVER_HANDLE_HANDLE_FD_H_
