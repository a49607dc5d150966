// Descriptors handed over to a session, and handed out by it.
#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/errno_status.h"
#include "selector/pollable_view.h"
#include "server/handle/passed.h"
#include "server/session/session.h"
#include "server/session/session_parts.h"

namespace farpoll::server {

absl::StatusOr<std::vector<HandleInfo>> Session::Adopt(
    std::vector<UniqueFd> descriptors, absl::Span<const std::string> names) {
  if (!names.empty() && names.size() != descriptors.size()) {
    return MakeError(EINVAL, "NAMES_DIFFER", "names",
                     absl::StrCat(names.size(), " names for ",
                                  descriptors.size(), " descriptors"));
  }
  std::vector<HandleInfo> made;
  MutexLock lock(&mu_);
  for (std::size_t i = 0; i < descriptors.size(); ++i) {
    absl::StatusOr<HandleInfo> info =
        MakeHandle(names.empty() ? absl::string_view() : names[i],
                   [&] { return TakePassed(std::move(descriptors[i])); });
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

absl::StatusOr<UniqueFd> Session::FetchHandle(const Reference& handle) {
  MutexLock lock(&mu_);
  const absl::StatusOr<Handle*> found = FindHandle(handle);
  if (!found.ok()) {
    return found.status();
  }
  return DuplicateFd((*found)->fd.get());
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
