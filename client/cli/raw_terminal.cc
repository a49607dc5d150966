#include "client/cli/raw_terminal.h"

namespace farpoll::cli {

RawTerminal::RawTerminal(int fd) : fd_(fd) {
  termios now{};
  if (tcgetattr(fd, &now) != 0) {
    return;
  }
  before_ = now;
  cfmakeraw(&now);
  (void)tcsetattr(fd, TCSADRAIN, &now);
}

RawTerminal::~RawTerminal() {
  if (before_.has_value()) {
    (void)tcsetattr(fd_, TCSADRAIN, &*before_);
  }
}

}  // namespace farpoll::cli
