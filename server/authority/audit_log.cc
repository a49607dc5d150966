#include "server/authority/audit_log.h"

#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

namespace farpoll::server {
namespace {

// How often refusals that were counted only are told.
constexpr absl::Duration kTellInterval = absl::Seconds(1);
constexpr absl::Duration kRefusalInterval =
    absl::Microseconds(1'000'000 / AuditLog::kRefusalsPerSecond);
// What principals beyond kMostPrincipals are called.
constexpr char kOthers[] = "others";

bool SaySame(const AuditRecord& a, const AuditRecord& b) {
  return a.verb == b.verb && a.allowed == b.allowed && a.object == b.object &&
         a.rule == b.rule && a.argv_hash == b.argv_hash &&
         a.principal.pid == b.principal.pid &&
         a.principal.Key() == b.principal.Key();
}

}  // namespace

AuditLog::AuditLog(Log* log, Log* alarm, const Clock* clock,
                   std::size_t capacity)
    : log_(log), alarm_(alarm), clock_(*clock), capacity_(capacity) {
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
    Share& share = ShareOf(record.principal);
    if (!record.allowed && !TakeRefusal(share)) {
      ++share.suppressed;
      if (std::exchange(has_suppressed_, true)) {
        return;  // the writer knows that it is to tell
      }
    } else if (!HasRoom(share, record.allowed)) {
      ++overflown_;
      return;
    } else {
      ++share.waiting;
      refusals_waiting_ += record.allowed ? 0 : 1;
      waiting_.push_back(Entry{.time = now, .record = std::move(record)});
    }
  }
  changed_.SignalAll();
}

AuditLog::Share& AuditLog::ShareOf(const Principal& principal) {
  const std::string key = principal.Key();
  const auto share = shares_.find(key);
  if (share != shares_.end()) {
    return share->second;
  }
  return shares_[shares_.size() < kMostPrincipals ? key : kOthers];
}

bool AuditLog::TakeRefusal(Share& share) {
  const MonotonicTime now = clock_.Now();
  const MonotonicTime whole_at = std::max(share.whole_at, now);
  if (absl::FromChrono(whole_at - now) >
      (kRefusalBurst - 1) * kRefusalInterval) {
    return false;
  }
  share.whole_at = DeadlineAfter(whole_at, kRefusalInterval);
  return true;
}

bool AuditLog::HasRoom(const Share& share, bool allowed) {
  const std::size_t most = std::max<std::size_t>(capacity_ / 4, 1);
  return waiting_.size() < capacity_ && share.waiting < most &&
         (allowed || refusals_waiting_ < most);
}

void AuditLog::Reopen() {
  {
    MutexLock lock(&mu_);
    reopen_ = true;
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
    const Work work = NextWork();
    Do(work);
    last = work.last;
    if (const std::int64_t count = lost(); count != told) {
      alarm_->Write(Log::Level::kWarning, "audit.lost",
                    {{"count", absl::StrCat(count)}});
      told = count;
    }
  }
}

bool AuditLog::SuppressedIsDue() {
  return has_suppressed_ && (stopping_ || clock_.Now() >= tell_suppressed_at_);
}

AuditLog::Work AuditLog::NextWork() {
  Work work;
  MutexLock lock(&mu_);
  while (waiting_.empty() && !reopen_ && !stopping_ && !SuppressedIsDue()) {
    if (has_suppressed_) {
      changed_.WaitUntil(&mu_, DeadlineAfter(RealClock().Now(), kTellInterval));
    } else {
      changed_.Wait(&mu_);
    }
  }
  work.reopen = std::exchange(reopen_, false);
  work.last = stopping_;
  work.entries.swap(waiting_);
  refusals_waiting_ = 0;
  const bool tell = SuppressedIsDue();
  if (tell) {
    has_suppressed_ = false;
    tell_suppressed_at_ = DeadlineAfter(clock_.Now(), kTellInterval);
  }
  for (auto& [key, share] : shares_) {
    share.waiting = 0;
    if (tell && share.suppressed != 0) {
      work.suppressed.push_back({key, std::exchange(share.suppressed, 0)});
    }
  }
  if (shares_.size() >= kMostPrincipals) {
    ForgetTheQuiet();
  }
  return work;
}

void AuditLog::ForgetTheQuiet() {
  const MonotonicTime now = clock_.Now();
  for (auto it = shares_.begin(); it != shares_.end();) {
    const auto share = it++;
    if (share->second.whole_at <= now && share->second.suppressed == 0) {
      shares_.erase(share);
    }
  }
}

void AuditLog::Do(const Work& work) {
  if (work.reopen) {
    if (const absl::Status open = log_->Reopen(); !open.ok()) {
      alarm_->Write(Log::Level::kError, "audit.not_reopened",
                    {{"problem", std::string(open.message())}});
    }
  }
  for (const Entry& entry : work.entries) {
    Write(entry);
  }
  for (const Suppressed& suppressed : work.suppressed) {
    log_->Write(Log::Level::kInfo, "audit.suppressed",
                {{"decision", "deny"},
                 {"principal", suppressed.principal},
                 {"count", absl::StrCat(suppressed.count)}});
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
