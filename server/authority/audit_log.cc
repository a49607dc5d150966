#include "server/authority/audit_log.h"

#include <pthread.h>
#include <signal.h>

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

namespace farpoll::server {
namespace {

bool SaySame(const AuditRecord& a, const AuditRecord& b) {
  return a.verb == b.verb && a.allowed == b.allowed && a.object == b.object &&
         a.rule == b.rule && a.argv_hash == b.argv_hash &&
         a.principal.pid == b.principal.pid &&
         a.principal.Key() == b.principal.Key();
}

}  // namespace

AuditLog::AuditLog(Log* log, Log* alarm, std::size_t capacity)
    : log_(log), alarm_(alarm), capacity_(capacity) {
  // Signals are the main thread's.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  writer_ = std::thread([this] { Run(); });
  pthread_setname_np(writer_.native_handle(), "farpoll-audit");
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

AuditLog::~AuditLog() {
  {
    MutexLock lock(&mu_);
    stopping_ = true;
  }
  changed_.SignalAll();
  writer_.join();
}

void AuditLog::Add(AuditRecord record) {
  const absl::Time now = absl::Now();
  {
    MutexLock lock(&mu_);
    if (!waiting_.empty() && SaySame(waiting_.back().record, record)) {
      ++waiting_.back().count;
      return;
    }
    if (waiting_.size() >= capacity_) {
      ++overflown_;
      return;
    }
    waiting_.push_back(Entry{.time = now, .record = std::move(record)});
  }
  changed_.SignalAll();
}

std::int64_t AuditLog::lost() {
  MutexLock lock(&mu_);
  return overflown_ + log_->lost();
}

void AuditLog::Run() {
  std::int64_t told = 0;
  for (bool last = false; !last;) {
    std::deque<Entry> batch;
    {
      MutexLock lock(&mu_);
      while (waiting_.empty() && !stopping_) {
        changed_.Wait(&mu_);
      }
      batch.swap(waiting_);
      last = stopping_;
    }
    for (const Entry& entry : batch) {
      Write(entry);
    }
    if (const std::int64_t count = lost(); count != told) {
      alarm_->Write(Log::Level::kWarning, "audit.lost",
                    {{"count", absl::StrCat(count)}});
      told = count;
    }
  }
}

void AuditLog::Write(const Entry& entry) {
  const AuditRecord& record = entry.record;
  const bool local = record.principal.kind == Principal::Kind::kLocal;
  log_->WriteAt(entry.time, Log::Level::kInfo, "audit",
                {{"decision", record.allowed ? "allow" : "deny"},
                 {"principal", record.principal.Key()},
                 {"pid", local ? absl::StrCat(record.principal.pid) : ""},
                 {"verb", std::string(VerbName(record.verb))},
                 {"object", record.object},
                 {"rule", record.rule},
                 {"argv_hash", record.argv_hash},
                 {"count", absl::StrCat(entry.count)}});
}

}  // namespace farpoll::server
