#include "client/cli/output.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstring>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "client/cli/failure.h"
#include "google/protobuf/util/json_util.h"

namespace farpoll::cli {
namespace {

// Positions of the columns that `style` asks for.
absl::StatusOr<std::vector<std::size_t>> ChosenColumns(const Table& table,
                                                       const TableStyle& style,
                                                       std::size_t columns) {
  std::vector<std::size_t> chosen;
  if (style.columns.empty() || table.headers.empty()) {
    for (std::size_t i = 0; i < columns; ++i) {
      chosen.push_back(i);
    }
    return chosen;
  }
  for (const std::string& name : style.columns) {
    const auto found = std::find(table.headers.begin(), table.headers.end(),
                                 absl::AsciiStrToUpper(name));
    if (found == table.headers.end()) {
      return UsageError(absl::StrCat("there is no column '", name, "'"));
    }
    chosen.push_back(found - table.headers.begin());
  }
  return chosen;
}

// One row, padded but for its last cell, and cut to the terminal.
std::string RenderRow(const std::vector<std::string>& row,
                      const std::vector<std::size_t>& chosen,
                      const std::vector<std::size_t>& widths, int limit) {
  std::string line;
  for (std::size_t i = 0; i < chosen.size(); ++i) {
    const std::string& cell = row[chosen[i]];
    line += cell;
    if (i + 1 < chosen.size()) {
      line.append(widths[chosen[i]] - cell.size() + 2, ' ');
    }
  }
  if (limit > 0 && line.size() > static_cast<std::size_t>(limit)) {
    line.resize(limit);
  }
  return line + "\n";
}

}  // namespace

Json ToJson(const google::protobuf::Message& message) {
  google::protobuf::util::JsonPrintOptions options;
  options.always_print_primitive_fields = true;
  std::string text;
  if (!google::protobuf::util::MessageToJsonString(message, &text, options)
           .ok()) {
    return Json();
  }
  return Json::parse(text, nullptr, /*allow_exceptions=*/false);
}

std::string ToLine(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

absl::StatusOr<std::string> RenderTable(const Table& table,
                                        const TableStyle& style) {
  std::vector<std::size_t> widths(table.headers.size());
  const auto measure = [&](const std::vector<std::string>& row) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max(widths[i], row[i].size());
    }
  };
  for (std::size_t i = 0; i < style.least_widths.size(); ++i) {
    widths.resize(std::max(widths.size(), i + 1));
    widths[i] = style.least_widths[i];
  }
  if (style.headers) {
    measure(table.headers);
  }
  for (const std::vector<std::string>& row : table.rows) {
    measure(row);
  }
  const auto chosen = ChosenColumns(table, style, widths.size());
  if (!chosen.ok()) {
    return chosen.status();
  }
  std::string text;
  if (style.headers && !table.headers.empty()) {
    text += RenderRow(table.headers, *chosen, widths, style.width);
  }
  for (const std::vector<std::string>& row : table.rows) {
    text += RenderRow(row, *chosen, widths, style.width);
  }
  return text;
}

Output::Output(Format format, TableStyle style, bool quiet)
    : format_(format), style_(std::move(style)), quiet_(quiet) {}

absl::Status Output::Object(const Json& object, const Table& table) {
  switch (format_) {
    case Format::kTable: {
      const absl::StatusOr<std::string> text = RenderTable(table, style_);
      return text.ok() ? Raw(*text) : text.status();
    }
    case Format::kJson:
      return Raw(object.dump(2, ' ', false, Json::error_handler_t::replace) +
                 "\n");
    case Format::kJsonLines:
      return Raw(ToLine(object));
  }
  return absl::OkStatus();
}

absl::Status Output::List(const std::string& key,
                          const std::vector<Json>& items, const Table& table) {
  if (format_ != Format::kJsonLines) {
    Json object;
    object[key] = items;
    return Object(object, table);
  }
  std::string lines;
  for (const Json& item : items) {
    lines += ToLine(item);
  }
  return Raw(lines);
}

absl::Status Output::Row(const Json& item,
                         const std::vector<std::string>& headers,
                         const std::vector<std::string>& cells) {
  if (format_ != Format::kTable) {
    return Raw(ToLine(item));
  }
  TableStyle style = style_;
  style.headers = style_.headers && !std::exchange(headers_shown_, true);
  for (std::size_t i = 0; i < headers.size(); ++i) {
    style.least_widths.push_back(12);
  }
  const absl::StatusOr<std::string> text =
      RenderTable({headers, {cells}}, style);
  return text.ok() ? Raw(*text) : text.status();
}

absl::Status Output::Raw(absl::string_view bytes) {
  return WriteAll(STDOUT_FILENO, bytes);
}

void Output::Note(absl::string_view text) const {
  if (!quiet_) {
    (void)WriteAll(STDERR_FILENO, absl::StrCat(text, "\n"));
  }
}

void Output::Progress(absl::string_view text) const {
  constexpr absl::string_view kEraseLine = "\r\033[K";
  if (!quiet_ && ::isatty(STDERR_FILENO) == 1) {
    (void)WriteAll(STDERR_FILENO, absl::StrCat(kEraseLine, text));
  }
}

absl::Status WriteAll(int fd, absl::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    const int number = written < 0 ? errno : 0;
    if (written >= 0) {
      bytes.remove_prefix(written);
    } else if (number == EPIPE) {
      return Quietly(kExitSignalBase + SIGPIPE);
    } else if (number == EAGAIN) {
      // A terminal that another program left non-blocking.
      pollfd waiting = {fd, POLLOUT, 0};
      ::poll(&waiting, 1, -1);
    } else if (number != EINTR) {
      return LocalError(absl::StrCat("cannot write: ", strerror(number)));
    }
  }
  return absl::OkStatus();
}

int TerminalWidth(int fd) {
  winsize size = {};
  if (::isatty(fd) != 1 || ::ioctl(fd, TIOCGWINSZ, &size) != 0) {
    return 0;
  }
  return size.ws_col;
}

}  // namespace farpoll::cli
