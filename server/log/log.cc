#include "server/log/log.h"

#include <spdlog/logger.h>
#include <spdlog/sinks/ansicolor_sink.h>

#include <algorithm>
#include <cerrno>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/errno_status.h"
#include "server/log/file_sink.h"

namespace farpoll::server {
namespace {

constexpr std::pair<absl::string_view, Log::Level> kLevels[] = {
    {"debug", Log::Level::kDebug},     {"info", Log::Level::kInfo},
    {"warning", Log::Level::kWarning}, {"error", Log::Level::kError},
    {"off", Log::Level::kOff},
};

spdlog::level::level_enum ToSpdlog(Log::Level level) {
  switch (level) {
    case Log::Level::kDebug:
      return spdlog::level::debug;
    case Log::Level::kInfo:
      return spdlog::level::info;
    case Log::Level::kWarning:
      return spdlog::level::warn;
    case Log::Level::kError:
      return spdlog::level::err;
    case Log::Level::kOff:
      break;
  }
  return spdlog::level::off;
}

// In plain ASCII: a log is read on terminals, and what a client said must not
// speak to them (control characters, also those of Unicode, and those that turn
// the direction of text).
std::string Quote(const std::string& text) {
  // Invalid UTF-8 in a value must not throw: it is replaced.
  return nlohmann::json(text).dump(-1, ' ', true,
                                   nlohmann::json::error_handler_t::replace);
}

bool NeedsQuotes(absl::string_view value) {
  return value.empty() || std::any_of(value.begin(), value.end(), [](char c) {
           return !absl::ascii_isgraph(static_cast<unsigned char>(c)) ||
                  c == '"' || c == '=' || c == '\\';
         });
}

std::string AsText(absl::string_view event, Log::Fields fields) {
  std::string line(event);
  for (const auto& [name, value] : fields) {
    absl::StrAppend(&line, " ", name, "=",
                    NeedsQuotes(value) ? Quote(value) : value);
  }
  return line;
}

// The members of an object whose opening the pattern writes.
std::string AsJson(absl::string_view event, Log::Fields fields) {
  std::string line = absl::StrCat("\"event\":", Quote(std::string(event)));
  for (const auto& [name, value] : fields) {
    absl::StrAppend(&line, ",", Quote(std::string(name)), ":", Quote(value));
  }
  return line;
}

}  // namespace

Log::Log(Format format, Level level)
    : Log(format, level,
          std::make_shared<spdlog::sinks::ansicolor_stderr_sink_mt>()) {}

Log::Log(Format format, Level level, std::shared_ptr<spdlog::sinks::sink> sink)
    : format_(format),
      logger_(std::make_unique<spdlog::logger>("farpolld", std::move(sink))) {
  logger_->set_level(ToSpdlog(level));
  logger_->flush_on(spdlog::level::debug);
  logger_->set_pattern(
      format == Format::kText
          ? "%Y-%m-%dT%H:%M:%S.%eZ %^%l%$ %v"
          : R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l",%v})",
      spdlog::pattern_time_type::utc);
}

Log::~Log() = default;

absl::StatusOr<std::unique_ptr<Log>> Log::ToFile(const std::string& path,
                                                 Format format, Level level) {
  auto file = std::make_shared<FileSink>(path);
  if (const absl::Status open = file->Open(); !open.ok()) {
    return open;
  }
  std::unique_ptr<Log> log(new Log(format, level, file));
  log->file_ = std::move(file);
  return log;
}

absl::Status Log::Reopen() {
  return file_ == nullptr ? absl::OkStatus() : file_->Open();
}

std::int64_t Log::lost() const { return file_ == nullptr ? 0 : file_->lost(); }

void Log::Write(Level level, absl::string_view event, Fields fields) {
  WriteAt(absl::Now(), level, event, fields);
}

void Log::WriteAt(absl::Time time, Level level, absl::string_view event,
                  Fields fields) {
  const spdlog::level::level_enum severity = ToSpdlog(level);
  if (logger_->should_log(severity)) {
    logger_->log(absl::ToChronoTime(time), spdlog::source_loc(), severity,
                 format_ == Format::kText ? AsText(event, fields)
                                          : AsJson(event, fields));
  }
}

absl::StatusOr<Log::Level> ParseLogLevel(absl::string_view name) {
  for (const auto& [known, level] : kLevels) {
    if (known == name) {
      return level;
    }
  }
  return MakeError(EINVAL, "", name,
                   "expected debug, info, warning, error or off");
}

absl::StatusOr<Log::Format> ParseLogFormat(absl::string_view name) {
  if (name == "text") {
    return Log::Format::kText;
  }
  if (name == "json") {
    return Log::Format::kJson;
  }
  return MakeError(EINVAL, "", name, "expected text or json");
}

}  // namespace farpoll::server
