// base/unique_fd.h: room: base. One owned file descriptor.
// Threads: as a plain value; no locking inside.
#ifndef FARPOLL_BASE_UNIQUE_FD_H_
#define FARPOLL_BASE_UNIQUE_FD_H_

#include <unistd.h>

#include <utility>

namespace farpoll {

// Owns one descriptor and closes it once. -1 stands for "none".
// Whoever opens a descriptor for it passes O_CLOEXEC (or the like): no
// descriptor of farpoll's is ever inherited by accident.
class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(other.Release()) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    if (this != &other) {
      Reset(other.Release());
    }
    return *this;
  }
  UniqueFd(const UniqueFd&) = delete;
  UniqueFd& operator=(const UniqueFd&) = delete;
  ~UniqueFd() { Reset(); }

  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }

  // Gives the descriptor away; the caller closes it.
  int Release() { return std::exchange(fd_, -1); }

  // Closes what is held and takes `fd`. close(2) is not retried on EINTR: on
  // Linux the number is free by then in any case.
  void Reset(int fd = -1) {
    const int old = std::exchange(fd_, fd);
    if (old >= 0) {
      ::close(old);
    }
  }

 private:
  int fd_ = -1;
};

}  // namespace farpoll

#endif  // FARPOLL_BASE_UNIQUE_FD_H_
