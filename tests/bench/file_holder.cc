#include "tests/bench/file_holder.h"

#include <signal.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "base/descriptor_message.h"
#include "tests/support/fd_fixtures.h"

namespace farpoll {
namespace {

// Makes the counters, hands them out, and raises them when told, until the
// other side goes.
void Hold(int socket, std::size_t count) {
  std::vector<UniqueFd> counters;
  while (counters.size() < count) {
    std::vector<int> batch;
    while (batch.size() < kMostDescriptors && counters.size() < count) {
      counters.emplace_back(
          MustSucceed(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd"));
      batch.push_back(counters.back().get());
    }
    if (!SendMessage(socket, "", batch).ok()) {
      return;
    }
  }
  std::size_t raise = 0;
  while (read(socket, &raise, sizeof(raise)) == sizeof(raise)) {
    for (std::size_t i = 0; i < std::min(raise, count); ++i) {
      (void)eventfd_write(counters[i].get(), 1);
    }
    (void)!write(socket, &raise, sizeof(raise));
  }
}

}  // namespace

FileHolder::FileHolder(std::size_t count,
                       absl::FunctionRef<void(UniqueFd)> take) {
  int pair[2];
  MustSucceed(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair),
              "socketpair");
  UniqueFd theirs(pair[1]);
  socket_ = UniqueFd(pair[0]);
  pid_ = MustSucceed(fork(), "fork");
  if (pid_ == 0) {
    socket_ = UniqueFd();
    Hold(theirs.get(), count);
    _exit(0);
  }
  theirs = UniqueFd();
  DescriptorInbox inbox;
  for (std::size_t taken = 0; taken < count;) {
    const absl::StatusOr<bool> more = Receive(socket_.get(), &inbox);
    MustSucceed(more.ok() && *more ? 0 : -1, "receive");
    while (TakeMessage(&inbox)->has_value()) {
    }
    for (UniqueFd& fd : std::exchange(inbox.descriptors, {})) {
      take(std::move(fd));
      ++taken;
    }
  }
}

FileHolder::~FileHolder() {
  // A holder made later has inherited our end of the socket: closing it would
  // tell this one nothing.
  (void)kill(pid_, SIGKILL);
  (void)waitpid(pid_, nullptr, 0);
}

void FileHolder::Raise(std::size_t count) {
  MustSucceed(static_cast<int>(write(socket_.get(), &count, sizeof(count))),
              "write");
  MustSucceed(static_cast<int>(read(socket_.get(), &count, sizeof(count))),
              "read");
}

}  // namespace farpoll
