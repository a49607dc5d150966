#include "server/process/guardian.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <iterator>
#include <utility>

#include "base/errno_status.h"
#include "server/process/guard_image.h"
#include "server/process/guardian_main.h"
#include "server/process/guardian_message.h"

namespace farpoll::server {
namespace {

constexpr char kName[] = "farpoll-guard";

// A file in memory with the guardian's program; invalid where the system
// executes no such files.
UniqueFd MakeProgram() {
#ifndef MFD_EXEC
  constexpr unsigned MFD_EXEC = 0x10;
#endif
  UniqueFd file(memfd_create(kName, MFD_CLOEXEC | MFD_EXEC));
  if (!file.valid()) {
    file.Reset(memfd_create(kName, MFD_CLOEXEC));  // before Linux 6.3
  }
  std::size_t written = 0;
  while (file.valid() && written < sizeof(kGuardImage)) {
    const ssize_t put =
        write(file.get(), kGuardImage + written, sizeof(kGuardImage) - written);
    if (put > 0) {
      written += static_cast<std::size_t>(put);
    } else if (put == 0 || errno != EINTR) {
      file.Reset();
    }
  }
  return file;
}

// In the child. A program of its own keeps no page of the server's memory and
// none of its secrets. Where it cannot be executed, the same code runs in the
// copy of that memory.
[[noreturn]] void BecomeGuardian(int program, int socket) {
  if (program >= 0 && fcntl(socket, F_SETFD, 0) == 0 &&
      dup2(socket, STDIN_FILENO) == STDIN_FILENO) {
    char name[sizeof(kName)];
    std::copy(std::begin(kName), std::end(kName), name);
    char* const words[] = {name, nullptr};
    char* const environment[] = {nullptr};
    (void)syscall(SYS_execveat, program, "", words, environment, AT_EMPTY_PATH);
  }
  RunGuardian(socket);
}

// False when the guardian is gone: the next Ensure() starts another.
bool Tell(int socket, GuardianMessage::What what, pid_t group) {
  const GuardianMessage message{what, group};
  ssize_t sent = 0;
  do {
    sent = send(socket, &message, sizeof(message), MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  return sent == static_cast<ssize_t>(sizeof(message));
}

}  // namespace

Guardian::~Guardian() {
  MutexLock lock(&mu_);
  Stop();
}

bool Guardian::Running() const {
  if (!pidfd_.valid()) {
    return false;
  }
  pollfd entry{pidfd_.get(), POLLIN, 0};
  return poll(&entry, 1, 0) == 0;
}

absl::StatusOr<int> Guardian::Ensure() {
  MutexLock lock(&mu_);
  if (!Running()) {
    Stop();
    if (const absl::Status started = Start(); !started.ok()) {
      return started;
    }
  }
  return socket_.get();
}

absl::Status Guardian::Start() {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
    return ErrnoStatus(errno, "socketpair");
  }
  UniqueFd ours(ends[0]);
  const UniqueFd its(ends[1]);
  const UniqueFd program = MakeProgram();
  int pidfd = -1;
  // fork(2) without libc's work around it, which would call the handlers that
  // libraries registered for programs that go on in the child.
  const long pid = syscall(SYS_clone, CLONE_PIDFD | SIGCHLD, nullptr, &pidfd,
                           nullptr, nullptr);
  if (pid == 0) {
    BecomeGuardian(program.get(), its.get());
  }
  if (pid < 0) {
    return MakeError(absl::StatusCode::kResourceExhausted, errno,
                     "NO_MORE_PROCESSES", "clone",
                     "the system lets us start no more processes");
  }
  pidfd_.Reset(pidfd);
  socket_ = std::move(ours);
  for (const pid_t group : groups_) {
    (void)Tell(socket_.get(), GuardianMessage::kJoin, group);
  }
  return absl::OkStatus();
}

void Guardian::Stop() {
  socket_.Reset();
  if (pidfd_.valid()) {
    siginfo_t info;
    while (waitid(P_PIDFD, static_cast<id_t>(pidfd_.get()), &info, WEXITED) !=
               0 &&
           errno == EINTR) {
    }
    pidfd_.Reset();
  }
}

void Guardian::Joined(pid_t group) {
  MutexLock lock(&mu_);
  groups_.insert(group);
}

void Guardian::Left(pid_t group) {
  MutexLock lock(&mu_);
  groups_.erase(group);
  if (socket_.valid()) {
    (void)Tell(socket_.get(), GuardianMessage::kLeave, group);
  }
}

}  // namespace farpoll::server
