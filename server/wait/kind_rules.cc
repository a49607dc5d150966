#include "server/wait/kind_rules.h"

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "base/errno_status.h"
#include "selector/poll_rules.h"
#include "selector/select_rules.h"
#include "selector/selector_rules.h"

namespace farpoll::server {
namespace {

// The bits that a kind takes: one for each of its sets or directions.
constexpr Events AskableEvents(SelectorKind kind) {
  switch (kind) {
    case SelectorKind::kSelect:
      return kIn | kOut | kPriority;
    case SelectorKind::kDefault:
      return kIn | kOut;
    case SelectorKind::kPoll:
    case SelectorKind::kKqueue:
      break;
  }
  return 0;
}

Events SelectReported(Events seen, Events asked) {
  Events reported = seen & kInvalid;
  if ((asked & kIn) != 0 && (seen & kSelectReadReady) != 0) {
    reported |= kIn;
  }
  if ((asked & kOut) != 0 && (seen & kSelectWriteReady) != 0) {
    reported |= kOut;
  }
  if ((asked & kPriority) != 0 && (seen & kSelectExceptReady) != 0) {
    reported |= kPriority;
  }
  return reported;
}

SelectorEvents ToSelectorEvents(Events asked) {
  return ((asked & kIn) != 0 ? kEventRead : 0) |
         ((asked & kOut) != 0 ? kEventWrite : 0);
}

}  // namespace

absl::StatusOr<Events> CheckEvents(SelectorKind kind,
                                   absl::optional<std::int64_t> asked) {
  if (kind == SelectorKind::kPoll) {
    return ValidatePollMask(asked.value_or(kPollDefaultEvents));
  }
  const absl::StatusOr<Events> mask = ValidatePollMask(asked.value_or(0));
  if (mask.ok() && (*mask == 0 || (*mask & ~AskableEvents(kind)) != 0)) {
    return MakeError(
        EINVAL, "", "events",
        absl::StrCat("invalid events ", *mask, ": this kind of selector takes ",
                     EventsToString(AskableEvents(kind)), " or a part of it"));
  }
  return mask;
}

Events ReportedEvents(SelectorKind kind, Events seen, Events asked) {
  switch (kind) {
    case SelectorKind::kPoll:
      return seen;
    case SelectorKind::kSelect:
      return SelectReported(seen, asked);
    case SelectorKind::kKqueue:
      break;
    case SelectorKind::kDefault:
      return PollEventsOf(SelectorEventsOf(seen, ToSelectorEvents(asked)));
  }
  return 0;
}

bool RegisterReplaces(SelectorKind kind) { return kind == SelectorKind::kPoll; }

absl::StatusOr<absl::Duration> CheckTimeout(SelectorKind kind,
                                            Timeout timeout) {
  switch (kind) {
    case SelectorKind::kPoll:
      return PollTimeout(timeout);
    case SelectorKind::kSelect:
    case SelectorKind::kKqueue:  // kevent(2) judges as select(2) does
      return SelectTimeout(timeout);
    case SelectorKind::kDefault:
      return SelectorTimeout(timeout);
  }
  return absl::InternalError("unknown kind of selector");
}

}  // namespace farpoll::server
