// The handles of a session: making, using, listing and closing them.
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/errno_status.h"
#include "server/policy/names.h"
#include "server/session/session.h"
#include "server/session/session_parts.h"

namespace farpoll::server {
namespace {

bool ClosingMayBlock(const Handle& handle) {
  return InfoOf(handle.kind).closing == Closing::kMayBlock;
}

absl::optional<ProcessInfo> DescribeProcess(const Handle& handle) {
  if (handle.process == nullptr) {
    return absl::nullopt;
  }
  return ProcessInfo{*handle.process, ExitOf(handle.fd.get())};
}

}  // namespace

absl::Status Session::CheckNewNames(
    absl::Span<const FieldAndName> fields_and_names) {
  if (const absl::Status alive = Alive(); !alive.ok()) {
    return alive;
  }
  absl::string_view before;
  for (const auto& [field, name] : fields_and_names) {
    if (const absl::Status good = CheckName(name, field); !good.ok()) {
      return good;
    }
    if (!name.empty() && (handle_names_.contains(name) || name == before)) {
      return MakeError(
          EEXIST, "NAME_TAKEN", name,
          absl::StrCat("the session has a handle named ", name, " already"));
    }
    before = name;
  }
  return absl::OkStatus();
}

absl::Status Session::CheckNewHandles(
    absl::Span<const FieldAndName> fields_and_names) {
  if (const absl::Status good = CheckNewNames(fields_and_names); !good.ok()) {
    return good;
  }
  const auto count = static_cast<std::int64_t>(fields_and_names.size());
  const std::int64_t limit = context_.limits->max_session_handles;
  const auto held = static_cast<std::int64_t>(handles_.size()) - weak_handles_;
  if (held + reserved_handles_ + count > limit) {
    return LimitReached("max_session_handles", limit, id_);
  }
  return context_.handles->TryTake(count, "max_handles");
}

absl::StatusOr<std::pair<HandleInfo, HandleInfo>> Session::AddPair(
    absl::StatusOr<DescriptorPair> descriptors, Handle first, Handle second) {
  if (!descriptors.ok()) {
    context_.handles->Return(2);
    return descriptors.status();
  }
  first.fd = std::move(descriptors->first);
  second.fd = std::move(descriptors->second);
  Handle& one = AddHandle(std::move(first));
  Handle& two = AddHandle(std::move(second));
  one.peer_id = two.id;
  two.peer_id = one.id;
  return std::make_pair(Describe(one), Describe(two));
}

Handle& Session::AddHandle(Handle handle) {
  const std::int64_t id = ++*context_.last_id;
  handle.id = id;
  handle.created = context_.clock->Now();
  if (ClosingMayBlock(handle)) {
    handle.fd.CloseBy(closer_.get());
  }
  if (!handle.name.empty()) {
    handle_names_.emplace(handle.name, id);
  }
  Handle& added =
      handles_.emplace_hint(handles_.end(), id, std::move(handle))->second;
  if (added.process != nullptr) {
    for (const auto& [selector_id, entry] : selectors_) {
      if (entry->queue != nullptr) {
        entry->queue->AddChild(id, added.fd.get());
      }
    }
  }
  return added;
}

absl::StatusOr<HandleInfo> Session::MakeHandle(absl::string_view name,
                                               HandleMaker make) {
  const absl::Status free = CheckNewHandles({{"name", name}});
  if (!free.ok()) {
    return free;
  }
  absl::StatusOr<Handle> handle = make();
  if (!handle.ok()) {
    context_.handles->Return(1);
    return handle.status();
  }
  handle->name = std::string(name);
  return Describe(AddHandle(*std::move(handle)));
}

absl::StatusOr<std::pair<HandleInfo, HandleInfo>> Session::CreatePipe(
    absl::string_view reader_name, absl::string_view writer_name,
    std::int64_t capacity_bytes) {
  const absl::Status good = CheckByteCount("capacity_bytes", capacity_bytes, 0,
                                           context_.limits->max_pipe_bytes);
  if (!good.ok()) {
    return good;
  }
  MutexLock lock(&mu_);
  const absl::Status free = CheckNewHandles(
      {{"reader_name", reader_name}, {"writer_name", writer_name}});
  if (!free.ok()) {
    return free;
  }
  return AddPair(
      MakePipe(capacity_bytes),
      Handle{.name = std::string(reader_name), .kind = HandleKind::kPipeReader},
      Handle{.name = std::string(writer_name),
             .kind = HandleKind::kPipeWriter});
}

absl::StatusOr<std::pair<HandleInfo, HandleInfo>> Session::CreateSocketPair(
    absl::string_view first_name, absl::string_view second_name, int type) {
  MutexLock lock(&mu_);
  const absl::Status free = CheckNewHandles(
      {{"first_name", first_name}, {"second_name", second_name}});
  if (!free.ok()) {
    return free;
  }
  return AddPair(MakeSocketPair(type),
                 Handle{.name = std::string(first_name),
                        .kind = HandleKind::kSocket,
                        .socket_type = type},
                 Handle{.name = std::string(second_name),
                        .kind = HandleKind::kSocket,
                        .socket_type = type});
}

absl::StatusOr<Handle*> Session::FindHandle(const Reference& reference) {
  if (const absl::Status alive = Alive(); !alive.ok()) {
    return alive;
  }
  std::int64_t id = reference.id;
  if (!reference.name.empty()) {
    const auto named = handle_names_.find(reference.name);
    id = named == handle_names_.end() ? 0 : named->second;
  }
  const auto it = handles_.find(id);
  if (it == handles_.end()) {
    return MakeError(ENOENT, "HANDLE_UNKNOWN", reference.Text("handle"),
                     "the session has no such handle");
  }
  return &it->second;
}

absl::StatusOr<Handle*> Session::FindHeld(const Reference& reference) {
  absl::StatusOr<Handle*> found = FindHandle(reference);
  if (found.ok() && (*found)->kind == HandleKind::kWeak) {
    return MakeError(EBADF, "WEAK_HANDLE", (*found)->Text(),
                     "the server holds no copy of this descriptor: it reports "
                     "where it is registered, and that is all");
  }
  return found;
}

Target Session::TargetOf(std::int64_t handle_id) {
  const auto it = handles_.find(handle_id);
  if (it == handles_.end()) {
    return {};
  }
  Handle& handle = it->second;
  return {.fd = handle.fd.get(),
          .pid = handle.process != nullptr ? handle.process->pid : 0,
          .mark = &handle.readiness,
          .handle = &handle};
}

std::size_t Session::RegistrationsOf(std::int64_t handle_id) const {
  return static_cast<std::size_t>(std::count_if(
      selectors_.begin(), selectors_.end(), [handle_id](const auto& item) {
        const SelectorEntry& entry = *item.second;
        return !entry.hidden && entry.source->Has(handle_id);
      }));
}

HandleInfo Session::Describe(const Handle& handle) {
  HandleInfo info{
      .id = handle.id,
      .name = handle.name,
      .kind = handle.kind,
      .peer_id = handles_.contains(handle.peer_id) ? handle.peer_id : 0,
      .ready = SampleReadiness(handle),
      .readable_bytes = ReadableBytes(handle),
      .bytes_read = handle.bytes_read,
      .bytes_written = handle.bytes_written,
      .registrations = RegistrationsOf(handle.id),
      .age = absl::FromChrono(context_.clock->Now() - handle.created),
      .readiness = handle.readiness,
      .path = handle.path,
      .process = DescribeProcess(handle)};
  if (handle.is_socket()) {
    info.socket = DescribeSocket(handle);
  }
  if (handle.kind == HandleKind::kTimer) {
    info.timer = DescribeTimer(handle);
  }
  return info;
}

void Session::RemoveHandle(std::int64_t id, std::vector<ClosedChild>* children,
                           Closed* closed) {
  const auto it = handles_.find(id);
  Handle& handle = it->second;
  handle_names_.erase(handle.name);
  if (ClosingMayBlock(handle)) {
    CloseElsewhere(std::move(handle), closed);
  } else if (handle.kind == HandleKind::kWeak) {
    --weak_handles_;
  } else {
    if (handle.process != nullptr) {
      children->emplace_back(std::move(handle.process), handle.fd.Take());
      --processes_;
    }
    context_.handles->Return(1);
  }
  handles_.erase(it);
}

void Session::CloseElsewhere(Handle handle, Closed* closed) {
  handle.fd.CloseBy(nullptr);
  const bool is_far = handle.far_file != nullptr;
  const std::shared_ptr<BlockingPool::Lane> lane =
      is_far ? LaneOf(handle.id) : nullptr;
  file_lanes_.erase(handle.id);
  // It counts as long as its descriptor is open.
  const std::shared_ptr<Account> account = context_.account;
  auto close = [handle = std::make_unique<Handle>(std::move(handle)),
                account]() mutable {
    handle->bound_path.reset();
    handle.reset();
    account->handles.Return(1);
  };
  if (is_far) {  // after its calls; it may never be done
    lane->Do(std::move(close));
    return;
  }
  if (closed == nullptr || *closed == nullptr) {
    closing_->Do(std::move(close));
    return;
  }
  closing_->Run(std::move(close),
                [closed = std::exchange(*closed, nullptr)](bool) { closed(); });
}

absl::Status Session::ShutdownHandle(const Reference& handle, int how) {
  MutexLock lock(&mu_);
  const absl::StatusOr<Handle*> found = FindHandle(handle);
  if (!found.ok()) {
    return found.status();
  }
  return ShutDown(**found, how);
}

absl::StatusOr<HandleInfo> Session::GetHandle(const Reference& handle) {
  MutexLock lock(&mu_);
  const absl::StatusOr<Handle*> found = FindHandle(handle);
  if (!found.ok()) {
    return found.status();
  }
  HandleInfo info = Describe(**found);
  // After the sample: an error that is taken is not seen any more.
  if (info.socket.has_value() && info.kind != HandleKind::kSocket) {
    TakeSocketError(**found);
    info.socket = DescribeSocket(**found);
  }
  return info;
}

absl::StatusOr<std::vector<HandleInfo>> Session::ListHandles(
    std::int64_t after, std::size_t count) {
  MutexLock lock(&mu_);
  if (const absl::Status alive = Alive(); !alive.ok()) {
    return alive;
  }
  std::vector<HandleInfo> list;
  for (auto it = handles_.upper_bound(after);
       it != handles_.end() && list.size() < count; ++it) {
    list.push_back(Describe(it->second));
  }
  return list;
}

void Session::SampleRegistrations() {
  if (sampled_changes_ == registration_changes_) {
    return;
  }
  sampled_changes_ = registration_changes_;
  sampled_registrations_.clear();
  for (const auto& [selector_id, entry] : selectors_) {
    if (entry->hidden) {
      continue;
    }
    const std::int64_t id = selector_id;
    entry->source->VisitRegistrations(
        [&](std::int64_t handle_id,
            Events asked) ABSL_NO_THREAD_SAFETY_ANALYSIS {
          auto& registrations = sampled_registrations_[handle_id];
          if (registrations.empty() || registrations.back().selector_id != id) {
            registrations.push_back({.selector_id = id});
          }
          registrations.back().asked |= asked;
        });
  }
}

absl::StatusOr<std::vector<HandleSample>> Session::SampleHandles(
    std::int64_t after, std::size_t count) {
  MutexLock lock(&mu_);
  if (const absl::Status alive = Alive(); !alive.ok()) {
    return alive;
  }
  std::vector<const Handle*> handles;
  for (auto it = handles_.upper_bound(after);
       it != handles_.end() && handles.size() < count; ++it) {
    handles.push_back(&it->second);
  }
  if (after == 0) {
    SampleRegistrations();
  }
  const std::vector<Events> ready = SampleReadiness(handles);
  std::vector<HandleSample> samples;
  samples.reserve(handles.size());
  for (std::size_t i = 0; i < handles.size(); ++i) {
    const Handle& handle = *handles[i];
    samples.push_back({.id = handle.id,
                       .name = handle.name,
                       .kind = handle.kind,
                       .ready = ready[i],
                       .bytes_read = handle.bytes_read,
                       .bytes_written = handle.bytes_written});
    if (handle.process != nullptr && (ready[i] & kIn) != 0) {
      samples.back().exit = ExitOf(handle.fd.get());
    }
    const auto registered = sampled_registrations_.find(handle.id);
    if (registered != sampled_registrations_.end()) {
      samples.back().registrations = registered->second;
    }
  }
  return samples;
}

absl::Status Session::CloseHandle(const Reference& handle,
                                  const Closed& closed) {
  Closed closed_here = closed;
  Wakeups wakeups;
  std::vector<ClosedChild> children;
  {
    MutexLock lock(&mu_);
    const absl::StatusOr<Handle*> found = FindHandle(handle);
    if (!found.ok()) {
      return found.status();
    }
    const std::int64_t id = (*found)->id;
    for (const auto& [selector_id, entry] : selectors_) {
      if (entry->source->Has(id)) {
        AddWaiters(*entry, &wakeups);
      }
      // Unregistered too: a kqueue counts the ends of all children.
      entry->source->HandleClosed(id);
    }
    RemoveHandle(id, &children, &closed_here);
  }
  EndChildren(std::move(children));
  Wake(wakeups);
  if (closed_here != nullptr) {
    closed_here();
  }
  return absl::OkStatus();
}

}  // namespace farpoll::server
