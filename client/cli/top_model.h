// client/cli/top_model.h: room: cli. What the table of `top` holds: a session's
// handles as an Observe tells of them, with rates that come of the differences
// between one response and the next.
// Threads: one; time is what it is told.
// Source: farpoll/v1/observer.proto.
#ifndef FARPOLL_CLIENT_CLI_TOP_MODEL_H_
#define FARPOLL_CLIENT_CLI_TOP_MODEL_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "base/clock.h"
#include "client/cli/activity.h"
#include "farpoll/v1/handle.pb.h"
#include "farpoll/v1/observer.pb.h"
#include "selector/events.h"

namespace farpoll::cli {

struct TopRow {
  std::int64_t id = 0;
  std::string name;  // or the id, of a handle without one
  std::string kind;
  v1::HandleKind kind_number = v1::HANDLE_KIND_UNSPECIFIED;
  Events ready = 0;
  bool ended = false;  // a process
  std::int64_t bytes_read = 0;
  std::int64_t bytes_written = 0;
  // None: not since it is looked at.
  absl::optional<MonotonicTime> changed_at;
  Activity activity;

  // As list shows them: "RH", "X" of a process that has ended.
  std::string Letters() const;
};

// What comes first.
enum class TopSort {
  kBusiest,  // changes a second
  kBytes,    // bytes a second
  kLatest,   // the last change
  kName,
  kKind,
  kReady,  // ended, failed and hung up before readable before writable
};
inline constexpr absl::string_view kTopSortNames[] = {
    "busiest", "bytes", "latest", "name", "kind", "ready"};

struct TopOrder {
  TopSort sort = TopSort::kBusiest;
  bool reversed = false;
  // A part of the name or the kind, in either case; empty: all.
  std::string filter;
};

class TopModel {
 public:
  // Takes in what the stream says. `anew`: a stream begins, with a snapshot;
  // what that does not have is gone.
  void Apply(const v1::ObserveResponse& response, bool anew, MonotonicTime now);

  // Whether the handles are all known: a snapshot has come to its end.
  bool complete() const { return complete_; }
  std::size_t size() const { return rows_.size(); }
  // How many handles show each letter: "R 12  W 500".
  std::string LetterCounts() const;
  // Of all handles, closed ones too.
  Activity::Rates RatesAt(MonotonicTime now) const;
  Activity::Rates RatesAt(const TopRow& row, MonotonicTime now) const;

  // Those that `order` lets through, in its order; those alike by name, with
  // the numbers in it in theirs. Valid until the next Apply().
  std::vector<const TopRow*> Rows(const TopOrder& order,
                                  MonotonicTime now) const;

 private:
  struct Entry {
    TopRow row;
    bool seen = false;  // in the snapshot in progress
  };

  void Take(const v1::ObservedHandle& handle, MonotonicTime now);
  void EndSnapshot();

  std::map<std::int64_t, Entry> rows_;  // by id
  Activity all_;
  MonotonicTime began_ = kNever;
  bool in_snapshot_ = false;
  bool complete_ = false;
};

}  // namespace farpoll::cli

#endif  // FARPOLL_CLIENT_CLI_TOP_MODEL_H_
