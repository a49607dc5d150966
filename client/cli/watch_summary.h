// client/cli/watch_summary.h: room: cli. What a watch saw of each handle, all
// together: for `watch --summary`.
// Threads: one.
// Source: farpoll/v1/observer.proto.
#ifndef FARPOLL_CLIENT_CLI_WATCH_SUMMARY_H_
#define FARPOLL_CLIENT_CLI_WATCH_SUMMARY_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "client/cli/output.h"
#include "farpoll/v1/observer.pb.h"

namespace farpoll::cli {

class WatchSummary {
 public:
  // Takes in one handle of a response. What is PRESENT is no change: bytes
  // count from there.
  void Add(const v1::ObservedHandle& handle);

  std::int64_t changes() const { return changes_; }
  // "12 changes of 3 handles".
  std::string Counts() const;

  // Handles that changed, the busiest first; those alike by name.
  Table ToTable() const;
  std::vector<Json> ToJson() const;

 private:
  struct Line {
    std::string name;
    std::string kind;
    std::string last;  // "R"; "closed"; "left"
    std::int64_t id = 0;
    std::int64_t changes = 0;
    std::int64_t read = 0;  // bytes, since the watch began
    std::int64_t written = 0;
    std::int64_t read_before = 0;
    std::int64_t written_before = 0;
  };

  std::vector<const Line*> Busiest() const;

  std::map<std::int64_t, Line> lines_;  // by handle id
  std::int64_t changes_ = 0;
};

}  // namespace farpoll::cli

#endif  // FARPOLL_CLIENT_CLI_WATCH_SUMMARY_H_
