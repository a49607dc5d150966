// client/cli/raw_terminal.h: room: cli. The caller's terminal, given through as
// it is: every key goes to a program elsewhere, which does the echo.
// Threads: make and destroy from one.
// Source: termios(3), cfmakeraw.
#ifndef FARPOLL_CLIENT_CLI_RAW_TERMINAL_H_
#define FARPOLL_CLIENT_CLI_RAW_TERMINAL_H_

#include <termios.h>

#include "absl/types/optional.h"

namespace farpoll::cli {

// Raw from construction to destruction; does nothing for what is no terminal.
class RawTerminal {
 public:
  // Borrows `fd`.
  explicit RawTerminal(int fd);
  ~RawTerminal();
  RawTerminal(const RawTerminal&) = delete;
  RawTerminal& operator=(const RawTerminal&) = delete;

 private:
  const int fd_;
  absl::optional<termios> before_;
};

}  // namespace farpoll::cli

#endif  // FARPOLL_CLIENT_CLI_RAW_TERMINAL_H_
