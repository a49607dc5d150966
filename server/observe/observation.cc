#include "server/observe/observation.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "server/observe/request.h"

namespace farpoll::server {

Observation::Observation(const std::shared_ptr<Session>& session,
                         const Clock* clock, Reactor* reactor)
    : session_(session),
      clock_(*clock),
      reactor_(*reactor),
      log_(static_cast<std::size_t>(session->limits().max_observed_closed)) {}

absl::StatusOr<Observation::ObserverId> Observation::Attach(
    const ObserveOptions& options, std::weak_ptr<WaitSink> sink) {
  MutexLock lock(&mu_);
  const std::int64_t known = options.resume_after.value_or(0);
  if (known < 0 || known > log_.sequence()) {
    return BadToken("no such token was given");
  }
  const ObserverId id = ++last_observer_;
  observers_.emplace(id, Entry{.observer = Observer(options),
                               .sink = std::move(sink),
                               .period = options.period,
                               .first_look = looks_begun_ + 1});
  if (looking_) {
    look_again_ = true;
  } else {
    Schedule(clock_.Now());
  }
  return id;
}

void Observation::Detach(ObserverId id) {
  MutexLock lock(&mu_);
  observers_.erase(id);
  if (observers_.empty()) {
    reactor_.Cancel(timer_);
  }
}

absl::StatusOr<absl::optional<ObserveFrame>> Observation::Take(ObserverId id) {
  MutexLock lock(&mu_);
  const auto it = observers_.find(id);
  if (it == observers_.end() || it->second.first_look > looks_done_) {
    return absl::optional<ObserveFrame>();
  }
  return it->second.observer.Take(log_, last_look_);
}

std::int64_t Observation::looks() {
  MutexLock lock(&mu_);
  return looks_begun_;
}

void Observation::Schedule(MonotonicTime when) {
  reactor_.Cancel(timer_);
  scheduled_ = when;
  timer_ = reactor_.RunAt(when, [weak = weak_from_this()] {
    if (const std::shared_ptr<Observation> self = weak.lock()) {
      self->BeginLook();
    }
  });
}

absl::Duration Observation::ShortestPeriod() const {
  absl::Duration shortest = absl::InfiniteDuration();
  for (const auto& [id, entry] : observers_) {
    shortest = std::min(shortest, entry.period);
  }
  return shortest;
}

void Observation::BeginLook() {
  {
    MutexLock lock(&mu_);
    if (looking_ || observers_.empty()) {
      return;
    }
    looking_ = true;
    ++looks_begun_;
    // Counted from when it was due, or rounds would slip behind by the delay
    // of each look.
    const MonotonicTime now = clock_.Now();
    const bool on_time =
        scheduled_ <= now && now < DeadlineAfter(scheduled_, ShortestPeriod());
    look_began_ = on_time ? scheduled_ : now;
  }
  LookAfter(0);
}

void Observation::LookAfter(std::int64_t handle_id) {
  const std::shared_ptr<Session> session = session_.lock();
  if (session == nullptr) {
    return;
  }
  const absl::StatusOr<std::vector<HandleSample>> page =
      session->SampleHandles(handle_id, kPage);
  if (!page.ok()) {
    return;  // the session has ended, and tells its streams so
  }
  const bool is_last = page->size() < kPage;
  {
    MutexLock lock(&mu_);
    log_.Merge(handle_id, *page, is_last);
  }
  if (is_last) {
    EndLook();
    return;
  }
  reactor_.Post([weak = weak_from_this(), last = page->back().id] {
    if (const std::shared_ptr<Observation> self = weak.lock()) {
      self->LookAfter(last);
    }
  });
}

void Observation::EndLook() {
  std::vector<std::weak_ptr<WaitSink>> due;
  {
    MutexLock lock(&mu_);
    looking_ = false;
    looks_done_ = looks_begun_;
    last_look_ = look_began_;
    for (const auto& [id, entry] : observers_) {
      if (entry.first_look <= looks_done_ &&
          entry.observer.IsDue(log_, last_look_)) {
        due.push_back(entry.sink);
      }
    }
    if (!observers_.empty()) {
      Schedule(std::exchange(look_again_, false)
                   ? clock_.Now()
                   : DeadlineAfter(look_began_, ShortestPeriod()));
    }
  }
  for (const std::weak_ptr<WaitSink>& weak : due) {
    if (const std::shared_ptr<WaitSink> sink = weak.lock()) {
      sink->OnReady();
    }
  }
}

}  // namespace farpoll::server
