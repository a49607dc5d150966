// The waits of a session: Wait streams, Polls, and Selects.
#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/errno_status.h"
#include "server/session/session.h"
#include "server/session/session_parts.h"

namespace farpoll::server {
namespace {

// A result of a stream has at most such a part of the events that may be
// unacknowledged, so that the message which is being sent is small beside what
// is kept.
constexpr std::size_t kResultShare = 16;

}  // namespace

absl::StatusOr<StreamId> Session::BeginWait(const WaitRequest& request,
                                            std::weak_ptr<WaitSink> sink) {
  std::vector<std::weak_ptr<StreamSink>> displaced;
  absl::StatusOr<StreamId> begun = 0;
  {
    MutexLock lock(&mu_);
    const absl::StatusOr<SelectorEntry*> entry = FindSelector(request.selector);
    if (!entry.ok()) {
      return entry.status();
    }
    const Wait* const before = FindWait((*entry)->wait);
    if (before != nullptr && request.take_over) {
      displaced.push_back(before->sink);
    }
    begun = BeginWaitLocked(**entry, request, std::move(sink));
  }
  if (begun.ok()) {
    TellEnded(displaced,
              MakeError(absl::StatusCode::kAborted, EBUSY, "TAKEN_OVER",
                        request.selector.Text("selector"),
                        "another wait took the selector over"));
  }
  return begun;
}

absl::StatusOr<StreamId> Session::BeginWaitLocked(
    SelectorEntry& entry, const WaitRequest& request,
    std::weak_ptr<WaitSink> sink) {
  if (request.single) {  // a Poll: a kqueue has Control for that
    if (const absl::Status fits = CheckIsKqueue(entry, false); !fits.ok()) {
      return fits;
    }
  }
  const std::int64_t most_events = entry.hidden ? request.max_events
                                   : request.single
                                       ? RoomInAnswer(request.with_names)
                                       : context_.limits->max_events;
  absl::Status good =
      CheckRoom(request.max_events, request.single ? kMostRoom : most_events);
  good.Update(CheckPace(request));
  if (!good.ok()) {
    return good;
  }
  const absl::StatusOr<absl::Duration> timeout =
      CheckTimeout(entry.kind, request.timeout);
  if (!timeout.ok()) {
    return timeout.status();
  }
  const absl::StatusOr<StreamId> id = AttachLocked(sink);
  if (!id.ok()) {
    return id;
  }
  const WaitOptions options = OptionsOf(request, *timeout, most_events);
  auto wait = std::make_unique<Wait>();
  wait->id = *id;
  wait->selector_id = entry.id;
  wait->sink = std::move(sink);
  wait->single = request.single;
  wait->with_names = request.with_names;
  if (request.single && entry.wait != 0 && !request.take_over) {
    BeginBeside(entry, *wait, options);
    waits_.emplace(*id, std::move(wait));
    return id;
  }
  const absl::Status begun = entry.waiter->Begin(
      options, context_.clock->Now(),
      [this](std::int64_t handle_id)
          ABSL_NO_THREAD_SAFETY_ANALYSIS { return TargetOf(handle_id); });
  if (!begun.ok()) {
    DetachLocked(*id);
    return begun;
  }
  DropWait(entry.wait);  // taken over
  TellReturned(*entry.waiter);
  waits_.emplace(*id, std::move(wait));
  entry.wait = *id;
  return id;
}

WaitOptions Session::OptionsOf(const WaitRequest& request,
                               absl::Duration timeout,
                               std::int64_t most_events) const {
  const Limits& limits = *context_.limits;
  const auto asked = static_cast<std::size_t>(
      request.max_events == 0 ? most_events
                              : std::min(request.max_events, most_events));
  const auto unacked = static_cast<std::size_t>(limits.max_unacked_events);
  // The one result of a Poll is not kept, and is sent whole.
  const std::size_t max_events =
      request.single
          ? asked
          : std::min(asked, std::max<std::size_t>(unacked / kResultShare, 1));
  return WaitOptions{
      .credits = request.credits,
      .max_credits = limits.max_credits,
      .max_events = max_events,
      .max_unacked_events = request.single ? max_events : unacked,
      .max_result_bytes = request.single ? 0 : limits.max_result_bytes,
      .max_unacked_bytes = limits.max_unacked_bytes,
      .timeout = timeout,
      .batch_delay = request.batch_delay,
      .progress_interval =
          request.progress_interval.value_or(absl::InfiniteDuration()),
      .take_over = request.take_over,
      .resume_after = request.resume_after};
}

absl::Status Session::CheckRoom(std::int64_t max_events, std::int64_t most) {
  if (max_events >= 0 && max_events <= most) {
    return absl::OkStatus();
  }
  return MakeError(EINVAL, "LIMIT_EVENTS", "max_events",
                   absl::StrCat("max_events is ", max_events,
                                "; it must be from 0 to ", most));
}

std::int64_t Session::RoomInAnswer(bool with_names) const {
  return context_.limits->max_answer_bytes /
         (kMostEventBytes + (with_names ? kMostNameBytes : 0));
}

absl::Status Session::CheckPace(const WaitRequest& request) const {
  const absl::Duration longest =
      absl::Milliseconds(context_.limits->max_batch_delay_ms);
  if (request.batch_delay < absl::ZeroDuration() ||
      request.batch_delay > longest) {
    return MakeError(
        EINVAL, "LIMIT_BATCH_DELAY", "max_batch_delay",
        absl::StrCat("max_batch_delay is ",
                     absl::FormatDuration(request.batch_delay),
                     "; it must be from 0 to ", absl::FormatDuration(longest),
                     " (max_batch_delay_ms)"));
  }
  const absl::Duration shortest =
      absl::Milliseconds(context_.limits->min_progress_ms);
  if (request.progress_interval.value_or(shortest) < shortest) {
    return MakeError(
        EINVAL, "LIMIT_PROGRESS_INTERVAL", "progress_interval",
        absl::StrCat("progress_interval is ",
                     absl::FormatDuration(*request.progress_interval),
                     "; it must be ", absl::FormatDuration(shortest),
                     " at least (min_progress_ms)"));
  }
  return absl::OkStatus();
}

Session::Wait* Session::FindWait(StreamId id) {
  const auto it = waits_.find(id);
  return it == waits_.end() ? nullptr : it->second.get();
}

Session::SelectorEntry& Session::SelectorOf(const Wait& wait) {
  return *selectors_.at(wait.selector_id);
}

absl::optional<Result> Session::TakeLocked(Wait& wait) {
  if (wait.looks) {
    return LookBeside(wait);
  }
  if (wait.queued.has_value()) {
    return absl::nullopt;
  }
  Waiter& waiter = *SelectorOf(wait).waiter;
  const MonotonicTime now = context_.clock->Now();
  absl::optional<Result> result = wait.control  ? TakeControl(wait)
                                  : wait.single ? waiter.TakeOnly(now)
                                                : waiter.Take(now);
  if (!result.has_value()) {
    Arm(wait);
  }
  return result;
}

void Session::Arm(Wait& wait) {
  SelectorEntry& entry = SelectorOf(wait);
  if (wait.control || entry.waiter->wants_readiness()) {
    context_.reactor->Arm(entry.watch);
  }
  const MonotonicTime deadline =
      wait.control ? wait.deadline : entry.waiter->deadline();
  if (deadline == wait.timer_at) {
    return;
  }
  context_.reactor->Cancel(wait.timer);
  wait.timer_at = deadline;
  wait.timer = deadline == kNever
                   ? 0
                   : context_.reactor->RunAt(deadline, WakeCallback(entry.id));
}

void Session::OnSelectorReady(std::int64_t selector_id) {
  Wakeups wakeups;
  std::vector<std::weak_ptr<StreamSink>> refused;
  {
    MutexLock lock(&mu_);
    const auto it = selectors_.find(selector_id);
    if (it == selectors_.end()) {
      return;
    }
    refused = DropLatePolls(*it->second);
    AddWaiters(*it->second, &wakeups);
  }
  TellEnded(refused, WaitInProgress());
  Wake(wakeups);
}

void Session::AddWaiters(const SelectorEntry& entry, Wakeups* sinks) {
  if (const Wait* wait = FindWait(entry.wait)) {
    sinks->push_back(wait->sink);
  }
  for (const auto* const others : {&entry.polls, &entry.controls}) {
    for (const StreamId id : *others) {
      sinks->push_back(FindWait(id)->sink);
    }
  }
}

absl::optional<NamedResult> Session::TakeResult(StreamId wait_id) {
  MutexLock lock(&mu_);
  Wait* const wait = FindWait(wait_id);
  if (wait == nullptr) {
    return absl::nullopt;
  }
  absl::optional<Result> result = TakeLocked(*wait);
  if (!result.has_value()) {
    return absl::nullopt;
  }
  NamedResult named = Name(*std::move(result), wait->with_names);
  if (wait->single) {
    EndWaitLocked(wait_id);
  }
  return named;
}

NamedResult Session::Name(Result result, bool with_names) {
  NamedResult named;
  if (with_names) {
    const auto add = [&](std::int64_t id) ABSL_NO_THREAD_SAFETY_ANALYSIS {
      const auto handle = handles_.find(id);
      named.names.push_back(handle == handles_.end() ? ""
                                                     : handle->second.name);
    };
    for (const ReadyEvent& event : result.events) {
      add(event.handle_id);
    }
    for (const TakenKevent& taken : result.kevents) {
      add(taken.handle_id);
    }
  }
  named.exits = ExitsIn(result);
  named.result = std::move(result);
  return named;
}

std::vector<std::pair<std::size_t, ExitStatus>> Session::ExitsIn(
    const Result& result) {
  std::vector<std::pair<std::size_t, ExitStatus>> exits;
  for (std::size_t i = 0; processes_ != 0 && i < result.events.size(); ++i) {
    const auto handle = handles_.find(result.events[i].handle_id);
    if (handle == handles_.end() || handle->second.process == nullptr) {
      continue;
    }
    if (const auto exit = ExitOf(handle->second.fd.get()); exit.has_value()) {
      exits.emplace_back(i, *exit);
    }
  }
  return exits;
}

bool Session::HasCredit(StreamId wait_id) {
  MutexLock lock(&mu_);
  const Wait* const wait = FindWait(wait_id);
  return wait != nullptr && SelectorOf(*wait).waiter->has_credit();
}

absl::Status Session::Grant(StreamId wait_id, std::int64_t acknowledge,
                            std::int64_t credits) {
  MutexLock lock(&mu_);
  const Wait* const wait = FindWait(wait_id);
  if (wait == nullptr) {
    return ClosedError("wait");
  }
  return SelectorOf(*wait).waiter->Grant(acknowledge, credits,
                                         context_.clock->Now());
}

absl::StatusOr<std::vector<ChangeOutcome>> Session::ApplyInWait(
    StreamId wait_id, absl::Span<const Change> changes) {
  MutexLock lock(&mu_);
  const Wait* const wait = FindWait(wait_id);
  if (wait == nullptr) {
    return ClosedError("wait");
  }
  return ApplyLocked(SelectorOf(*wait), changes);
}

void Session::EndWait(StreamId wait_id) {
  MutexLock lock(&mu_);
  EndWaitLocked(wait_id);
}

std::unique_ptr<Session::Wait> Session::DropWait(StreamId wait_id) {
  const auto it = waits_.find(wait_id);
  if (it == waits_.end()) {
    return nullptr;
  }
  std::unique_ptr<Wait> wait = std::move(it->second);
  waits_.erase(it);
  context_.reactor->Cancel(wait->timer);
  DetachLocked(wait_id);
  return wait;
}

void Session::EndWaitLocked(StreamId wait_id) {
  const std::unique_ptr<Wait> wait = DropWait(wait_id);
  if (wait == nullptr) {
    return;
  }
  SelectorEntry& entry = SelectorOf(*wait);
  if (wait_id == entry.wait) {
    entry.wait = 0;
    entry.waiter->End();
    BeginNextPoll(entry);
  } else {
    auto& others = wait->control ? entry.controls : entry.polls;
    others.erase(std::find(others.begin(), others.end(), wait_id));
  }
  if (entry.hidden) {
    EraseSelector(entry.id);
  }
}

void Session::GiveBack(const Reference& selector, const Result& result) {
  if (result.looked) {
    return;
  }
  Wakeups wakeups;
  {
    MutexLock lock(&mu_);
    const absl::StatusOr<SelectorEntry*> entry = FindSelector(selector);
    if (!entry.ok()) {
      return;
    }
    (*entry)->waiter->Restore(
        result, [this](std::int64_t handle_id) ABSL_NO_THREAD_SAFETY_ANALYSIS {
          return TargetOf(handle_id);
        });
    AddWaiters(**entry, &wakeups);
  }
  Wake(wakeups);
}

// ---- Select.

SelectSets Session::SelectLists::Pick(const std::vector<Events>& seen) const {
  const auto pick = [&seen](const std::vector<std::size_t>& list, Events bit) {
    std::vector<std::int32_t> positions;
    for (std::size_t i = 0; i < list.size(); ++i) {
      if ((seen[list[i]] & bit) != 0) {
        positions.push_back(static_cast<std::int32_t>(i));
      }
    }
    return positions;
  };
  return SelectSets{pick(read, kIn), pick(write, kOut),
                    pick(except, kPriority)};
}

absl::StatusOr<Session::SelectLists> Session::Resolve(
    const SelectRequest& request) {
  SelectLists lists;
  absl::flat_hash_map<std::int64_t, std::size_t> position;
  const auto add = [&](const std::vector<Reference>& references, Events bit,
                       std::vector<std::size_t>* list) -> absl::Status {
    for (const Reference& reference : references) {
      const auto found = [&]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
        return FindHeld(reference);
      }();
      if (!found.ok()) {
        return found.status();
      }
      const auto [it, fresh] =
          position.emplace((*found)->id, lists.members.size());
      if (fresh) {
        lists.members.push_back(
            {(*found)->id, (*found)->fd.get(), 0, HasReturned(**found)});
      }
      lists.members[it->second].asked |= bit;
      list->push_back(it->second);
    }
    return absl::OkStatus();
  };
  absl::Status status = Alive();
  status.Update(add(request.read, kIn, &lists.read));
  status.Update(add(request.write, kOut, &lists.write));
  status.Update(add(request.except, kPriority, &lists.except));
  if (!status.ok()) {
    return status;
  }
  return lists;
}

absl::StatusOr<SelectSets> Session::LookOnce(const SelectLists& lists) {
  std::vector<pollfd> entries;
  entries.reserve(lists.members.size());
  for (const SelectLists::Member& member : lists.members) {
    entries.push_back(pollfd{member.fd, static_cast<short>(member.asked), 0});
  }
  if (poll(entries.data(), entries.size(), 0) < 0) {
    return ErrnoStatus(errno, "poll");
  }
  std::vector<Events> seen;
  seen.reserve(entries.size());
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const int returned = lists.members[i].has_returned ? POLLIN : 0;
    const Events asked = lists.members[i].asked;
    seen.push_back(ReportedEvents(
        SelectorKind::kSelect,
        static_cast<Events>(entries[i].revents | (returned & asked)), asked));
  }
  return lists.Pick(seen);
}

absl::StatusOr<Session::SelectStart> Session::BeginSelect(
    const SelectRequest& request, std::weak_ptr<WaitSink> sink) {
  const absl::StatusOr<absl::Duration> timeout =
      CheckTimeout(SelectorKind::kSelect, request.timeout);
  if (!timeout.ok()) {
    return timeout.status();
  }
  const std::int64_t limit = context_.limits->max_selector_registrations;
  if (static_cast<std::int64_t>(request.read.size() + request.write.size() +
                                request.except.size()) > limit) {
    return LimitReached("max_selector_registrations", limit, "Select");
  }
  MutexLock lock(&mu_);
  absl::StatusOr<SelectLists> lists = Resolve(request);
  if (!lists.ok()) {
    return lists.status();
  }
  absl::StatusOr<SelectSets> now = LookOnce(*lists);
  if (!now.ok() || !now->empty() || *timeout == absl::ZeroDuration()) {
    if (!now.ok()) {
      return now.status();
    }
    return SelectStart{.answer = *std::move(now)};
  }
  const absl::StatusOr<SelectorEntry*> entry =
      AddSelector(SelectorKind::kSelect, "", /*hidden=*/true);
  if (!entry.ok()) {
    return entry.status();
  }
  for (const SelectLists::Member& member : lists->members) {
    const ChangeOutcome outcome = ApplyOne(
        **entry, Change{.kind = Change::Kind::kRegister,
                        .handle = {.id = member.handle_id},
                        .interest = {.events = std::int64_t{member.asked}}});
    if (!outcome.generation.ok()) {
      EraseSelector((*entry)->id);
      return outcome.generation.status();
    }
  }
  const absl::StatusOr<StreamId> wait = BeginWaitLocked(
      **entry,
      WaitRequest{
          .max_events = static_cast<std::int64_t>(lists->members.size()),
          .timeout = request.timeout,
          .single = true},
      std::move(sink));
  if (!wait.ok()) {
    EraseSelector((*entry)->id);
    return wait.status();
  }
  FindWait(*wait)->lists = std::make_unique<SelectLists>(*std::move(lists));
  return SelectStart{.wait = *wait};
}

absl::optional<absl::StatusOr<SelectSets>> Session::TakeSelect(
    StreamId wait_id) {
  MutexLock lock(&mu_);
  Wait* const wait = FindWait(wait_id);
  if (wait == nullptr) {
    return absl::nullopt;
  }
  const absl::optional<Result> result = TakeLocked(*wait);
  if (!result.has_value()) {
    return absl::nullopt;
  }
  const std::unique_ptr<SelectLists> lists = std::move(wait->lists);
  EndWaitLocked(wait_id);
  absl::flat_hash_map<std::int64_t, Events> events;
  for (const ReadyEvent& event : result->events) {
    if ((event.events & kInvalid) != 0) {
      return absl::StatusOr<SelectSets>(MakeError(
          EBADF, "HANDLE_CLOSED", absl::StrCat("handle ", event.handle_id),
          "a handle of the lists was closed during the wait"));
    }
    events[event.handle_id] = event.events;
  }
  std::vector<Events> seen;
  for (const SelectLists::Member& member : lists->members) {
    const auto it = events.find(member.handle_id);
    seen.push_back(it == events.end() ? Events{0} : it->second);
  }
  return absl::StatusOr<SelectSets>(lists->Pick(seen));
}

}  // namespace farpoll::server
