#include "client/cli/top_view.h"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/cli/spec.h"

namespace farpoll::cli {
namespace {

constexpr std::size_t kHistoryParts = 10;
constexpr std::size_t kLongestFilter = 64;  // as a name
constexpr std::size_t kLeastName = 12;
constexpr std::size_t kGap = 2;

struct Column {
  absl::string_view heading;
  std::size_t width;
  bool to_the_right = false;
};

// After the name, which has what these leave. Where there is no room, the last
// ones go.
constexpr Column kColumns[] = {
    {"KIND", 15},     {"READY", 6},       {"LAST", 6, true},
    {"B/S", 6, true}, {"CHG/S", 6, true}, {"LAST 60 s", kHistoryParts},
};

struct Layout {
  std::size_t name = 0;
  std::size_t columns = 0;
};

Layout LayoutFor(std::size_t width) {
  Layout layout = {width, 0};
  for (const Column& column : kColumns) {
    if (layout.name < kLeastName + kGap + column.width) {
      break;
    }
    layout.name -= kGap + column.width;
    ++layout.columns;
  }
  return layout;
}

std::string Fitted(absl::string_view text, std::size_t width,
                   bool to_the_right = false) {
  std::string fitted(text.substr(0, width));
  if (text.size() > width && width > 0) {
    fitted.back() = '~';  // there is more of it
  }
  fitted.insert(to_the_right ? 0 : fitted.size(), width - fitted.size(), ' ');
  return fitted;
}

// A bar for each part of the minute, as high as it was busy, the highest in
// full.
std::string Bars(const std::vector<std::int64_t>& history, bool ascii) {
  static constexpr const char* kBlocks[] = {" ", "▁", "▂", "▃", "▄",
                                            "▅", "▆", "▇", "█"};
  static constexpr const char* kAscii[] = {" ", ".", ":", "-", "=",
                                           "+", "*", "%", "#"};
  constexpr std::int64_t kHighest = std::size(kBlocks) - 1;
  const std::int64_t most = *std::max_element(history.begin(), history.end());
  std::string bars;
  for (const std::int64_t part : history) {
    // Whatever is there shows.
    const std::int64_t height =
        part == 0 ? 0 : std::max<std::int64_t>(1, part * kHighest / most);
    bars += (ascii ? kAscii : kBlocks)[height];
  }
  return bars;
}

std::string LastOf(const TopRow& row, MonotonicTime now) {
  return row.changed_at.has_value()
             ? FormatAge(absl::FromChrono(now - *row.changed_at))
             : "-";
}

// The cells of kColumns but for the history.
std::vector<std::string> CellsOf(const TopModel& model, const TopRow& row,
                                 MonotonicTime now) {
  const Activity::Rates rates = model.RatesAt(row, now);
  return {row.kind, row.Letters(), LastOf(row, now), FormatRate(rates.bytes),
          FormatRate(rates.changes)};
}

std::string RowLine(const TopModel& model, const TopRow& row,
                    const Layout& layout, bool ascii, MonotonicTime now) {
  std::string line = Fitted(row.name, layout.name);
  const std::vector<std::string> cells = CellsOf(model, row, now);
  for (std::size_t i = 0; i < layout.columns; ++i) {
    line.append(kGap, ' ');
    line += i < cells.size()
                ? Fitted(cells[i], kColumns[i].width, kColumns[i].to_the_right)
                : Bars(row.activity.History(now, kHistoryParts), ascii);
  }
  return line;
}

std::string HeadingLine(const Layout& layout) {
  std::string line = Fitted("NAME", layout.name);
  for (std::size_t i = 0; i < layout.columns; ++i) {
    line.append(kGap, ' ');
    line += Fitted(kColumns[i].heading, kColumns[i].width,
                   kColumns[i].to_the_right);
  }
  return line;
}

absl::string_view NameOf(TopSort sort) {
  return kTopSortNames[static_cast<std::size_t>(sort)];
}

}  // namespace

std::string FormatRate(double rate) {
  if (rate < 0.05) {
    return "0";
  }
  constexpr absl::string_view kUnits = " kMGTPE";
  std::size_t unit = 0;
  while (rate >= 999.5 && unit + 1 < kUnits.size()) {
    rate /= 1000;
    ++unit;
  }
  return absl::StrCat(rate < 9.95 ? absl::StrFormat("%.1f", rate)
                                  : absl::StrFormat("%.0f", rate),
                      unit == 0 ? "" : std::string(1, kUnits[unit]));
}

std::string FormatAge(absl::Duration age) {
  const std::int64_t seconds =
      std::max<std::int64_t>(0, absl::ToInt64Seconds(age));
  if (seconds < 10) {
    return absl::StrFormat(
        "%.1fs", std::max(0.0, absl::ToDoubleSeconds(
                                   absl::Trunc(age, absl::Milliseconds(100)))));
  }
  if (seconds < 60) {
    return absl::StrCat(seconds, "s");
  }
  const std::int64_t minutes = seconds / 60;
  if (minutes < 60) {
    return absl::StrFormat("%dm%02ds", minutes, seconds % 60);
  }
  const std::int64_t hours = minutes / 60;
  return hours < 24 ? absl::StrFormat("%dh%02dm", hours, minutes % 60)
                    : absl::StrFormat("%dd%02dh", hours / 24, hours % 24);
}

std::string TopCounts(const TopModel& model, MonotonicTime now) {
  const Activity::Rates rates = model.RatesAt(now);
  const std::string letters = model.LetterCounts();
  return absl::StrCat("handles ", model.size(), letters.empty() ? "" : "  ",
                      letters, "  changes/s ", FormatRate(rates.changes),
                      "  bytes/s ", FormatRate(rates.bytes));
}

Table TopTable(const TopModel& model, const TopOrder& order,
               MonotonicTime now) {
  Table table = {{"NAME"}, {}};
  for (const Column& column : kColumns) {
    table.headers.emplace_back(column.heading);
  }
  table.headers.pop_back();  // the history: nothing of it is there yet
  for (const TopRow* const row : model.Rows(order, now)) {
    std::vector<std::string> cells = CellsOf(model, *row, now);
    cells.insert(cells.begin(), row->name);
    table.rows.push_back(std::move(cells));
  }
  return table;
}

std::vector<Json> TopJson(const TopModel& model, const TopOrder& order,
                          MonotonicTime now) {
  std::vector<Json> items;
  for (const TopRow* const row : model.Rows(order, now)) {
    const Activity::Rates rates = model.RatesAt(*row, now);
    Json json;
    json["handle"] = row->name;
    json["handleId"] = absl::StrCat(row->id);
    json["kind"] = row->kind;
    json["ready"] =
        row->ended ? std::vector<std::string>{"EXIT"} : Words(row->ready);
    json["bytesRead"] = absl::StrCat(row->bytes_read);
    json["bytesWritten"] = absl::StrCat(row->bytes_written);
    json["bytesPerSecond"] = rates.bytes;
    json["changesPerSecond"] = rates.changes;
    items.push_back(std::move(json));
  }
  return items;
}

bool TopView::OnKey(int key, const TopModel& model, MonotonicTime now) {
  if (typing_) {
    OnTyping(key);
    return true;
  }
  switch (key) {
    case 'q':
      return false;
    case 's':
      order_.sort = static_cast<TopSort>((static_cast<int>(order_.sort) + 1) %
                                         std::size(kTopSortNames));
      first_ = 0;
      break;
    case 'r':
      order_.reversed = !order_.reversed;
      break;
    case '/':
      typing_ = true;
      break;
    case kKeyEscape:
      order_.filter.clear();
      break;
    case ' ':
      if (paused_.has_value()) {
        paused_.reset();
      } else {
        paused_ = Paused{model, now};
      }
      break;
    default:
      Scroll(key);
  }
  return true;
}

void TopView::OnTyping(int key) {
  first_ = 0;
  if (key == kKeyEnter || key == kKeyEscape) {
    typing_ = false;
    if (key == kKeyEscape) {
      order_.filter.clear();
    }
  } else if (key == kKeyBackspace) {
    if (!order_.filter.empty()) {
      order_.filter.pop_back();
    }
  } else if (key > ' ' && key < 0x7f && order_.filter.size() < kLongestFilter) {
    order_.filter += static_cast<char>(key);
  }
}

void TopView::Scroll(int key) {
  switch (key) {
    case kKeyUp:
      first_ -= std::min<std::size_t>(first_, 1);
      break;
    case kKeyDown:
      first_ += 1;
      break;
    case kKeyPageUp:
      first_ -= std::min(first_, page_);
      break;
    case kKeyPageDown:
      first_ += page_;
      break;
    case kKeyHome:
      first_ = 0;
      break;
    case kKeyEnd:
      first_ = static_cast<std::size_t>(-1);  // Paint() knows where that is
      break;
    default:
      break;
  }
}

std::string TopView::Title(const TopModel& model, const TopTitle& title,
                           std::size_t shown, MonotonicTime now) const {
  std::string text =
      absl::StrCat(paused() ? "PAUSED  " : "", title.away ? "NO SERVER  " : "");
  absl::StrAppend(&text, model.complete() ? TopCounts(model, now) : "...");
  if (!order_.filter.empty()) {
    absl::StrAppend(&text, "  shown ", shown);
  }
  absl::StrAppend(&text, "  ", title.session, "  ", title.server);
  return text;
}

std::string TopView::Hint() const {
  if (typing_) {
    return absl::StrCat("filter: ", order_.filter, "_");
  }
  return absl::StrCat("[/] filter", order_.filter.empty() ? "" : ": ",
                      order_.filter, "  [s] sort: ", NameOf(order_.sort),
                      order_.reversed ? " reversed" : "",
                      "  [r] reverse  [space] pause  [q] quit");
}

std::vector<TopLine> TopView::Paint(const TopModel& live, const TopTitle& title,
                                    TopSize size, MonotonicTime live_now) {
  const TopModel& model = paused_.has_value() ? paused_->model : live;
  const MonotonicTime now = paused_.has_value() ? paused_->at : live_now;
  const auto width = static_cast<std::size_t>(std::max(0, size.columns));
  const auto height = static_cast<std::size_t>(std::max(0, size.rows));
  const std::vector<const TopRow*> rows = model.Rows(order_, now);
  page_ = std::max<std::size_t>(1, height - std::min<std::size_t>(height, 3));
  first_ = std::min(first_, rows.size() - std::min(rows.size(), page_));

  std::vector<TopLine> lines;
  const Layout layout = LayoutFor(width);
  lines.push_back({Fitted(Title(model, title, rows.size(), now), width),
                   TopLine::Look::kTitle});
  lines.push_back({HeadingLine(layout), TopLine::Look::kHeading});
  for (std::size_t i = first_; i < rows.size() && i - first_ < page_; ++i) {
    lines.push_back({RowLine(model, *rows[i], layout, ascii_, now)});
  }
  lines.resize(
      std::max(lines.size(), height - std::min<std::size_t>(height, 1)));
  lines.push_back({Fitted(Hint(), width), TopLine::Look::kHint});
  if (lines.size() > height) {
    // A screen of a line or two shows the title first.
    lines.resize(height);
  }
  return lines;
}

}  // namespace farpoll::cli
