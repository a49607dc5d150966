// select(2)'s classic program with farpoll's local Select: reads two pipes
// until both have ended. remote_select_loop.cc is the same, on pipes in a
// server.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/unique_fd.h"
#include "selector/select.h"

namespace {

struct LocalPipe {
  farpoll::UniqueFd reader;
  farpoll::UniqueFd writer;
};

absl::StatusOr<LocalPipe> MakePipe(absl::string_view text) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) {
    return absl::ErrnoToStatus(errno, "pipe2");
  }
  LocalPipe pipe{farpoll::UniqueFd(ends[0]), farpoll::UniqueFd(ends[1])};
  if (write(pipe.writer.get(), text.data(), text.size()) < 0) {
    return absl::ErrnoToStatus(errno, "write");
  }
  return pipe;
}

absl::Status Run() {
  absl::StatusOr<LocalPipe> first = MakePipe("one");
  if (!first.ok()) {
    return first.status();
  }
  absl::StatusOr<LocalPipe> second = MakePipe("two");
  if (!second.ok()) {
    return second.status();
  }

  std::vector<int> open = {first->reader.get(), second->reader.get()};
  while (!open.empty()) {
    const auto ready = farpoll::Select(open, {}, {}, absl::Seconds(10));
    if (!ready.ok()) {
      return ready.status();
    }
    for (const int fd : ready->read) {
      LocalPipe& pipe = fd == first->reader.get() ? *first : *second;
      const char* name = &pipe == &*first ? "first" : "second";
      char bytes[64];
      const ssize_t count = read(fd, bytes, sizeof(bytes));
      if (count < 0) {
        return absl::ErrnoToStatus(errno, "read");
      }
      if (count == 0) {
        std::printf("%s: end of file\n", name);
        open.erase(std::find(open.begin(), open.end(), fd));
        continue;
      }
      std::printf("%s: %.*s\n", name, static_cast<int>(count), bytes);
      pipe.writer.Reset();
    }
  }
  return absl::OkStatus();
}

}  // namespace

int main() {
  const absl::Status status = Run();
  if (!status.ok()) {
    std::fprintf(stderr, "%s\n", status.ToString().c_str());
    return 1;
  }
  return 0;
}
