// server/authority/audit_log.h: room: server/authority. Decisions on their way
// to a log, so that nobody who decides ever waits for a disk.
// Threads: any; a thread of its own writes.
#ifndef FARPOLL_SERVER_AUTHORITY_AUDIT_LOG_H_
#define FARPOLL_SERVER_AUTHORITY_AUDIT_LOG_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "base/mutex.h"
#include "server/authority/authority.h"
#include "server/log/log.h"

namespace farpoll::server {

class AuditLog {
 public:
  // Records that may wait to be written.
  static constexpr std::size_t kCapacity = 4096;

  // Writes events "audit" to `log`; what is lost, because `capacity` records
  // wait or the file cannot be written, is told to `alarm` as "audit.lost", a
  // warning with the count so far. Borrows both.
  AuditLog(Log* log, Log* alarm, std::size_t capacity = kCapacity);
  // Writes what waits.
  ~AuditLog();

  // Takes note of a decision made now. The same one over and over, as of a
  // flood of datagrams, waits as one with a count.
  void Add(AuditRecord record);

  // Records that were lost.
  std::int64_t lost();

 private:
  struct Entry {
    absl::Time time;  // of the first
    AuditRecord record;
    std::int64_t count = 1;
  };

  void Run();
  void Write(const Entry& entry);

  Log* const log_;
  Log* const alarm_;
  const std::size_t capacity_;
  Mutex mu_;
  CondVar changed_;
  std::deque<Entry> waiting_ ABSL_GUARDED_BY(mu_);
  std::int64_t overflown_ ABSL_GUARDED_BY(mu_) = 0;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  std::thread writer_;
};

}  // namespace farpoll::server

#endif  // FARPOLL_SERVER_AUTHORITY_AUDIT_LOG_H_
