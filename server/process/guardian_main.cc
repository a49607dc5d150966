#include "server/process/guardian_main.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>

#include "server/process/group.h"
#include "server/process/guardian_message.h"

namespace farpoll::server {
namespace {

// The numbers are of no use for files: the guardian holds pidfds above them.
constexpr int kSocket = 0;

// How often what is left of the sessions is looked for: a process that forks
// while it is being killed is found by the next look.
constexpr int kLooks = 4;

// The groups, in memory of the guardian's own. A look's `survivor` is not used
// before the end: until then it holds the leader's pidfd, or -1 when there was
// no descriptor left for it.
class Groups {
 public:
  void Join(pid_t leader) {
    if (count_ == room_ && !Grow()) {
      return;
    }
    groups_[count_++] = SessionLook{
        leader, static_cast<int>(syscall(SYS_pidfd_open, leader, 0))};
  }

  void Leave(pid_t leader) {
    for (std::size_t i = 0; i < count_; ++i) {
      if (groups_[i].leader == leader) {
        close(groups_[i].survivor);
        groups_[i] = groups_[--count_];
        return;
      }
    }
  }

  void KillAll() {
    std::sort(groups_, groups_ + count_,
              [](const SessionLook& a, const SessionLook& b) {
                return a.leader < b.leader;
              });
    for (std::size_t i = 0; i < count_; ++i) {
      SignalGroup(groups_[i].survivor, groups_[i].leader, SIGKILL);
    }
    for (int look = 0; count_ != 0 && look < kLooks; ++look) {
      SignalSessions(groups_, count_, SIGKILL);
    }
  }

 private:
  bool Grow() {
    const std::size_t room = room_ == 0 ? 512 : room_ * 2;
    void* const memory =
        groups_ == nullptr
            ? mmap(nullptr, room * sizeof(SessionLook), PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
            : mremap(groups_, room_ * sizeof(SessionLook),
                     room * sizeof(SessionLook), MREMAP_MAYMOVE);
    if (memory == MAP_FAILED) {
      return false;
    }
    groups_ = static_cast<SessionLook*>(memory);
    room_ = room;
    return true;
  }

  SessionLook* groups_ = nullptr;
  std::size_t count_ = 0;
  std::size_t room_ = 0;
};

// Lets go of everything of the server's but the socket: its files, its
// terminal, its working directory, its signals.
void Detach(int socket) {
  sigset_t all;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, nullptr);
  prctl(PR_SET_NAME, "farpoll-guard");
  prctl(PR_SET_PDEATHSIG, 0);
  prctl(PR_SET_DUMPABLE, 0);  // nor is it for those that it guards to look into
  (void)setsid();
  (void)dup2(socket, kSocket);
  (void)close_range(kSocket + 1, ~0U, 0);
  (void)!chdir("/");
}

}  // namespace

void RunGuardian(int socket) {
  Detach(socket);
  Groups groups;
  for (;;) {
    GuardianMessage message;
    const ssize_t got = recv(kSocket, &message, sizeof(message), 0);
    if (got == static_cast<ssize_t>(sizeof(message))) {
      if (message.what == GuardianMessage::kJoin) {
        groups.Join(message.group);
      } else {
        groups.Leave(message.group);
      }
    } else if (got >= 0 || errno != EINTR) {
      break;
    }
  }
  groups.KillAll();
  _exit(0);
}

}  // namespace farpoll::server
