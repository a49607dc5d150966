#include "tests/support/blocked_call.h"

#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace farpoll {
namespace {

// The system call that a sleeping thread is in; -1 while it runs.
long SleepsIn(int thread_id) {
  std::ifstream file(absl::StrCat("/proc/self/task/", thread_id, "/syscall"));
  long number = -1;
  file >> number;
  return file ? number : -1;
}

bool IsWait(long number) {
  return number == SYS_epoll_wait || number == SYS_epoll_pwait ||
         number == SYS_epoll_pwait2 || number == SYS_poll ||
         number == SYS_ppoll;
}

}  // namespace

BlockedCall::BlockedCall(std::function<void()> call)
    : thread_([this, call = std::move(call)] {
        thread_id_ = static_cast<int>(syscall(SYS_gettid));
        call();
      }) {}

void BlockedCall::AwaitBlocked() {
  const auto deadline =
      std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (thread_id_ == 0 || !IsWait(SleepsIn(thread_id_))) {
    std::this_thread::yield();
    if (std::chrono::steady_clock::now() > deadline) {
      ADD_FAILURE() << "the call does not block";
      return;
    }
  }
}

void BlockedCall::Signal(int signal) {
  EXPECT_EQ(pthread_kill(thread_.native_handle(), signal), 0);
}

void BlockedCall::Join() {
  if (thread_.joinable()) {
    thread_.join();
  }
}

}  // namespace farpoll
