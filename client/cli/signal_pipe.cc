#include "client/cli/signal_pipe.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

namespace farpoll::cli {
namespace {

// Where the handler writes; handlers have no other way to know.
volatile int g_write_end = -1;

void WriteSignal(int fd, int signal) {
  const auto byte = static_cast<unsigned char>(signal);
  (void)!::write(fd, &byte, 1);
}

void Handle(int signal) {
  const int saved = errno;
  WriteSignal(g_write_end, signal);
  errno = saved;
}

}  // namespace

SignalPipe::SignalPipe(const std::vector<int>& signals) {
  int ends[2] = {-1, -1};
  (void)!::pipe2(ends, O_CLOEXEC);
  read_.Reset(ends[0]);
  write_.Reset(ends[1]);
  // A handler never waits: a thousand signals are as good as more.
  (void)::fcntl(write_.get(), F_SETFL, O_NONBLOCK);
  g_write_end = write_.get();
  struct sigaction action {};
  action.sa_handler = &Handle;
  action.sa_flags = SA_RESTART;
  for (const int signal : signals) {
    Caught caught{signal, {}};
    if (::sigaction(signal, &action, &caught.before) == 0) {
      caught_.push_back(caught);
    }
  }
}

SignalPipe::~SignalPipe() {
  for (const Caught& caught : caught_) {
    (void)::sigaction(caught.signal, &caught.before, nullptr);
  }
  g_write_end = -1;
}

int SignalPipe::Next() {
  unsigned char byte = 0;
  ssize_t got = 0;
  do {
    got = ::read(read_.get(), &byte, 1);
  } while (got < 0 && errno == EINTR);
  return got == 1 ? byte : 0;
}

void SignalPipe::Push(int signal) { WriteSignal(write_.get(), signal); }

void SignalPipe::Stop() { WriteSignal(write_.get(), 0); }

}  // namespace farpoll::cli
