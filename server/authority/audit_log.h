// server/authority/audit_log.h: room: server/authority. Decisions on their way
// to a log, so that nobody who decides ever waits for a disk, and nobody who is
// refused fills it.
// Threads: any; a thread of its own writes.
#ifndef FARPOLL_SERVER_AUTHORITY_AUDIT_LOG_H_
#define FARPOLL_SERVER_AUTHORITY_AUDIT_LOG_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "server/authority/authority.h"
#include "server/log/log.h"

namespace farpoll::server {

class AuditLog {
 public:
  // Records that may wait to be written; a quarter of them of one principal,
  // and a quarter of them refusals, at most.
  static constexpr std::size_t kCapacity = 4096;
  // A principal's refusals that are written one by one: so many at once, and so
  // many a second from then on. Those beyond are counted.
  static constexpr std::int64_t kRefusalBurst = 256;
  static constexpr std::int64_t kRefusalsPerSecond = 32;
  // Principals that are counted each by itself; further ones together.
  static constexpr std::size_t kMostPrincipals = 1024;

  // Writes events "audit" to `log`, and "audit.suppressed" with the number of a
  // principal's refusals that were counted only, once a second at most. What is
  // lost, because records wait or the file cannot be written, is told to
  // `alarm` as "audit.lost", a warning with the count so far. Borrows all.
  AuditLog(Log* log, Log* alarm, const Clock* clock,
           std::size_t capacity = kCapacity);
  // Writes what waits.
  ~AuditLog();

  // Takes note of a decision made now. The same one over and over, as of a
  // flood of datagrams, waits as one with a count.
  void Add(AuditRecord record);

  // Has the file opened anew by its path, after a rotation, before the next
  // record is written. Returns at once. When it cannot be opened, `alarm` is
  // told "audit.not_reopened", and records go on to the old file.
  void Reopen();

  // Records that were lost.
  std::int64_t lost();

 private:
  struct Entry {
    absl::Time time;  // of the first
    AuditRecord record;
    std::int64_t count = 1;
  };
  // One principal's part.
  struct Share {
    std::size_t waiting = 0;  // records
    // When its burst of refusals would be whole again.
    MonotonicTime whole_at = MonotonicTime::min();
    std::int64_t suppressed = 0;  // refusals that are still to be told
  };
  struct Suppressed {
    std::string principal;
    std::int64_t count = 0;
  };
  // What the writer does next.
  struct Work {
    bool reopen = false;
    bool last = false;
    std::deque<Entry> entries;
    std::vector<Suppressed> suppressed;
  };

  Share& ShareOf(const Principal& principal) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Whether one more refusal of that principal is to be written.
  bool TakeRefusal(Share& share) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool HasRoom(const Share& share, bool allowed)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool SuppressedIsDue() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Forgets principals whose records are written and whose bursts are whole.
  void ForgetTheQuiet() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  void Run();
  // Waits for some.
  Work NextWork();
  void Do(const Work& work);
  void Write(const Entry& entry);

  Log* const log_;
  Log* const alarm_;
  const Clock& clock_;
  const std::size_t capacity_;
  Mutex mu_;
  CondVar changed_;
  std::deque<Entry> waiting_ ABSL_GUARDED_BY(mu_);
  std::size_t refusals_waiting_ ABSL_GUARDED_BY(mu_) = 0;
  absl::flat_hash_map<std::string, Share> shares_ ABSL_GUARDED_BY(mu_);
  bool has_suppressed_ ABSL_GUARDED_BY(mu_) = false;
  MonotonicTime tell_suppressed_at_ ABSL_GUARDED_BY(mu_) = MonotonicTime::min();
  std::int64_t overflown_ ABSL_GUARDED_BY(mu_) = 0;
  bool reopen_ ABSL_GUARDED_BY(mu_) = false;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  std::thread writer_;
};

}  // namespace farpoll::server

#endif  // FARPOLL_SERVER_AUTHORITY_AUDIT_LOG_H_
