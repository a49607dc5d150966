// server/observe/observation.h: room: server/observe. One session's observers
// and the looks at its handles that they share.
//
// A look samples every handle with poll(2), a page at a time, each page in a
// turn of the reactor of its own. Looks follow each other at the rate of the
// fastest observer, and stop when the last one goes; what is known stays, so
// that one may come back.
// Threads: any; looks run on the reactor's. Sinks are called with no lock held.
#ifndef FARPOLL_SERVER_OBSERVE_OBSERVATION_H_
#define FARPOLL_SERVER_OBSERVE_OBSERVATION_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "server/observe/change_log.h"
#include "server/observe/observer.h"
#include "server/reactor/reactor.h"
#include "server/session/session.h"
#include "server/session/sinks.h"

namespace farpoll::server {

class Observation : public std::enable_shared_from_this<Observation> {
 public:
  // Handles that a page of a look has: what the session's lock is held for.
  static constexpr std::size_t kPage = 256;

  using ObserverId = std::int64_t;

  // Borrows `clock` and `reactor`, and holds the session weakly.
  Observation(const std::shared_ptr<Session>& session, const Clock* clock,
              Reactor* reactor);

  // Adds an observer and has a look at once, before which there is nothing to
  // take. `sink` is kept weakly, and hears when it is worth to Take().
  //   Errors: INVALID_ARGUMENT (BAD_TOKEN): it resumes after what never was.
  absl::StatusOr<ObserverId> Attach(const ObserveOptions& options,
                                    std::weak_ptr<WaitSink> sink);
  void Detach(ObserverId id);
  // Errors: see Observer::Take.
  absl::StatusOr<absl::optional<ObserveFrame>> Take(ObserverId id);

  // How many looks began.
  std::int64_t looks();

 private:
  struct Entry {
    Observer observer;
    std::weak_ptr<WaitSink> sink;
    absl::Duration period;
    std::int64_t first_look;  // what it is told is not older than this one
  };

  void Schedule(MonotonicTime when) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::Duration ShortestPeriod() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // The steps of a look, on the reactor's thread.
  void BeginLook();
  void LookAfter(std::int64_t handle_id);
  void EndLook();

  const std::weak_ptr<Session> session_;
  const Clock& clock_;
  Reactor& reactor_;

  Mutex mu_;
  ChangeLog log_ ABSL_GUARDED_BY(mu_);
  std::map<ObserverId, Entry> observers_ ABSL_GUARDED_BY(mu_);
  ObserverId last_observer_ ABSL_GUARDED_BY(mu_) = 0;
  Reactor::TimerId timer_ ABSL_GUARDED_BY(mu_) = 0;
  MonotonicTime scheduled_ ABSL_GUARDED_BY(mu_) = {};
  bool looking_ ABSL_GUARDED_BY(mu_) = false;
  bool look_again_ ABSL_GUARDED_BY(mu_) = false;  // at once
  std::int64_t looks_begun_ ABSL_GUARDED_BY(mu_) = 0;
  std::int64_t looks_done_ ABSL_GUARDED_BY(mu_) = 0;
  MonotonicTime look_began_ ABSL_GUARDED_BY(mu_) = {};
  MonotonicTime last_look_ ABSL_GUARDED_BY(mu_) = {};  // that is done
};

}  // namespace farpoll::server

#endif  // FARPOLL_SERVER_OBSERVE_OBSERVATION_H_
