#include "server/handle/pty.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/errno_status.h"

namespace farpoll::server {
namespace {

constexpr int kMostCharacters = 65535;

bool Fits(int characters) {
  return characters >= 0 && characters <= kMostCharacters;
}

}  // namespace

absl::StatusOr<DescriptorPair> MakePty(const TerminalSize& size) {
  UniqueFd master(
      open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK));
  if (!master.valid()) {
    return ErrnoStatus(errno, "open", "/dev/ptmx");
  }
  const int unlocked = 0;
  if (ioctl(master.get(), TIOCSPTLCK, &unlocked) != 0) {
    return ErrnoStatus(errno, "ioctl(TIOCSPTLCK)");
  }
  // By the master's descriptor, whatever is mounted on /dev/pts here.
  UniqueFd slave(
      ioctl(master.get(), TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC));
  if (!slave.valid()) {
    return ErrnoStatus(errno, "ioctl(TIOCGPTPEER)");
  }
  if (const absl::Status sized = ResizePty(master.get(), size); !sized.ok()) {
    return sized;
  }
  return DescriptorPair{std::move(master), std::move(slave)};
}

absl::Status ResizePty(int master, const TerminalSize& size) {
  if (!Fits(size.rows) || !Fits(size.columns)) {
    return MakeError(
        EINVAL, "BAD_SIZE", "size",
        absl::StrCat("a terminal of ", size.columns, "x", size.rows,
                     " is not from 0 to ", kMostCharacters, " each way"));
  }
  winsize wanted{};
  wanted.ws_row = static_cast<unsigned short>(size.rows);
  wanted.ws_col = static_cast<unsigned short>(size.columns);
  if (ioctl(master, TIOCSWINSZ, &wanted) != 0) {
    return ErrnoStatus(errno, "ioctl(TIOCSWINSZ)");
  }
  return absl::OkStatus();
}

}  // namespace farpoll::server
