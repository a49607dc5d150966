// server/wait/kind_rules.h: room: server/wait. What tells the kinds of selector
// apart: which events may be asked for, which are reported, how a timeout is
// judged. The rules themselves are the local library's, put in poll(2)'s bits,
// which every kind speaks on the wire.
// Threads: pure functions.
#ifndef FARPOLL_SERVER_WAIT_KIND_RULES_H_
#define FARPOLL_SERVER_WAIT_KIND_RULES_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "base/timeout.h"
#include "selector/events.h"

namespace farpoll::server {

enum class SelectorKind {
  kPoll,     // select.poll()
  kSelect,   // select.select(): IN, OUT, PRI stand for its three sets
  kDefault,  // selectors.DefaultSelector: IN, OUT for READ, WRITE
  kKqueue,   // select.kqueue(): takes kevents, and no events at all
};

// Judges the events asked for; absent means the kind's default, if it has one.
//   Errors: INVALID_ARGUMENT (EINVAL: negative, none where some are needed, or
//     bits that the kind does not take; EOVERFLOW: over 16 bits).
absl::StatusOr<Events> CheckEvents(SelectorKind kind,
                                   absl::optional<std::int64_t> asked);

// What the kind reports for `seen`, given what was asked; may be none.
Events ReportedEvents(SelectorKind kind, Events seen, Events asked);

// Whether registering a handle again replaces what was asked, instead of being
// refused with EEXIST.
bool RegisterReplaces(SelectorKind kind);

// How long a wait may last; infinite for ever.
//   Errors: INVALID_ARGUMENT (EINVAL, EOVERFLOW) by the kind's rules.
absl::StatusOr<absl::Duration> CheckTimeout(SelectorKind kind, Timeout timeout);

}  // namespace farpoll::server

#endif  // FARPOLL_SERVER_WAIT_KIND_RULES_H_
