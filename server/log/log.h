// server/log/log.h: room: server/log. The server's log: one event a line, with
// named fields, for people (text) or machines (JSON).
// Threads: any.
#ifndef FARPOLL_SERVER_LOG_LOG_H_
#define FARPOLL_SERVER_LOG_LOG_H_

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace spdlog {
class logger;
namespace sinks {
class sink;
}
}  // namespace spdlog

namespace farpoll::server {

class FileSink;

class Log {
 public:
  enum class Level { kDebug, kInfo, kWarning, kError, kOff };
  enum class Format { kText, kJson };
  using Fields =
      std::initializer_list<std::pair<absl::string_view, std::string>>;

  // Writes events of `level` and above to standard error.
  Log(Format format, Level level);
  ~Log();

  // The same to the end of a file, which is made for its owner alone where it
  // is missing.
  //   Errors: those of open(2), the path in the message.
  static absl::StatusOr<std::unique_ptr<Log>> ToFile(const std::string& path,
                                                     Format format,
                                                     Level level);

  // Writes an event: what happened, as "session.created", and to what. Values
  // are quoted as the format needs; stream bytes and secrets do not belong
  // here.
  void Write(Level level, absl::string_view event, Fields fields);
  // The same of an event that happened at `time`.
  void WriteAt(absl::Time time, Level level, absl::string_view event,
               Fields fields);

  // Opens the file anew by its path, after a rotation; of standard error it
  // does nothing.
  //   Errors: as ToFile; lines go on to the old file.
  absl::Status Reopen();
  // Lines that could not be written to the file.
  std::int64_t lost() const;

 private:
  Log(Format format, Level level, std::shared_ptr<spdlog::sinks::sink> sink);

  const Format format_;
  std::shared_ptr<FileSink> file_;  // shared with logger_; null: none
  const std::unique_ptr<spdlog::logger> logger_;
};

// The level or format called `name` ("info", "json").
//   Errors: INVALID_ARGUMENT listing the names there are.
absl::StatusOr<Log::Level> ParseLogLevel(absl::string_view name);
absl::StatusOr<Log::Format> ParseLogFormat(absl::string_view name);

}  // namespace farpoll::server

#endif  // FARPOLL_SERVER_LOG_LOG_H_
