// client/cli/signal_pipe.h: room: cli. Signals as bytes to read: those that
// would end or disturb the program while it stands for another one.
// Threads: one object at a time; Next() from one thread, Push() and Stop() from
//   any.
// Source: signal(7), the self-pipe.
#ifndef FARPOLL_CLIENT_CLI_SIGNAL_PIPE_H_
#define FARPOLL_CLIENT_CLI_SIGNAL_PIPE_H_

#include <signal.h>

#include <vector>

#include "base/unique_fd.h"

namespace farpoll::cli {

class SignalPipe {
 public:
  // Catches `signals` until it goes; then they are what they were before.
  explicit SignalPipe(const std::vector<int>& signals);
  ~SignalPipe();
  SignalPipe(const SignalPipe&) = delete;
  SignalPipe& operator=(const SignalPipe&) = delete;

  // Blocks for the next signal; 0 after Stop().
  int Next();
  // Polls readable while Next() would not block.
  int fd() const { return read_.get(); }
  // A signal that was caught elsewhere.
  void Push(int signal);
  // Ends the Next() in progress and those to come.
  void Stop();

 private:
  struct Caught {
    int signal;
    struct sigaction before;
  };

  std::vector<Caught> caught_;
  UniqueFd read_;
  UniqueFd write_;
};

}  // namespace farpoll::cli

#endif  // FARPOLL_CLIENT_CLI_SIGNAL_PIPE_H_
