// server/observe/observer.h: room: server/observe. One observer: how far it
// knows a ChangeLog, and what it is told next.
//
// It is told in rounds: the snapshot, and then, as often as it asked for, what
// changed since the round before. A round is cut into frames, each taken when
// it can be sent. All that an observer costs while it does not read is the list
// of handles of its round.
// Threads: fenced by its owner.
#ifndef FARPOLL_SERVER_OBSERVE_OBSERVER_H_
#define FARPOLL_SERVER_OBSERVE_OBSERVER_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "base/clock.h"
#include "selector/events.h"
#include "server/observe/change_log.h"
#include "server/session/values.h"

namespace farpoll::server {

// Which handles and changes an observer is told of.
struct ObserveFilter {
  std::vector<HandleKind> kinds;             // empty: all
  std::vector<std::string> names;            // patterns; empty: all
  Events bits = 0;                           // 0: every change
  std::vector<std::int64_t> selectors = {};  // ids; empty: all handles

  bool Admits(const HandleSample& handle) const;
};

// Whether `name` fits `pattern`, in which `*` stands for any characters.
bool FitsPattern(absl::string_view name, absl::string_view pattern);

struct ObserveOptions {
  ObserveFilter filter = {};
  absl::Duration period = absl::Milliseconds(100);  // of rounds, at least
  // An empty frame goes when none did for so long.
  absl::optional<absl::Duration> bookmark_interval = {};
  // Known already; none: begins with the snapshot.
  absl::optional<std::int64_t> resume_after = {};
};

struct ObservedChange {
  enum class What { kPresent, kMade, kChanged, kClosed, kLeft };
  What what = What::kPresent;
  HandleSample handle;
  Events bits_changed = 0;  // since the round before
};

struct ObserveFrame {
  std::vector<ObservedChange> changes;
  // On the last frame of a round: what the observer now knows.
  absl::optional<std::int64_t> known;
};

class Observer {
 public:
  // Changes in a frame at most.
  static constexpr std::size_t kMaxChanges = 256;

  explicit Observer(ObserveOptions options);

  // Whether Take() may have something to give: a round is in progress, or it is
  // time for one. `now` is when the last look at the handles began.
  bool IsDue(const ChangeLog& log, MonotonicTime now) const;

  // The next frame, or none: then Take() again after another look.
  //   Errors: OUT_OF_RANGE (SNAPSHOT_REQUIRED): closed handles that it was not
  //     told of were forgotten.
  absl::StatusOr<absl::optional<ObserveFrame>> Take(const ChangeLog& log,
                                                    MonotonicTime now);

 private:
  struct Round {
    std::vector<std::int64_t> handles;
    std::size_t next = 0;
    std::int64_t end = 0;  // what is known afterwards
    bool sent = false;     // a frame of it
  };

  bool BookmarkIsDue(MonotonicTime now) const;
  // What became of a handle since `known_` for one who sees those alone that
  // are registered with the selectors asked for; none when it was never in
  // sight. Errors are on the side of telling.
  absl::optional<ObservedChange::What> InSight(
      const ObservedState& state) const;
  // What it is told of a handle, if anything.
  absl::optional<ObservedChange> Judge(const ObservedState& state) const;

  const ObserveOptions options_;
  bool snapshot_;       // is still to be given
  bool begun_ = false;  // the first round is over
  std::int64_t known_;
  absl::optional<Round> round_;
  MonotonicTime next_round_ = {};
  MonotonicTime last_frame_ = {};
};

// Why an observer has to begin anew.
absl::Status SnapshotRequired(absl::string_view message);

}  // namespace farpoll::server

#endif  // FARPOLL_SERVER_OBSERVE_OBSERVER_H_
