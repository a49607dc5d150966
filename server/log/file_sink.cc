#include "server/log/file_sink.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "base/errno_status.h"

namespace farpoll::server {

absl::Status FileSink::Open() {
  UniqueFd file(open(path_.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC,
                     S_IRUSR | S_IWUSR));
  if (!file.valid()) {
    return ErrnoStatus(errno, "cannot open", path_);
  }
  const std::lock_guard<std::mutex> lock(mutex_);
  file_ = std::move(file);
  return absl::OkStatus();
}

void FileSink::sink_it_(const spdlog::details::log_msg& message) {
  spdlog::memory_buf_t line;
  formatter_->format(message, line);
  const char* rest = line.data();
  std::size_t left = line.size();
  while (left > 0) {
    const ssize_t written = write(file_.get(), rest, left);
    if (written < 0 && errno == EINTR) {
      continue;
    }
    if (written <= 0) {
      lost_.fetch_add(1, std::memory_order_relaxed);
      return;
    }
    rest += written;
    left -= static_cast<std::size_t>(written);
  }
}

}  // namespace farpoll::server
