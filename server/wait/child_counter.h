// server/wait/child_counter.h: room: server/wait. Counts the ends of a
// session's children: what SIGCHLD tells a program of its own.
// Threads: fenced by the session's lock.
// Source: docs/kqueue.md, "Over gRPC"; FreeBSD kqueue(2), EVFILT_SIGNAL.
#ifndef FARPOLL_SERVER_WAIT_CHILD_COUNTER_H_
#define FARPOLL_SERVER_WAIT_CHILD_COUNTER_H_

#include <cstdint>
#include <memory>
#include <utility>

#include "absl/status/statusor.h"
#include "selector/kqueue/kqueue.h"

namespace farpoll::server {

class ChildCounter {
 public:
  //   Errors: RESOURCE_EXHAUSTED (EMFILE, ENFILE, ENOMEM).
  static absl::StatusOr<std::unique_ptr<ChildCounter>> Create();

  // Polls readable while Take() would return something.
  int fd() const { return fd_; }

  // Counts the end of the child behind `pidfd`, which is borrowed until
  // Forget(); not of one that has ended already.
  void Add(int pidfd);
  // To be called before `pidfd` is closed.
  void Forget(int pidfd) { queue_->Forget(pidfd); }

  // Ends since the last call.
  std::int64_t Take();

 private:
  ChildCounter(std::unique_ptr<Kqueue> queue, int fd)
      : queue_(std::move(queue)), fd_(fd) {}

  const std::unique_ptr<Kqueue> queue_;
  const int fd_;
};

}  // namespace farpoll::server

#endif  // FARPOLL_SERVER_WAIT_CHILD_COUNTER_H_
