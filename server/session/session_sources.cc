// The timers, counters, files and watches of a session.
#include <utility>

#include "server/handle/counter.h"
#include "server/handle/file.h"
#include "server/handle/path_watch.h"
#include "server/handle/timer.h"
#include "server/session/session.h"

namespace farpoll::server {

absl::StatusOr<HandleInfo> Session::CreateTimer(absl::string_view name,
                                                const TimerSpec& spec) {
  MutexLock lock(&mu_);
  return MakeHandle(name, [&] { return MakeTimer(spec); });
}

absl::StatusOr<HandleInfo> Session::CreateCounter(absl::string_view name,
                                                  std::uint64_t initial,
                                                  bool semaphore) {
  MutexLock lock(&mu_);
  return MakeHandle(name, [&] { return MakeCounter(initial, semaphore); });
}

void Session::OpenFile(absl::string_view name, absl::string_view path,
                       const FileOptions& options,
                       AnswerTo<HandleInfo> answer) {
  const FileAccess access = !options.write ? FileAccess::kRead
                            : options.read ? FileAccess::kReadWrite
                                           : FileAccess::kWrite;
  const absl::StatusOr<PathPlan> plan =
      context_.authority->AuthorizeOpen(owner_, path, access);
  if (!plan.ok()) {
    return answer(plan.status());
  }
  const RootedPath place{plan->root, plan->relative};
  MakeAside(
      name, [place, options] { return server::OpenFile(place, options); },
      std::move(answer));
}

void Session::WatchPath(absl::string_view name, absl::string_view path,
                        std::uint32_t events, AnswerTo<HandleInfo> answer) {
  const absl::StatusOr<PathPlan> plan =
      context_.authority->AuthorizeOpen(owner_, path, FileAccess::kRead);
  if (!plan.ok()) {
    return answer(plan.status());
  }
  const RootedPath place{plan->root, plan->relative};
  MakeAside(
      name, [place, events] { return server::WatchPath(place, events); },
      std::move(answer));
}

}  // namespace farpoll::server
