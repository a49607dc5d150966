#include "server/process/group.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>

namespace farpoll::server {
namespace {

// <linux/pidfd.h> of the distributions does not know it yet.
constexpr unsigned kPidfdSignalProcessGroup = 1U << 2;

long SendSignal(int pidfd, int signal, unsigned flags) {
  return syscall(SYS_pidfd_send_signal, pidfd, signal, nullptr, flags);
}

// The session in the text of /proc/PID/stat, whose second field may hold
// anything; -1 when it cannot be read or the process is a zombie.
pid_t SessionIn(const char* text, std::size_t size) {
  std::size_t at = size;
  while (at > 0 && text[at - 1] != ')') {
    --at;
  }
  if (at + 1 < size && text[at + 1] == 'Z') {
    return -1;
  }
  // After the name: state, parent, group, session.
  for (int spaces = 0; at < size && spaces < 4; ++at) {
    spaces += text[at] == ' ' ? 1 : 0;
  }
  pid_t session = 0;
  bool any = false;
  for (; at < size && text[at] >= '0' && text[at] <= '9'; ++at) {
    session = session * 10 + (text[at] - '0');
    any = true;
  }
  return any ? session : -1;
}

pid_t SessionOf(int proc, const char* process) {
  char path[64];
  std::size_t length = 0;
  for (const char* part : {process, "/stat"}) {
    for (; *part != '\0' && length + 1 < sizeof(path); ++part) {
      path[length++] = *part;
    }
  }
  path[length] = '\0';
  const int fd = openat(proc, path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    return -1;
  }
  char text[512];
  const ssize_t got = read(fd, text, sizeof(text));
  close(fd);
  return got <= 0 ? -1 : SessionIn(text, static_cast<std::size_t>(got));
}

pid_t ToNumber(const char* text) {
  pid_t number = 0;
  for (; *text >= '0' && *text <= '9'; ++text) {
    number = number * 10 + (*text - '0');
  }
  return *text == '\0' ? number : 0;
}

// A set of sessions, and what to send to them.
class Search {
 public:
  Search(int proc, SessionLook* looks, std::size_t count, int signal)
      : proc_(proc), looks_(looks), end_(looks + count), signal_(signal) {}

  void Visit(const char* process) {
    const pid_t pid = ToNumber(process);
    if (pid <= 0 || Find(SessionOf(proc_, process), pid) == end_) {
      return;
    }
    const auto pidfd = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
    if (pidfd < 0) {
      return;
    }
    // Once more, now that the number cannot become another's.
    SessionLook* const look = Find(SessionOf(proc_, process), pid);
    const bool sent = look != end_ && SendSignal(pidfd, signal_, 0) == 0;
    if (sent && look->survivor < 0) {
      look->survivor = pidfd;
    } else {
      close(pidfd);
    }
  }

 private:
  SessionLook* Find(pid_t session, pid_t process) const {
    SessionLook* const look = std::lower_bound(
        looks_, end_, session, [](const SessionLook& one, pid_t leader) {
          return one.leader < leader;
        });
    return look != end_ && look->leader == session && process != session ? look
                                                                         : end_;
  }

  const int proc_;
  SessionLook* const looks_;
  SessionLook* const end_;
  const int signal_;
};

}  // namespace

void SignalGroup(int pidfd, pid_t leader, int signal) {
  if (SendSignal(pidfd, signal, kPidfdSignalProcessGroup) != 0 &&
      errno != ESRCH) {
    (void)kill(-leader, signal);
  }
}

void SignalSessions(SessionLook* looks, std::size_t count, int signal) {
  const int proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (proc < 0) {
    return;
  }
  // As getdents64(2) lays it out.
  struct Entry {
    std::uint64_t inode;
    std::int64_t offset;
    std::uint16_t size;
    std::uint8_t type;
    char name[1];
  };
  Search search(proc, looks, count, signal);
  alignas(Entry) char entries[4096];
  long got = 0;
  while ((got = syscall(SYS_getdents64, proc, entries, sizeof(entries))) > 0) {
    for (long at = 0; at < got;) {
      const auto* const entry = reinterpret_cast<const Entry*>(entries + at);
      search.Visit(entry->name);
      at += entry->size;
    }
  }
  close(proc);
}

}  // namespace farpoll::server
