#include "client/cli/line_source.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "client/cli/failure.h"

namespace farpoll::cli {

LineSource::LineSource(int fd) : fd_(fd), stop_(::eventfd(0, EFD_CLOEXEC)) {}

absl::StatusOr<absl::optional<std::string>> LineSource::Next() {
  for (;;) {
    const std::size_t newline = buffer_.find('\n');
    if (newline == buffer_.npos) {
      const absl::StatusOr<bool> more = Fill();
      if (!more.ok()) {
        return more.status();
      }
      if (*more) {
        continue;
      }
      buffer_ += buffer_.empty() ? "" : "\n";  // a last line without one
      if (buffer_.empty()) {
        return absl::optional<std::string>();
      }
      continue;
    }
    const std::string line = buffer_.substr(0, newline);
    buffer_.erase(0, newline + 1);
    if (!absl::StripAsciiWhitespace(line).empty()) {
      return absl::optional<std::string>(line);
    }
  }
}

void LineSource::Stop() {
  const std::uint64_t one = 1;
  (void)!::write(stop_.get(), &one, sizeof(one));
}

absl::StatusOr<bool> LineSource::Fill() {
  pollfd waiting[] = {{fd_, POLLIN, 0}, {stop_.get(), POLLIN, 0}};
  while (::poll(waiting, 2, -1) < 0) {
    if (errno != EINTR) {
      return LocalError(absl::StrCat("poll: ", strerror(errno)));
    }
  }
  if (waiting[1].revents != 0) {
    buffer_.clear();
    return false;
  }
  char bytes[16 << 10];
  const ssize_t count = ::read(fd_, bytes, sizeof(bytes));
  if (count < 0) {
    return LocalError(absl::StrCat("cannot read requests: ", strerror(errno)));
  }
  buffer_.append(bytes, count);
  return count > 0;
}

}  // namespace farpoll::cli
