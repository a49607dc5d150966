// client/cli/output.h: room: cli. What a command shows: results on standard
// output as a table or JSON, notes on standard error.
// Threads: one.
// Source: docs/cli.md, "Output".
#ifndef FARPOLL_CLIENT_CLI_OUTPUT_H_
#define FARPOLL_CLIENT_CLI_OUTPUT_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "client/cli/settings.h"
#include "google/protobuf/message.h"
#include "nlohmann/json.hpp"

namespace farpoll::cli {

using Json = nlohmann::ordered_json;

// A message by protobuf's JSON mapping, fields at their default included.
Json ToJson(const google::protobuf::Message& message);
// One line of text.
std::string ToLine(const Json& json);

// Rows of text. Without headers the first column names the others' values.
struct Table {
  std::vector<std::string> headers;
  std::vector<std::vector<std::string>> rows;
};

struct TableStyle {
  bool headers = true;
  // Names of the columns to show, in order; empty = all.
  std::vector<std::string> columns;
  // Lines are cut to this many characters; 0 = never.
  int width = 0;
  // Least widths of the columns, for rows that come one by one.
  std::vector<int> least_widths;
};

// Two spaces between columns. Errors: UsageError for an unknown column.
absl::StatusOr<std::string> RenderTable(const Table& table,
                                        const TableStyle& style);

class Output {
 public:
  Output(Format format, TableStyle style, bool quiet);

  Format format() const { return format_; }
  bool is_table() const { return format_ == Format::kTable; }

  // One thing: a table, or one JSON object.
  absl::Status Object(const Json& object, const Table& table);
  // Many: a table, {"KEY": [items]}, or a line for each item.
  absl::Status List(const std::string& key, const std::vector<Json>& items,
                    const Table& table);
  // One of a row of unknown length, at once: a table's row, or a line of JSON.
  // `headers` go before the first.
  absl::Status Row(const Json& item, const std::vector<std::string>& headers,
                   const std::vector<std::string>& cells);
  // Bytes as they are.
  absl::Status Raw(absl::string_view bytes);
  // A line on standard error, for people; not with --quiet.
  void Note(absl::string_view text) const;
  // A line of a terminal's standard error that the next one takes the place of;
  // empty: none any more. Nothing at all where that is no terminal.
  void Progress(absl::string_view text) const;

 private:
  const Format format_;
  TableStyle style_;
  const bool quiet_;
  bool headers_shown_ = false;
};

// Writes all of `bytes`. Errors: Quietly(128 + SIGPIPE) when nobody reads,
//   LocalError otherwise.
absl::Status WriteAll(int fd, absl::string_view bytes);

// Columns of the terminal behind `fd`; 0 when it is none.
int TerminalWidth(int fd);

}  // namespace farpoll::cli

#endif  // FARPOLL_CLIENT_CLI_OUTPUT_H_
