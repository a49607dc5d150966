// Polls that find another wait in progress on their selector. That wait is
// often over for its client, who cancelled it or got its answer, and only its
// end has not come through yet. So a Poll waits a little for it before it is
// refused.
#include <algorithm>
#include <utility>

#include "server/session/session.h"
#include "server/session/session_parts.h"

namespace farpoll::server {

void Session::BeginBeside(SelectorEntry& entry, Wait& wait,
                          const WaitOptions& options) {
  entry.polls.push_back(wait.id);
  wait.max_events = options.max_events;
  if (options.timeout == absl::ZeroDuration()) {
    wait.looks = true;
    return;
  }
  wait.asked_at = context_.clock->Now();
  wait.queued = options;
  // However short its timeout is: a Poll that may begin late is better off than
  // one that is refused.
  wait.deadline = DeadlineAfter(
      wait.asked_at, absl::Milliseconds(context_.limits->busy_patience_ms));
  wait.timer = context_.reactor->RunAt(wait.deadline, WakeCallback(entry.id));
}

void Session::BeginNextPoll(SelectorEntry& entry) {
  const auto next =
      std::find_if(entry.polls.begin(), entry.polls.end(),
                   [this](StreamId id) ABSL_NO_THREAD_SAFETY_ANALYSIS {
                     return FindWait(id)->queued.has_value();
                   });
  if (next == entry.polls.end()) {
    return;
  }
  Wait& wait = *FindWait(*next);
  entry.polls.erase(next);
  entry.wait = wait.id;
  context_.reactor->Cancel(std::exchange(wait.timer, 0));
  // Its timeout runs from the receipt of the request. This cannot fail: no
  // wait is active, and one credit is always within bounds.
  (void)entry.waiter->Begin(
      *std::exchange(wait.queued, absl::nullopt), wait.asked_at,
      [this](std::int64_t handle_id)
          ABSL_NO_THREAD_SAFETY_ANALYSIS { return TargetOf(handle_id); });
  TellReturned(*entry.waiter);
  context_.reactor->Post(WakeCallback(entry.id));
}

std::vector<std::weak_ptr<StreamSink>> Session::DropLatePolls(
    SelectorEntry& entry) {
  std::vector<std::weak_ptr<StreamSink>> sinks;
  const MonotonicTime now = context_.clock->Now();
  const std::vector<StreamId> polls = entry.polls;
  for (const StreamId id : polls) {
    const Wait& wait = *FindWait(id);
    if (wait.queued.has_value() && now >= wait.deadline) {
      sinks.push_back(wait.sink);
      EndWaitLocked(id);
    }
  }
  return sinks;
}

Result Session::LookBeside(const Wait& wait) {
  Result result;
  result.looked = true;
  result.sampled_at = context_.clock->Now();
  // Should it fail, nothing is seen, as where nothing is ready.
  (void)SelectorOf(wait).selector->Look(wait.max_events, &result);
  result.timed_out = result.empty();
  return result;
}

}  // namespace farpoll::server
