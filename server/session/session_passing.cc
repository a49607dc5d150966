// Descriptors handed over to a session, and handed out by it.
#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/errno_status.h"
#include "selector/pollable_view.h"
#include "server/handle/file_aside.h"
#include "server/handle/passed.h"
#include "server/session/session.h"
#include "server/session/session_parts.h"

namespace farpoll::server {
namespace {

// Of `count` descriptors; nobody needs have one.
absl::Status CheckNameCount(absl::Span<const std::string> names,
                            std::size_t count) {
  if (names.empty() || names.size() == count) {
    return absl::OkStatus();
  }
  return MakeError(
      EINVAL, "NAMES_DIFFER", "names",
      absl::StrCat(names.size(), " names for ", count, " descriptors"));
}

// As epoll(7) says of other files, before the lock is held: it would ask the
// file system.
absl::Status CheckNoneIsFar(absl::Span<const UniqueFd> descriptors) {
  for (const UniqueFd& descriptor : descriptors) {
    if (NeedsStandIn(descriptor.get())) {
      return ErrnoStatus(EPERM, "epoll_ctl");
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<HandleInfo>> Session::Adopt(
    std::vector<Handle>& handles, absl::Span<const std::string> names) {
  const absl::Status fit = CheckNameCount(names, handles.size());
  if (!fit.ok()) {
    return fit;
  }
  std::vector<HandleInfo> made;
  MutexLock lock(&mu_);
  for (std::size_t i = 0; i < handles.size(); ++i) {
    absl::StatusOr<HandleInfo> info =
        MakeHandle(names.empty() ? absl::string_view() : names[i],
                   [&] { return std::move(handles[i]); });
    if (!info.ok()) {
      std::vector<ClosedChild> none;  // what is passed is no child's handle
      for (const HandleInfo& taken_back : made) {
        RemoveHandle(taken_back.id, &none);
      }
      return info.status();
    }
    made.push_back(*std::move(info));
  }
  return made;
}

absl::StatusOr<std::vector<HandleInfo>> Session::AdoptWeakly(
    absl::Span<const UniqueFd> descriptors, absl::Span<const std::string> names,
    const Reference& selector, const Interest& interest) {
  const absl::Status fit = CheckNameCount(names, descriptors.size());
  if (!fit.ok()) {
    return fit;
  }
  if (const absl::Status near = CheckNoneIsFar(descriptors); !near.ok()) {
    return near;
  }
  std::vector<HandleInfo> made;
  MutexLock lock(&mu_);
  const absl::StatusOr<SelectorEntry*> entry = FindSelector(selector);
  if (!entry.ok()) {
    return entry.status();
  }
  if (const absl::Status right = CheckIsKqueue(**entry, false); !right.ok()) {
    return right;
  }
  for (std::size_t i = 0; i < descriptors.size(); ++i) {
    absl::StatusOr<HandleInfo> info = AdoptOneWeakly(
        **entry, descriptors[i].get(),
        names.empty() ? absl::string_view() : names[i], interest);
    if (!info.ok()) {
      std::vector<ClosedChild> none;
      for (const HandleInfo& taken_back : made) {
        (void)(*entry)->selector->Unregister(taken_back.id);
        RemoveHandle(taken_back.id, &none);
      }
      return info.status();
    }
    made.push_back(*std::move(info));
  }
  return made;
}

absl::StatusOr<HandleInfo> Session::AdoptOneWeakly(SelectorEntry& entry, int fd,
                                                   absl::string_view name,
                                                   const Interest& interest) {
  if (const absl::Status free = CheckNewNames({{"name", name}}); !free.ok()) {
    return free;
  }
  absl::StatusOr<UniqueFd> copy = DuplicateFd(fd);  // never the last one
  if (!copy.ok()) {
    return copy.status();
  }
  const absl::Status room =
      context_.account->weak_handles.TryTake(1, "max_weak_handles");
  if (!room.ok()) {
    return room;
  }
  ++entry.weak_taken;
  ++weak_handles_;
  Handle& handle =
      AddHandle({.name = std::string(name), .kind = HandleKind::kWeak});
  const absl::Status registered =
      entry.selector
          ->RegisterWeakly(handle.id, *std::move(copy), &handle.readiness,
                           interest)
          .status();
  if (!registered.ok()) {
    // The kernel took nothing in.
    --entry.weak_taken;
    context_.account->weak_handles.Return(1);
    std::vector<ClosedChild> none;
    RemoveHandle(handle.id, &none);
    return registered;
  }
  return Describe(handle);
}

absl::StatusOr<UniqueFd> Session::FetchHandle(const Reference& handle) {
  MutexLock lock(&mu_);
  const absl::StatusOr<Handle*> found = FindHeld(handle);
  if (!found.ok()) {
    return found.status();
  }
  return DuplicateFd(FdToShare(**found));
}

absl::StatusOr<UniqueFd> Session::FetchSelector(const Reference& selector) {
  MutexLock lock(&mu_);
  const absl::StatusOr<SelectorEntry*> found = FindSelector(selector);
  if (!found.ok()) {
    return found.status();
  }
  return PollableView((*found)->source->fd());
}

}  // namespace farpoll::server
