// client/cli/spec.h: room: cli. The little languages of the command line, and
// readiness in letters and words.
// Threads: pure. Errors: UsageError, naming the bad part.
// Source: docs/cli.md.
#ifndef FARPOLL_CLIENT_CLI_SPEC_H_
#define FARPOLL_CLIENT_CLI_SPEC_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "base/timeout.h"
#include "client/event_stream.h"
#include "selector/events.h"

namespace farpoll::cli {

// HANDLE:BITS[,level|,edge|,oneshot]
struct Spec {
  std::string handle;
  Events events = 0;
  // As written; nothing when it was left out.
  absl::optional<Trigger> trigger;

  friend bool operator==(const Spec&, const Spec&) = default;
};
// BITS are letters (r read, w write, p priority, x exit of a process, e error,
// h hang-up; the last two come unasked) or poll(2)'s names joined by '|'
// ("IN|RDHUP").
absl::StatusOr<Spec> ParseSpec(absl::string_view text);
// BITS alone.
absl::StatusOr<Events> ParseBits(absl::string_view text);

// "r=in,ctl w=out x=sock": the three sets of select(2).
struct SelectSpec {
  std::vector<std::string> read;
  std::vector<std::string> write;
  std::vector<std::string> except;
};
absl::StatusOr<SelectSpec> ParseSelectSpec(absl::string_view text);

// "250ms", "5s", "2m"; "0" polls, "inf" waits for ever.
absl::StatusOr<Timeout> ParseTimeout(absl::string_view text);
// The same without "inf", and above zero.
absl::StatusOr<absl::Duration> ParseSpan(absl::string_view text);
// As a person reads it: "250ms", "1m0s", "-" for zero.
std::string FormatSpan(absl::Duration span);

// "91-1206": a place to resume from.
absl::StatusOr<WaitPosition> ParsePosition(absl::string_view text);
std::string FormatPosition(const WaitPosition& position);

// "R", "RH": one letter a bit, in the order R W P E H C N; the last two are
// RDHUP (the peer closed its half) and NVAL (the handle is closed).
std::string Letters(Events events);
// "READ", "HANGUP": one word a bit, as JSON shows them.
std::vector<std::string> Words(Events events);

// The candidate that `word` is most likely a misspelling of; empty when none
// is near.
std::string Nearest(absl::string_view word,
                    const std::vector<std::string>& candidates);

}  // namespace farpoll::cli

#endif  // FARPOLL_CLIENT_CLI_SPEC_H_
