#include "selector/kqueue/filters/exit_status.h"

#include <sys/ioctl.h>
#include <sys/wait.h>

#include <cerrno>

#include "selector/kqueue/kevent.h"

namespace farpoll {
namespace {

// P_PIDFD, which glibc 2.36 declares as an enumerator in some headers only.
constexpr auto kByPidfd = static_cast<idtype_t>(3);

// A wait status out of waitid(2)'s halves.
std::int64_t WaitStatus(const siginfo_t& info) {
  if (info.si_code == CLD_EXITED) {
    return (info.si_status & 0xff) << 8;
  }
  constexpr int kCoreFlag = 0x80;
  return info.si_status | (info.si_code == CLD_DUMPED ? kCoreFlag : 0);
}

// The status of a process that was reaped already, from linux/pidfd.h of 6.15.
std::int64_t StatusAfterReaping(int pidfd) {
  struct PidfdInfo {
    std::uint64_t mask = 1 << 3;  // PIDFD_INFO_EXIT
    std::uint64_t cgroup = 0;
    std::uint32_t ids[11] = {};
    std::int32_t exit_code = 0;
  } info;
  static_assert(sizeof(info) == 64);
  constexpr std::uint64_t kGetInfo = _IOWR(0xff, 11, PidfdInfo);
  const bool known =
      ioctl(pidfd, kGetInfo, &info) == 0 && (info.mask & 1 << 3) != 0;
  return known ? info.exit_code : -1;
}

// waitid(2) that leaves everything as it is; the errno, 0 for success.
int Look(int pidfd, siginfo_t& info) {
  info = {};
  return waitid(kByPidfd, static_cast<id_t>(pidfd), &info,
                WEXITED | WNOHANG | WNOWAIT) == 0
             ? 0
             : errno;
}

}  // namespace

int CheckProcessNotes(std::uint32_t asked) {
  if ((asked & (note::kFork | note::kExec | note::kTrack)) != 0) {
    return ENOTSUP;
  }
  return (asked & ~note::kExit) != 0 ? EINVAL : 0;
}

int CheckChild(int pidfd) {
  siginfo_t info;
  return Look(pidfd, info);
}

bool SampleExit(Knote& knote, int pidfd) {
  siginfo_t info;
  const int error = Look(pidfd, info);
  if (error == 0 && info.si_pid == 0) {
    return false;  // it lives
  }
  if (error != 0 && error != ECHILD) {
    return false;
  }
  if ((knote.asked_fflags & note::kExit) == 0) {
    return false;
  }
  knote.event.data = error == 0 ? WaitStatus(info) : StatusAfterReaping(pidfd);
  knote.event.fflags = note::kExit;
  knote.event.flags |= ev::kEof | ev::kOneShot;
  return true;
}

}  // namespace farpoll
