// The selectors of a session and what is registered with them.
#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/errno_status.h"
#include "server/policy/names.h"
#include "server/session/session.h"
#include "server/session/session_parts.h"

namespace farpoll::server {

Reactor::Callback Session::WakeCallback(std::int64_t selector_id) {
  return [weak = weak_from_this(), selector_id] {
    if (const std::shared_ptr<Session> session = weak.lock()) {
      session->OnSelectorReady(selector_id);
    }
  };
}

absl::StatusOr<Session::SelectorEntry*> Session::AddSelector(
    SelectorKind kind, absl::string_view name, bool hidden) {
  auto entry = std::make_unique<SelectorEntry>();
  entry->place = QuotaShare(QuotaOf(context_.account, &Account::selectors));
  if (const absl::Status room = entry->place.TryGrow(1, "max_selectors");
      !room.ok()) {
    return room;
  }
  const std::int64_t id = ++*context_.last_id;
  const std::int64_t most = context_.limits->max_selector_registrations;
  if (kind == SelectorKind::kKqueue) {
    auto queue = KeventQueue::Create(most, context_.handles, id);
    if (!queue.ok()) {
      return queue.status();
    }
    entry->queue = *std::move(queue);
    for (const auto& [handle_id, handle] : handles_) {
      if (handle.process != nullptr) {
        entry->queue->AddChild(handle_id, handle.fd.get());
      }
    }
    entry->source = entry->queue.get();
  } else {
    auto selector = Selector::Create(kind, most, id);
    if (!selector.ok()) {
      return selector.status();
    }
    entry->selector = *std::move(selector);
    entry->selector->CountReturnedIn(
        QuotaOf(context_.account, &Account::held_bytes));
    entry->source = entry->selector.get();
  }
  entry->id = id;
  entry->kind = kind;
  entry->name = std::string(name);
  entry->hidden = hidden;
  entry->source->CountChanges(&registration_changes_);
  entry->source->CountIn(QuotaOf(context_.account, &Account::registrations));
  entry->waiter = std::make_unique<Waiter>(
      entry->source, QuotaOf(context_.account, &Account::held_bytes));
  const absl::StatusOr<Reactor::WatchId> watch =
      context_.reactor->Watch(entry->source->fd(), WakeCallback(entry->id));
  if (!watch.ok()) {
    return watch.status();
  }
  entry->watch = *watch;
  hidden_selectors_ += hidden ? 1 : 0;
  SelectorEntry* const added = entry.get();
  selectors_.emplace(added->id, std::move(entry));
  return added;
}

absl::StatusOr<SelectorInfo> Session::CreateSelector(SelectorKind kind,
                                                     absl::string_view name) {
  if (const absl::Status good = CheckName(name, "name"); !good.ok()) {
    return good;
  }
  MutexLock lock(&mu_);
  if (const absl::Status alive = Alive(); !alive.ok()) {
    return alive;
  }
  if (selector_names_.contains(name)) {
    return MakeError(
        EEXIST, "NAME_TAKEN", name,
        absl::StrCat("the session has a selector named ", name, " already"));
  }
  const std::int64_t limit = context_.limits->max_session_selectors;
  if (static_cast<std::int64_t>(selectors_.size()) - hidden_selectors_ >=
      limit) {
    return LimitReached("max_session_selectors", limit, id_);
  }
  const absl::StatusOr<SelectorEntry*> entry = AddSelector(kind, name, false);
  if (!entry.ok()) {
    return entry.status();
  }
  if (!name.empty()) {
    selector_names_.emplace(name, (*entry)->id);
  }
  return Describe(**entry);
}

absl::StatusOr<Session::SelectorEntry*> Session::FindSelector(
    const Reference& reference) {
  if (const absl::Status alive = Alive(); !alive.ok()) {
    return alive;
  }
  std::int64_t id = reference.id;
  if (!reference.name.empty()) {
    const auto named = selector_names_.find(reference.name);
    id = named == selector_names_.end() ? 0 : named->second;
  }
  const auto it = selectors_.find(id);
  if (it == selectors_.end() || it->second->hidden) {
    return MakeError(ENOENT, "SELECTOR_UNKNOWN", reference.Text("selector"),
                     "the session has no such selector");
  }
  return it->second.get();
}

SelectorInfo Session::Describe(const SelectorEntry& entry) const {
  return SelectorInfo{.id = entry.id,
                      .name = entry.name,
                      .kind = entry.kind,
                      .registrations = entry.source->size(),
                      .waiting = entry.wait != 0 || !entry.controls.empty()};
}

absl::StatusOr<SelectorInfo> Session::GetSelector(const Reference& selector) {
  MutexLock lock(&mu_);
  const absl::StatusOr<SelectorEntry*> entry = FindSelector(selector);
  if (!entry.ok()) {
    return entry.status();
  }
  return Describe(**entry);
}

absl::StatusOr<std::vector<SelectorInfo>> Session::ListSelectors(
    std::int64_t after, std::size_t count) {
  MutexLock lock(&mu_);
  if (const absl::Status alive = Alive(); !alive.ok()) {
    return alive;
  }
  std::vector<SelectorInfo> list;
  for (auto it = selectors_.upper_bound(after);
       it != selectors_.end() && list.size() < count; ++it) {
    if (!it->second->hidden) {
      list.push_back(Describe(*it->second));
    }
  }
  return list;
}

void Session::EraseSelector(std::int64_t id) {
  const auto it = selectors_.find(id);
  SelectorEntry& entry = *it->second;
  while (!entry.polls.empty()) {
    EndWaitLocked(entry.polls.back());
  }
  if (entry.wait != 0) {
    EndWaitLocked(entry.wait);
  }
  while (!entry.controls.empty()) {
    EndWaitLocked(entry.controls.back());
  }
  entry.waiter->GiveUp();
  if (entry.selector != nullptr) {
    entry.selector->LeaveBytes();
  }
  TellReturned(*entry.waiter);
  context_.reactor->Unwatch(entry.watch);
  selector_names_.erase(entry.name);
  hidden_selectors_ -= entry.hidden ? 1 : 0;
  context_.account->weak_handles.Return(entry.weak_taken);
  ++registration_changes_;
  selectors_.erase(it);
}

void Session::TellReturned(Waiter& waiter) {
  for (const std::int64_t handle_id : waiter.TakeReturned()) {
    for (const auto& [selector_id, entry] : selectors_) {
      if (entry->selector != nullptr) {
        entry->selector->BytesReturned(handle_id);
      }
    }
  }
}

absl::Status Session::CloseSelector(const Reference& selector) {
  std::vector<std::weak_ptr<StreamSink>> ended;
  {
    MutexLock lock(&mu_);
    const absl::StatusOr<SelectorEntry*> entry = FindSelector(selector);
    if (!entry.ok()) {
      return entry.status();
    }
    Wakeups waiting;
    AddWaiters(**entry, &waiting);
    ended.assign(waiting.begin(), waiting.end());
    EraseSelector((*entry)->id);
  }
  TellEnded(ended, ClosedError(selector.Text("selector")));
  return absl::OkStatus();
}

absl::StatusOr<std::vector<ChangeOutcome>> Session::Apply(
    const Reference& selector, absl::Span<const Change> changes) {
  MutexLock lock(&mu_);
  const absl::StatusOr<SelectorEntry*> entry = FindSelector(selector);
  if (!entry.ok()) {
    return entry.status();
  }
  return ApplyLocked(**entry, changes);
}

absl::StatusOr<std::vector<ChangeOutcome>> Session::ApplyLocked(
    SelectorEntry& entry, absl::Span<const Change> changes) {
  const auto count = static_cast<std::int64_t>(changes.size());
  const std::int64_t limit = context_.limits->max_changes;
  if (count < 1 || count > limit) {
    return MakeError(EINVAL, "LIMIT_CHANGES", "items",
                     absl::StrCat(count, " items; there must be from 1 to ",
                                  limit, " (max_changes)"));
  }
  std::vector<ChangeOutcome> outcomes;
  outcomes.reserve(changes.size());
  for (const Change& change : changes) {
    outcomes.push_back(ApplyOne(entry, change));
  }
  return outcomes;
}

ChangeOutcome Session::ApplyOne(SelectorEntry& entry, const Change& change) {
  const bool kevent = change.kind == Change::Kind::kKevent;
  if (const absl::Status fits = CheckIsKqueue(entry, kevent); !fits.ok()) {
    return ChangeOutcome{0, fits};
  }
  if (kevent) {
    const absl::StatusOr<Kevent> resolved = Resolve(change);
    if (!resolved.ok()) {
      return ChangeOutcome{0, resolved.status()};
    }
    return ChangeOutcome{static_cast<std::int64_t>(resolved->ident),
                         ApplyKevent(entry, *resolved)};
  }
  const absl::StatusOr<Handle*> found = change.kind == Change::Kind::kRegister
                                            ? FindHeld(change.handle)
                                            : FindHandle(change.handle);
  if (!found.ok()) {
    return ChangeOutcome{0, found.status()};
  }
  Handle& handle = **found;
  const std::int64_t limit = context_.limits->max_event_bytes;
  if (change.interest.read_bytes > limit) {
    return ChangeOutcome{
        handle.id,
        MakeError(EINVAL, "LIMIT_EVENT_BYTES", "read_bytes",
                  absl::StrCat("read_bytes is ", change.interest.read_bytes,
                               "; it must be from 0 to ", limit,
                               " (max_event_bytes)"))};
  }
  if (change.interest.read_bytes != 0) {
    const absl::Status may_read =
        context_.authority->Authorize(owner_, Verb::kRead, "read_bytes");
    if (!may_read.ok()) {
      return ChangeOutcome{handle.id, may_read};
    }
  }
  Selector& selector = *entry.selector;
  switch (change.kind) {
    case Change::Kind::kRegister:
      // A Select answers with sets, not with events that could be held.
      return ChangeOutcome{
          handle.id,
          selector.Register(handle.id,
                            {.fd = handle.fd.get(),
                             .mark = entry.hidden ? nullptr : &handle.readiness,
                             .handle = &handle},
                            change.interest)};
    case Change::Kind::kModify:
      return ChangeOutcome{handle.id,
                           selector.Modify(handle.id, change.interest)};
    case Change::Kind::kUnregister:
      return ChangeOutcome{handle.id, selector.Unregister(handle.id)};
    case Change::Kind::kKevent:
      break;
  }
  return ChangeOutcome{handle.id, absl::InternalError("unknown change")};
}

absl::StatusOr<std::vector<RegistrationInfo>> Session::ListRegistrations(
    const Reference& selector, std::int64_t after, std::size_t count) {
  MutexLock lock(&mu_);
  const absl::StatusOr<SelectorEntry*> entry = FindSelector(selector);
  if (!entry.ok()) {
    return entry.status();
  }
  if (const absl::Status fits = CheckIsKqueue(**entry, false); !fits.ok()) {
    return fits;
  }
  std::vector<RegistrationInfo> list;
  for (const Registration& registration :
       (*entry)->selector->List(after, count)) {
    list.push_back(RegistrationInfo{registration,
                                    handles_.at(registration.handle_id).name});
  }
  return list;
}

absl::StatusOr<RegistrationInfo> Session::GetRegistration(
    const Reference& selector, const Reference& handle) {
  MutexLock lock(&mu_);
  const absl::StatusOr<SelectorEntry*> entry = FindSelector(selector);
  if (!entry.ok()) {
    return entry.status();
  }
  if (const absl::Status fits = CheckIsKqueue(**entry, false); !fits.ok()) {
    return fits;
  }
  const absl::StatusOr<Handle*> found = FindHandle(handle);
  if (!found.ok()) {
    return found.status();
  }
  const Registration* registration = (*entry)->selector->Find((*found)->id);
  if (registration == nullptr) {
    return MakeError(ENOENT, "NOT_REGISTERED", handle.Text("handle"),
                     "the handle is not registered with this selector");
  }
  return RegistrationInfo{*registration, (*found)->name};
}

}  // namespace farpoll::server
