#include "client/cli/watch_summary.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "client/cli/describe_values.h"
#include "client/cli/spec.h"

namespace farpoll::cli {

void WatchSummary::Add(const v1::ObservedHandle& handle) {
  const auto [it, is_new] = lines_.try_emplace(handle.handle_id());
  Line& line = it->second;
  const bool is_present = handle.change() == v1::OBSERVED_CHANGE_PRESENT;
  if (is_new) {
    line.id = handle.handle_id();
    line.name = NameOrId(handle.name(), handle.handle_id());
    line.kind = KindName(handle.kind());
    if (handle.change() != v1::OBSERVED_CHANGE_MADE) {
      line.read_before = handle.bytes_read();
      line.written_before = handle.bytes_written();
    }
  }
  if (handle.change() == v1::OBSERVED_CHANGE_CLOSED) {
    line.last = "closed";
  } else if (handle.change() == v1::OBSERVED_CHANGE_LEFT) {
    line.last = "left";
  } else {
    line.read = handle.bytes_read() - line.read_before;
    line.written = handle.bytes_written() - line.written_before;
    line.last =
        handle.has_exit() ? "X" : Letters(static_cast<Events>(handle.ready()));
  }
  if (!is_present) {
    ++line.changes;
    ++changes_;
  }
}

std::vector<const WatchSummary::Line*> WatchSummary::Busiest() const {
  std::vector<const Line*> busiest;
  for (const auto& [id, line] : lines_) {
    if (line.changes != 0) {
      busiest.push_back(&line);
    }
  }
  std::sort(busiest.begin(), busiest.end(), [](const Line* a, const Line* b) {
    return a->changes != b->changes ? a->changes > b->changes
                                    : a->name < b->name;
  });
  return busiest;
}

std::string WatchSummary::Counts() const {
  const std::size_t handles = Busiest().size();
  return absl::StrCat(changes_, changes_ == 1 ? " change of " : " changes of ",
                      handles, handles == 1 ? " handle" : " handles");
}

Table WatchSummary::ToTable() const {
  Table table = {{"HANDLE", "KIND", "CHANGES", "READ", "WRITTEN", "READY"}, {}};
  for (const Line* const line : Busiest()) {
    table.rows.push_back({line->name, line->kind, absl::StrCat(line->changes),
                          absl::StrCat(line->read, " B"),
                          absl::StrCat(line->written, " B"), line->last});
  }
  return table;
}

std::vector<Json> WatchSummary::ToJson() const {
  std::vector<Json> items;
  for (const Line* const line : Busiest()) {
    Json json;
    json["handle"] = line->name;
    json["handleId"] = absl::StrCat(line->id);
    json["kind"] = line->kind;
    json["changes"] = line->changes;
    json["bytesRead"] = absl::StrCat(line->read);
    json["bytesWritten"] = absl::StrCat(line->written);
    json["last"] = line->last;
    items.push_back(std::move(json));
  }
  return items;
}

}  // namespace farpoll::cli
