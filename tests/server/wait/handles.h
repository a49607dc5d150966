// tests/server/wait/handles.h: room: tests. Pipes that stand for a session's
// handles, and matchers for what is reported of them.
#ifndef FARPOLL_TESTS_SERVER_WAIT_HANDLES_H_
#define FARPOLL_TESTS_SERVER_WAIT_HANDLES_H_

#include <cstdint>
#include <map>
#include <memory>
#include <ostream>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "selector/events.h"
#include "server/wait/selector.h"
#include "tests/support/fd_fixtures.h"
#include "tests/support/status_matchers.h"

namespace farpoll::server {

inline constexpr std::int64_t kManyRegistrations = 1000;
inline constexpr std::int64_t kSelectorId = 7;

inline void PrintTo(const ReadyEvent& event, std::ostream* out) {
  *out << "handle " << event.handle_id << ":" << EventsToString(event.events)
       << " generation=" << event.generation;
}

// An event of handle `handle_id` that saw exactly `seen`.
MATCHER_P2(Saw, handle_id, seen,
           absl::StrCat("is handle ", handle_id, ":",
                        EventsToString(static_cast<Events>(seen)))) {
  return arg.handle_id == handle_id && arg.events == static_cast<Events>(seen);
}

// Pipes by handle id; the id names the read end.
class PipeHandles {
 public:
  // Makes a pipe under `id`.
  Pipe& Make(std::int64_t id) { return pipes_[id]; }

  // Closes what `id` names, after telling `selector`, as a session does.
  void Close(std::int64_t id, Selector& selector) {
    selector.HandleClosed(id);
    pipes_.erase(id);
  }

  // For Source::Restore.
  Target TargetOf(std::int64_t id) {
    const auto it = pipes_.find(id);
    if (it == pipes_.end()) {
      return {};
    }
    return {.fd = it->second.reader(), .mark = &marks_[id]};
  }
  const ReadinessMark& MarkOf(std::int64_t id) { return marks_[id]; }

 private:
  std::map<std::int64_t, Pipe> pipes_;
  std::map<std::int64_t, ReadinessMark> marks_;
};

inline std::unique_ptr<Selector> MakeSelector(
    SelectorKind kind, std::int64_t most = kManyRegistrations) {
  absl::StatusOr<std::unique_ptr<Selector>> made =
      Selector::Create(kind, most, kSelectorId);
  EXPECT_THAT(made, IsOk());
  return *std::move(made);
}

}  // namespace farpoll::server

#endif  // FARPOLL_TESTS_SERVER_WAIT_HANDLES_H_
