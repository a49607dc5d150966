// server/session/session_table.h: room: server/session. All sessions of a
// server, by id and by name, and the end of those whose lease has run out.
// Threads: every method from any thread. Lock order: the table's lock before a
//   session's; sessions are ended with neither held.
#ifndef FARPOLL_SERVER_SESSION_SESSION_TABLE_H_
#define FARPOLL_SERVER_SESSION_SESSION_TABLE_H_

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "server/authority/accounts.h"
#include "server/authority/authority.h"
#include "server/policy/account.h"
#include "server/policy/limits.h"
#include "server/policy/principal.h"
#include "server/reactor/reactor.h"
#include "server/session/session.h"

namespace farpoll::server {

class SessionTable {
 public:
  // Told of every session that begins ("created") or ends ("expired",
  // "deleted", "stopped"). No lock is held.
  using Observer =
      std::function<void(absl::string_view what, const Session& session)>;

  // `clock`, `reactor`, `authority`, `accounts`, `children` and `blocking` are
  // borrowed. The reactor must be stopped before the table goes, and EndAll()
  // called before the reactor stops.
  SessionTable(const Limits& limits, const Clock* clock, Reactor* reactor,
               const Authority* authority, Accounts* accounts,
               Children* children, BlockingPool* blocking, Observer observer);

  // Makes a session of `owner`'s, whose names are its own. A `detached` one is
  // made to be left alone: it may ask for up to max_detached_ttl_ms, and gets
  // that when it asks for nothing.
  //   Errors: INVALID_ARGUMENT (name; ttl negative or over its limit),
  //     ALREADY_EXISTS, RESOURCE_EXHAUSTED (LIMIT_SESSIONS, QUOTA_SESSIONS),
  //     UNAVAILABLE when draining.
  absl::StatusOr<std::shared_ptr<Session>> Create(
      const Principal& owner, absl::string_view name,
      absl::optional<absl::Duration> ttl, bool detached = false);

  // Each of the following sees the sessions of `caller` alone: those of others
  // do not exist.

  // Finds a session by id or name and renews its lease.
  //   Errors: NOT_FOUND (SESSION_UNKNOWN; LEASE_EXPIRED for one that ran out
  //     not long ago), UNAVAILABLE when draining.
  absl::StatusOr<std::shared_ptr<Session>> Find(const Principal& caller,
                                                absl::string_view reference);

  // Up to `count` sessions in order of creation, after position `after`; each
  // with its position.
  std::vector<std::pair<std::int64_t, std::shared_ptr<Session>>> List(
      const Principal& caller, std::int64_t after, std::size_t count);

  //   Errors: as Find.
  absl::Status Delete(const Principal& caller, absl::string_view reference);

  // From now on Create and Find answer UNAVAILABLE, and every wait and stream
  // ends with it. Handles stay open until EndAll().
  void Drain();
  // Ends every session.
  void EndAll();

  std::size_t size();
  const Limits& limits() const { return limits_; }
  // Of the handles of all sessions.
  const Quota& handles() const { return accounts_->all().handles; }

 private:
  struct Entry {
    std::shared_ptr<Session> session;  // shared with calls in progress
    std::shared_ptr<Account> account;  // shared with the owner's others
    std::int64_t position = 0;         // in order of creation
    Reactor::TimerId check = 0;        // of its lease; goes with the entry
  };
  struct Expired {
    std::string owner;
    std::string id;
    std::string name;
    MonotonicTime when;
  };

  // How long a new session may be silent, given what it asked for.
  static absl::StatusOr<absl::Duration> JudgeTtl(
      const Limits& limits, absl::optional<absl::Duration> asked,
      bool detached);
  absl::StatusOr<std::shared_ptr<Session>> FindLocked(
      const Principal& caller, absl::string_view reference)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Takes a session out of the table; null when it is gone already.
  std::shared_ptr<Session> Remove(const std::string& id);
  // Ends a session whose lease ran out, or looks again when it will.
  void CheckLease(const std::string& id);
  void ScheduleCheck(const Session& session, MonotonicTime when)
      ABSL_LOCKS_EXCLUDED(mu_);

  const Limits limits_;
  const Clock* const clock_;
  Reactor* const reactor_;
  const Authority* const authority_;
  Accounts* const accounts_;
  Children* const children_;
  BlockingPool* const blocking_;
  const Observer observer_;
  std::atomic<std::int64_t> last_id_{0};

  Mutex mu_;
  bool draining_ ABSL_GUARDED_BY(mu_) = false;
  std::int64_t last_position_ ABSL_GUARDED_BY(mu_) = 0;
  absl::flat_hash_map<std::string, Entry> sessions_ ABSL_GUARDED_BY(mu_);
  // By the owner's key and the name.
  absl::flat_hash_map<std::pair<std::string, std::string>, std::string>
      id_by_name_ ABSL_GUARDED_BY(mu_);
  std::map<std::int64_t, std::string> id_by_position_ ABSL_GUARDED_BY(mu_);
  // The last sessions that ran out, for a better message.
  std::deque<Expired> expired_ ABSL_GUARDED_BY(mu_);
};

}  // namespace farpoll::server

#endif  // FARPOLL_SERVER_SESSION_SESSION_TABLE_H_
