#include "server/session/session_table.h"

#include <sys/random.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/errno_status.h"
#include "server/policy/names.h"

namespace farpoll::server {
namespace {

// How many sessions that ran out are remembered, for a better message.
constexpr std::size_t kRemembered = 256;
// A lease that a stream holds is looked at again after its ttl, within these.
constexpr absl::Duration kLeastHeldCheck = absl::Milliseconds(250);
constexpr absl::Duration kMostHeldCheck = absl::Seconds(60);

// 128 random bits in hexadecimal.
absl::StatusOr<std::string> RandomId() {
  std::array<char, 16> bytes;
  // Up to 256 bytes come whole or not at all, once the pool is ready.
  if (getrandom(bytes.data(), bytes.size(), 0) !=
      static_cast<ssize_t>(bytes.size())) {
    return ErrnoStatus(errno, "getrandom");
  }
  return absl::BytesToHexString(absl::string_view(bytes.data(), bytes.size()));
}

absl::Status Draining() {
  return MakeError(absl::StatusCode::kUnavailable, 0, "SERVER_STOPPING",
                   "server", "the server is stopping");
}

absl::Status SessionEnded(absl::string_view reason, const Session& session,
                          absl::string_view message) {
  return MakeError(absl::StatusCode::kFailedPrecondition, EBADF, reason,
                   session.id(), message);
}

}  // namespace

SessionTable::SessionTable(const Limits& limits, const Clock* clock,
                           Reactor* reactor, const Authority* authority,
                           Accounts* accounts, Children* children,
                           BlockingPool* blocking, Observer observer)
    : limits_(limits),
      clock_(clock),
      reactor_(reactor),
      authority_(authority),
      accounts_(accounts),
      children_(children),
      blocking_(blocking),
      observer_(std::move(observer)) {}

absl::StatusOr<absl::Duration> SessionTable::JudgeTtl(
    const Limits& limits, absl::optional<absl::Duration> asked, bool detached) {
  const absl::Duration longest = absl::Milliseconds(
      detached ? limits.max_detached_ttl_ms : limits.max_ttl_ms);
  const absl::Duration usual =
      detached ? longest : absl::Milliseconds(limits.default_ttl_ms);
  const absl::Duration ttl = asked.value_or(absl::ZeroDuration());
  if (ttl < absl::ZeroDuration() || ttl > longest) {
    return MakeError(
        EINVAL, "BAD_TTL", "ttl",
        absl::StrCat("ttl is ", absl::FormatDuration(ttl),
                     "; it must be from 0 to ", absl::FormatDuration(longest)));
  }
  return ttl == absl::ZeroDuration() ? usual : ttl;
}

absl::StatusOr<std::shared_ptr<Session>> SessionTable::Create(
    const Principal& owner, absl::string_view name,
    absl::optional<absl::Duration> ttl, bool detached) {
  if (const absl::Status good = CheckName(name, "name"); !good.ok()) {
    return good;
  }
  const auto limits = std::make_shared<const Limits>(
      authority_->policy()->LimitsOf(owner, limits_));
  const absl::StatusOr<absl::Duration> span = JudgeTtl(*limits, ttl, detached);
  if (!span.ok()) {
    return span.status();
  }
  const std::pair<std::string, std::string> full_name(owner.Key(), name);
  const absl::StatusOr<std::string> id = RandomId();
  if (!id.ok()) {
    return id.status();
  }
  const std::shared_ptr<Account> account = accounts_->Of(owner);
  std::shared_ptr<Session> session;
  {
    MutexLock lock(&mu_);
    if (draining_) {
      return Draining();
    }
    if (id_by_name_.contains(full_name)) {
      return MakeError(
          EEXIST, "NAME_TAKEN", name,
          absl::StrCat("there is a session named ", name, " already"));
    }
    if (const absl::Status taken = account->sessions.TryTake(1, "max_sessions");
        !taken.ok()) {
      return taken;
    }
    session =
        std::make_shared<Session>(*id, std::string(name), *span, owner,
                                  SessionContext{.clock = clock_,
                                                 .reactor = reactor_,
                                                 .authority = authority_,
                                                 .children = children_,
                                                 .blocking = blocking_,
                                                 .limits = limits,
                                                 .account = account,
                                                 .handles = &account->handles,
                                                 .last_id = &last_id_});
    const std::int64_t position = ++last_position_;
    sessions_.emplace(*id, Entry{session, account, position, 0});
    id_by_position_.emplace(position, *id);
    if (!name.empty()) {
      id_by_name_.emplace(full_name, *id);
    }
  }
  ScheduleCheck(*session, session->lease_end());
  observer_("created", *session);
  return session;
}

absl::StatusOr<std::shared_ptr<Session>> SessionTable::FindLocked(
    const Principal& caller, absl::string_view reference) {
  if (draining_) {
    return Draining();
  }
  const std::string owner = caller.Key();
  auto it = sessions_.find(reference);
  if (it == sessions_.end()) {
    const auto named =
        id_by_name_.find(std::make_pair(owner, std::string(reference)));
    it = named == id_by_name_.end() ? sessions_.end()
                                    : sessions_.find(named->second);
  }
  if (it != sessions_.end() && it->second.session->owner().Key() == owner) {
    return it->second.session;
  }
  for (const Expired& gone : expired_) {
    if (gone.owner == owner && !reference.empty() &&
        (gone.id == reference || gone.name == reference)) {
      return MakeError(
          ENOENT, "LEASE_EXPIRED", reference,
          absl::StrFormat("session %s expired %s ago: its lease ran out",
                          reference,
                          absl::FormatDuration(absl::Trunc(
                              absl::FromChrono(clock_->Now() - gone.when),
                              absl::Seconds(1)))));
    }
  }
  return MakeError(ENOENT, "SESSION_UNKNOWN", reference,
                   reference.empty() ? "no session named in the request"
                                     : "there is no such session");
}

absl::StatusOr<std::shared_ptr<Session>> SessionTable::Find(
    const Principal& caller, absl::string_view reference) {
  absl::StatusOr<std::shared_ptr<Session>> session;
  {
    MutexLock lock(&mu_);
    session = FindLocked(caller, reference);
  }
  if (session.ok()) {
    (*session)->Touch();
  }
  return session;
}

std::vector<std::pair<std::int64_t, std::shared_ptr<Session>>>
SessionTable::List(const Principal& caller, std::int64_t after,
                   std::size_t count) {
  const std::string owner = caller.Key();
  std::vector<std::pair<std::int64_t, std::shared_ptr<Session>>> list;
  MutexLock lock(&mu_);
  for (auto it = id_by_position_.upper_bound(after);
       it != id_by_position_.end() && list.size() < count; ++it) {
    const std::shared_ptr<Session>& session = sessions_.at(it->second).session;
    if (session->owner().Key() == owner) {
      list.emplace_back(it->first, session);
    }
  }
  return list;
}

std::shared_ptr<Session> SessionTable::Remove(const std::string& id) {
  MutexLock lock(&mu_);
  const auto it = sessions_.find(id);
  if (it == sessions_.end()) {
    return nullptr;
  }
  std::shared_ptr<Session> session = std::move(it->second.session);
  it->second.account->sessions.Return(1);
  reactor_->Cancel(it->second.check);
  id_by_position_.erase(it->second.position);
  id_by_name_.erase(std::make_pair(session->owner().Key(), session->name()));
  sessions_.erase(it);
  return session;
}

absl::Status SessionTable::Delete(const Principal& caller,
                                  absl::string_view reference) {
  const absl::StatusOr<std::shared_ptr<Session>> found =
      Find(caller, reference);
  if (!found.ok()) {
    return found.status();
  }
  if (const std::shared_ptr<Session> session = Remove((*found)->id())) {
    session->End(
        SessionEnded("SESSION_DELETED", *session, "the session was deleted"));
    observer_("deleted", *session);
  }
  return absl::OkStatus();
}

void SessionTable::ScheduleCheck(const Session& session, MonotonicTime when) {
  MutexLock lock(&mu_);
  const auto it = sessions_.find(session.id());
  if (it != sessions_.end()) {  // else it was deleted meanwhile
    it->second.check =
        reactor_->RunAt(when, [this, id = session.id()] { CheckLease(id); });
  }
}

void SessionTable::CheckLease(const std::string& id) {
  const MonotonicTime now = clock_->Now();
  std::shared_ptr<Session> session;
  {
    MutexLock lock(&mu_);
    const auto it = sessions_.find(id);
    if (it == sessions_.end()) {
      return;
    }
    session = it->second.session;
  }
  const MonotonicTime end = session->lease_end();
  if (end > now) {
    // Calls move the end without telling us, so we look again when it comes. A
    // lease that a stream holds has no end yet, and runs its ttl from there.
    ScheduleCheck(
        *session,
        end != kNever
            ? end
            : DeadlineAfter(now, std::clamp(session->ttl(), kLeastHeldCheck,
                                            kMostHeldCheck)));
    return;
  }
  if (Remove(id) == nullptr) {
    return;
  }
  {
    MutexLock lock(&mu_);
    expired_.push_back(
        Expired{session->owner().Key(), id, session->name(), end});
    if (expired_.size() > kRemembered) {
      expired_.pop_front();
    }
  }
  session->End(
      SessionEnded("LEASE_EXPIRED", *session, "the session's lease ran out"));
  observer_("expired", *session);
}

void SessionTable::Drain() {
  std::vector<std::shared_ptr<Session>> sessions;
  {
    MutexLock lock(&mu_);
    draining_ = true;
    for (const auto& [id, entry] : sessions_) {
      sessions.push_back(entry.session);
    }
  }
  for (const std::shared_ptr<Session>& session : sessions) {
    session->EndStreams(Draining());
  }
}

void SessionTable::EndAll() {
  std::vector<std::string> ids;
  {
    MutexLock lock(&mu_);
    draining_ = true;
    for (const auto& [id, entry] : sessions_) {
      ids.push_back(id);
    }
  }
  for (const std::string& id : ids) {
    if (const std::shared_ptr<Session> session = Remove(id)) {
      session->End(Draining());
      observer_("stopped", *session);
    }
  }
}

std::size_t SessionTable::size() {
  MutexLock lock(&mu_);
  return sessions_.size();
}

}  // namespace farpoll::server
