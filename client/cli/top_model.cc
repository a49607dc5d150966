#include "client/cli/top_model.h"

#include <string.h>

#include <algorithm>
#include <chrono>
#include <limits>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/cli/describe_values.h"
#include "client/cli/spec.h"

namespace farpoll::cli {
namespace {

// In the order in which they are shown.
constexpr absl::string_view kLetters = "XRWPEHCN";

// Greater for what is more worth a look.
double ReadyRank(const TopRow& row) {
  constexpr std::pair<Events, int> kRanks[] = {
      {kError | kInvalid, 32}, {kHangup, 16}, {kReadHangup, 8},
      {kPriority, 4},          {kIn, 2},      {kOut, 1}};
  double rank = row.ended ? 64 : 0;
  for (const auto& [events, weight] : kRanks) {
    rank += (row.ready & events) != 0 ? weight : 0;
  }
  return rank;
}

double Seconds(MonotonicTime time) {
  return std::chrono::duration<double>(time.time_since_epoch()).count();
}

// What rows are sorted by, the greatest first; names are for those alike.
double KeyOf(const TopRow& row, TopSort sort, const Activity::Rates& rates) {
  switch (sort) {
    case TopSort::kBusiest:
      return rates.changes;
    case TopSort::kBytes:
      return rates.bytes;
    case TopSort::kLatest:
      return row.changed_at.has_value() ? Seconds(*row.changed_at)
                                        : std::numeric_limits<double>::lowest();
    case TopSort::kName:
      return 0;
    case TopSort::kKind:
      return -static_cast<double>(row.kind_number);
    case TopSort::kReady:
      return ReadyRank(row);
  }
  return 0;
}

bool Fits(const TopRow& row, const std::string& lower_filter) {
  return absl::StrContains(absl::AsciiStrToLower(row.name), lower_filter) ||
         absl::StrContains(row.kind, lower_filter);
}

}  // namespace

std::string TopRow::Letters() const {
  return ended ? "X" : cli::Letters(ready);
}

void TopModel::Apply(const v1::ObserveResponse& response, bool anew,
                     MonotonicTime now) {
  began_ = std::min(began_, now);
  if (anew) {
    in_snapshot_ = true;
    for (auto& [id, entry] : rows_) {
      entry.seen = false;
    }
  }
  for (const v1::ObservedHandle& handle : response.handles()) {
    Take(handle, now);
  }
  if (!response.token().empty()) {
    EndSnapshot();
    complete_ = true;
  }
}

void TopModel::Take(const v1::ObservedHandle& handle, MonotonicTime now) {
  if (handle.change() == v1::OBSERVED_CHANGE_CLOSED ||
      handle.change() == v1::OBSERVED_CHANGE_LEFT) {
    rows_.erase(handle.handle_id());
    all_.Add(now, 1, 0);
    return;
  }
  const auto [it, is_new] = rows_.try_emplace(handle.handle_id());
  it->second.seen = true;
  TopRow& row = it->second.row;
  if (is_new) {
    row.id = handle.handle_id();
    row.name = NameOrId(handle.name(), handle.handle_id());
    row.kind = KindName(handle.kind());
    row.kind_number = handle.kind();
  }
  row.ready = static_cast<Events>(handle.ready());
  row.ended = handle.has_exit();
  const std::int64_t bytes =
      std::exchange(row.bytes_read, handle.bytes_read()) +
      std::exchange(row.bytes_written, handle.bytes_written());
  if (handle.change() == v1::OBSERVED_CHANGE_PRESENT) {
    return;  // what it did before is not of now
  }
  const bool is_counted =
      !is_new || handle.change() == v1::OBSERVED_CHANGE_MADE;
  const std::int64_t moved =
      is_counted ? row.bytes_read + row.bytes_written - bytes : 0;
  row.changed_at = now;
  row.activity.Add(now, 1, moved);
  all_.Add(now, 1, moved);
}

void TopModel::EndSnapshot() {
  if (!std::exchange(in_snapshot_, false)) {
    return;
  }
  for (auto it = rows_.begin(); it != rows_.end();) {
    it = it->second.seen ? std::next(it) : rows_.erase(it);
  }
}

std::string TopModel::LetterCounts() const {
  std::map<char, int> counts;
  for (const auto& [id, entry] : rows_) {
    for (const char letter : entry.row.Letters()) {
      ++counts[letter];
    }
  }
  std::string text;
  for (const char letter : kLetters) {
    if (counts.contains(letter)) {
      absl::StrAppend(&text, text.empty() ? "" : "  ", std::string(1, letter),
                      " ", counts[letter]);
    }
  }
  return text;
}

Activity::Rates TopModel::RatesAt(MonotonicTime now) const {
  return all_.RatesAt(now, began_);
}

Activity::Rates TopModel::RatesAt(const TopRow& row, MonotonicTime now) const {
  return row.activity.RatesAt(now, began_);
}

std::vector<const TopRow*> TopModel::Rows(const TopOrder& order,
                                          MonotonicTime now) const {
  struct Keyed {
    double key;
    const TopRow* row;
  };
  const std::string filter = absl::AsciiStrToLower(order.filter);
  std::vector<Keyed> keyed;
  for (const auto& [id, entry] : rows_) {
    if (filter.empty() || Fits(entry.row, filter)) {
      keyed.push_back(
          {KeyOf(entry.row, order.sort, RatesAt(entry.row, now)), &entry.row});
    }
  }
  std::sort(keyed.begin(), keyed.end(), [](const Keyed& a, const Keyed& b) {
    if (a.key != b.key) {
      return a.key > b.key;
    }
    const int names = ::strverscmp(a.row->name.c_str(), b.row->name.c_str());
    return names != 0 ? names < 0 : a.row->id < b.row->id;
  });
  if (order.reversed) {
    std::reverse(keyed.begin(), keyed.end());
  }
  std::vector<const TopRow*> rows;
  rows.reserve(keyed.size());
  for (const Keyed& each : keyed) {
    rows.push_back(each.row);
  }
  return rows;
}

}  // namespace farpoll::cli
