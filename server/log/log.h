// server/log/log.h: room: server/log. The server's log: one event a line, with
// named fields, for people (text) or machines (JSON).
// Threads: any.
#ifndef FARPOLL_SERVER_LOG_LOG_H_
#define FARPOLL_SERVER_LOG_LOG_H_

#include <initializer_list>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace spdlog {
class logger;
}

namespace farpoll::server {

class Log {
 public:
  enum class Level { kDebug, kInfo, kWarning, kError, kOff };
  enum class Format { kText, kJson };
  using Fields =
      std::initializer_list<std::pair<absl::string_view, std::string>>;

  // Writes events of `level` and above to standard error.
  Log(Format format, Level level);
  ~Log();

  // Writes an event: what happened, as "session.created", and to what. Values
  // are quoted as the format needs; stream bytes and secrets do not belong
  // here.
  void Write(Level level, absl::string_view event, Fields fields);

 private:
  const Format format_;
  const std::unique_ptr<spdlog::logger> logger_;
};

// The level or format called `name` ("info", "json").
//   Errors: INVALID_ARGUMENT listing the names there are.
absl::StatusOr<Log::Level> ParseLogLevel(absl::string_view name);
absl::StatusOr<Log::Format> ParseLogFormat(absl::string_view name);

}  // namespace farpoll::server

#endif  // FARPOLL_SERVER_LOG_LOG_H_
