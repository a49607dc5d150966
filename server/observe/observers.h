// server/observe/observers.h: room: server/observe. The observations of a
// server, one for each session that was ever observed.
// Threads: any.
#ifndef FARPOLL_SERVER_OBSERVE_OBSERVERS_H_
#define FARPOLL_SERVER_OBSERVE_OBSERVERS_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/types/optional.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "server/observe/observation.h"
#include "server/observe/observer.h"
#include "server/observe/request.h"
#include "server/reactor/reactor.h"
#include "server/session/session.h"

namespace farpoll::server {

// An observer at work: holds the session's lease, and is detached when it goes.
// Threads: one at a time.
class Observing {
 public:
  ~Observing();
  Observing(const Observing&) = delete;
  Observing& operator=(const Observing&) = delete;

  // The next frame, or none: then the sink's OnReady follows when it is worth
  // asking again. Errors: see Observer::Take.
  absl::StatusOr<absl::optional<ObserveFrame>> Take();
  // What the client resumes by that knows as much.
  std::string TokenOf(std::int64_t known) const;

 private:
  friend class Observers;
  Observing(std::shared_ptr<Session> session, StreamId stream,
            ObservePlace place)
      : session_(std::move(session)), stream_(stream), place_(place) {}

  const std::shared_ptr<Session> session_;
  const StreamId stream_;
  const ObservePlace place_;  // of the log
  std::shared_ptr<Observation> observation_;
  Observation::ObserverId observer_ = 0;
};

class Observers {
 public:
  // `epoch` names this run of the server. Borrows `clock` and `reactor`.
  Observers(std::int64_t epoch, const Clock* clock, Reactor* reactor)
      : epoch_(epoch), clock_(*clock), reactor_(*reactor) {}

  // Begins to observe `session`. `sink` is kept weakly, and may be called
  // before this returns.
  //   Errors: those of CheckRequest, ParseToken, Session::GetSelector and
  //     Session::AttachStream;
  //     INVALID_ARGUMENT (BAD_TOKEN); OUT_OF_RANGE (SNAPSHOT_REQUIRED): the
  //     token is of another session or another run of the server.
  absl::StatusOr<std::unique_ptr<Observing>> Observe(
      const std::shared_ptr<Session>& session, const ObserveRequest& request,
      const std::weak_ptr<WaitSink>& sink);

  // Drops what is known of a session that has ended.
  void Forget(const std::string& session_id);

  // How many sessions something is known of.
  std::size_t size();
  // How many looks at handles began, in all of them.
  std::int64_t looks();

 private:
  struct Entry {
    std::int64_t log = 0;
    std::shared_ptr<Observation> observation;
  };

  // That of `session`; made when there is none yet.
  Entry EntryOf(const std::shared_ptr<Session>& session);

  const std::int64_t epoch_;
  const Clock& clock_;
  Reactor& reactor_;

  Mutex mu_;
  std::int64_t last_log_ ABSL_GUARDED_BY(mu_) = 0;
  absl::flat_hash_map<std::string, Entry> by_session_ ABSL_GUARDED_BY(mu_);
};

}  // namespace farpoll::server

#endif  // FARPOLL_SERVER_OBSERVE_OBSERVERS_H_
