// The kqueues of a session: their changes, and Control.
#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/errno_status.h"
#include "server/session/session.h"
#include "server/session/session_parts.h"

namespace farpoll::server {

absl::Status Session::CheckIsKqueue(const SelectorEntry& entry, bool kqueue) {
  if ((entry.queue != nullptr) == kqueue) {
    return absl::OkStatus();
  }
  return MakeError(EINVAL, "WRONG_KIND", absl::StrCat("selector ", entry.id),
                   kqueue ? "the selector is no kqueue: it takes no kevents"
                          : "the selector is a kqueue: it takes kevents only, "
                            "by Control or Wait");
}

absl::StatusOr<Kevent> Session::Resolve(const Change& change) {
  Kevent kevent = change.kevent;
  if (!change.handle.name.empty()) {
    const absl::StatusOr<Handle*> found = FindHandle(change.handle);
    if (!found.ok()) {
      return MakeError(EBADF, "HANDLE_UNKNOWN", change.handle.Text("handle"),
                       "the session has no such handle");
    }
    kevent.ident = static_cast<std::uint64_t>((*found)->id);
  }
  return kevent;
}

absl::StatusOr<std::int64_t> Session::ApplyKevent(SelectorEntry& entry,
                                                  const Kevent& kevent) {
  return entry.queue->Apply(
      kevent, [this](std::int64_t id)
                  ABSL_NO_THREAD_SAFETY_ANALYSIS { return TargetOf(id); });
}

absl::StatusOr<std::vector<TakenKevent>> Session::ApplyControl(
    SelectorEntry& entry, const ControlRequest& request) {
  const auto apply = [&](std::size_t i)
                         ABSL_NO_THREAD_SAFETY_ANALYSIS -> AppliedKevent {
    const Change& change = request.changes[i];
    const absl::StatusOr<Kevent> kevent = Resolve(change);
    return kevent.ok()
               ? AppliedKevent{*kevent, ApplyKevent(entry, *kevent).status()}
               : AppliedKevent{change.kevent, kevent.status()};
  };
  return ApplyInTurn(request.changes.size(), RoomOf(request), apply);
}

std::size_t Session::RoomOf(const ControlRequest& request) const {
  return static_cast<std::size_t>(
      std::min(request.max_events, RoomInAnswer(request.with_names)));
}

absl::StatusOr<Session::ControlStart> Session::BeginControl(
    const ControlRequest& request, std::weak_ptr<WaitSink> sink) {
  const absl::StatusOr<absl::Duration> timeout =
      CheckTimeout(SelectorKind::kKqueue, request.timeout);
  if (!timeout.ok()) {
    return timeout.status();
  }
  if (const absl::Status bounded = CheckBounds(request); !bounded.ok()) {
    return bounded;
  }
  const bool may_wait =
      request.max_events > 0 && *timeout != absl::ZeroDuration();
  MutexLock lock(&mu_);
  const absl::StatusOr<SelectorEntry*> entry = FindSelector(request.selector);
  if (!entry.ok()) {
    return entry.status();
  }
  if (const absl::Status fits = CheckIsKqueue(**entry, true); !fits.ok()) {
    return fits;
  }
  // First, since the changes cannot be taken back.
  const absl::StatusOr<StreamId> id =
      may_wait ? AttachLocked(sink) : absl::StatusOr<StreamId>(0);
  if (!id.ok()) {
    return id.status();
  }
  absl::StatusOr<Result> now = ControlNow(**entry, request);
  if (!now.ok() || !now->empty() || !may_wait) {
    if (may_wait) {
      DetachLocked(*id);
    }
    if (!now.ok()) {
      return now.status();
    }
    return ControlStart{.answer = NameControl(*std::move(now), request)};
  }
  auto wait = std::make_unique<Wait>();
  wait->id = *id;
  wait->selector_id = (*entry)->id;
  wait->sink = std::move(sink);
  wait->single = true;
  wait->with_names = request.with_names;
  wait->control = true;
  wait->max_events = RoomOf(request);
  wait->deadline = DeadlineAfter(now->sampled_at, *timeout);
  waits_.emplace(*id, std::move(wait));
  (*entry)->controls.push_back(*id);
  return ControlStart{.wait = *id};
}

NamedResult Session::NameControl(Result result, const ControlRequest& request) {
  NamedResult named = Name(std::move(result), request.with_names);
  for (std::size_t i = 0; i < named.names.size(); ++i) {
    const TakenKevent& taken = named.result.kevents[i];
    if ((taken.event.flags & ev::kError) != 0 && taken.handle_id == 0) {
      named.names[i] = request.changes[taken.change].handle.name;
    }
  }
  return named;
}

absl::StatusOr<Result> Session::ControlNow(SelectorEntry& entry,
                                           const ControlRequest& request) {
  Result now;
  absl::StatusOr<std::vector<TakenKevent>> entries =
      ApplyControl(entry, request);
  if (!entries.ok()) {
    return entries.status();
  }
  now.kevents = *std::move(entries);
  if (now.empty() && request.max_events > 0) {
    entry.source->Collect(RoomOf(request), &now);
  }
  now.sampled_at = context_.clock->Now();
  return now;
}

absl::Status Session::CheckBounds(const ControlRequest& request) const {
  const Limits& limits = *context_.limits;
  if (const absl::Status room = CheckRoom(request.max_events, kMostRoom);
      !room.ok()) {
    return room;
  }
  if (static_cast<std::int64_t>(request.changes.size()) > limits.max_changes) {
    return MakeError(
        EINVAL, "LIMIT_CHANGES", "changes",
        absl::StrCat(request.changes.size(), " changes; there may be up to ",
                     limits.max_changes, " (max_changes)"));
  }
  return absl::OkStatus();
}

absl::optional<Result> Session::TakeControl(const Wait& wait) {
  Result result;
  result.sampled_at = context_.clock->Now();
  SelectorOf(wait).source->Collect(wait.max_events, &result);
  if (!result.empty()) {
    return result;
  }
  result.timed_out = result.sampled_at >= wait.deadline;
  return result.timed_out ? absl::optional<Result>(std::move(result))
                          : absl::nullopt;
}

}  // namespace farpoll::server
