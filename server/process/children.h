// server/process/children.h: room: server/process. All children of a server:
// starting them, counting them, and ending those whose handle is closed. The
// door to this room.
// Threads: every method from any thread; answers come on the spawner's.
#ifndef FARPOLL_SERVER_PROCESS_CHILDREN_H_
#define FARPOLL_SERVER_PROCESS_CHILDREN_H_

#include <cstdint>

#include "absl/time/time.h"
#include "base/clock.h"
#include "base/unique_fd.h"
#include "server/handle/process.h"
#include "server/policy/quota.h"
#include "server/process/keeper.h"
#include "server/process/spawner.h"
#include "server/reactor/reactor.h"

namespace farpoll::server {

class Children {
 public:
  // `limit` is quota()'s.
  // `clock` and `reactor` are borrowed: EndAll, then the reactor's end, then
  // this object's.
  Children(std::int64_t limit, const Clock* clock, Reactor* reactor)
      : quota_(limit), keeper_(clock, reactor, [this](pid_t group) {
          spawner_.guardian().Left(group);
        }) {}

  // Of children at once, those that are being ended included; to be taken from
  // before Launch, and held by Process::place.
  Quota& quota() { return quota_; }

  void Launch(LaunchPlan plan, Spawner::Answer answer) {
    spawner_.Launch(std::move(plan), std::move(answer));
  }

  // The handle of a launched child is closed: see Keeper::Take.
  void Close(const Process& process, UniqueFd pidfd) {
    keeper_.Take(process, std::move(pidfd));
  }

  // Starts no more, and ends those that were closed, within `grace`. Not from
  // an answer, nor from the reactor's thread.
  void EndAll(absl::Duration grace) {
    spawner_.Refuse();
    keeper_.EndAll(grace);
  }

 private:
  Quota quota_;
  Spawner spawner_;
  Keeper keeper_;  // reports to the spawner's guardian
};

}  // namespace farpoll::server

#endif  // FARPOLL_SERVER_PROCESS_CHILDREN_H_
