// server/log/file_sink.h: room: server/log. A file that lines are appended to.
// Threads: any; the sink's own lock.
#ifndef FARPOLL_SERVER_LOG_FILE_SINK_H_
#define FARPOLL_SERVER_LOG_FILE_SINK_H_

#include <spdlog/sinks/base_sink.h>

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>

#include "absl/status/status.h"
#include "base/unique_fd.h"

namespace farpoll::server {

// What cannot be written (disk full) is counted and gone: logging must not end
// what is logged.
class FileSink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  explicit FileSink(std::string path) : path_(std::move(path)) {}

  // Opens the file by its path, for appending; makes it, for its owner alone,
  // where it is missing. Later calls follow a rotation; when one fails, lines
  // go on to the file that was open.
  //   Errors: those of open(2).
  absl::Status Open();

  std::int64_t lost() const { return lost_.load(std::memory_order_relaxed); }

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override;
  void flush_() override {}

 private:
  const std::string path_;
  UniqueFd file_;
  std::atomic<std::int64_t> lost_{0};
};

}  // namespace farpoll::server

#endif  // FARPOLL_SERVER_LOG_FILE_SINK_H_
