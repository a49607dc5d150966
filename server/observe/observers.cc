#include "server/observe/observers.h"

#include <utility>

namespace farpoll::server {

Observing::~Observing() {
  if (observation_ != nullptr) {
    observation_->Detach(observer_);
  }
  session_->DetachStream(stream_);
}

absl::StatusOr<absl::optional<ObserveFrame>> Observing::Take() {
  return observation_->Take(observer_);
}

std::string Observing::TokenOf(std::int64_t known) const {
  ObservePlace place = place_;
  place.sequence = known;
  return ToToken(place);
}

Observers::Entry Observers::EntryOf(const std::shared_ptr<Session>& session) {
  MutexLock lock(&mu_);
  Entry& entry = by_session_[session->id()];
  if (entry.observation == nullptr) {
    entry = {++last_log_,
             std::make_shared<Observation>(session, &clock_, &reactor_)};
  }
  return entry;
}

absl::StatusOr<std::unique_ptr<Observing>> Observers::Observe(
    const std::shared_ptr<Session>& session, const ObserveRequest& request,
    const std::weak_ptr<WaitSink>& sink) {
  absl::StatusOr<ObserveOptions> options = CheckRequest(request);
  if (!options.ok()) {
    return options.status();
  }
  for (const Reference& selector : request.selectors) {
    const absl::StatusOr<SelectorInfo> info = session->GetSelector(selector);
    if (!info.ok()) {
      return info.status();
    }
    options->filter.selectors.push_back(info->id);
  }
  absl::optional<ObservePlace> resume;
  if (!request.resume_token.empty()) {
    const absl::StatusOr<ObservePlace> place = ParseToken(request.resume_token);
    if (!place.ok()) {
      return place.status();
    }
    resume = *place;
  }
  // Before the stream, so that whatever a session had when it ended was there
  // to be forgotten.
  const Entry entry = EntryOf(session);
  const absl::StatusOr<StreamId> stream = session->AttachStream(sink);
  if (!stream.ok()) {
    if (!absl::IsResourceExhausted(stream.status())) {
      Forget(session->id());  // it has ended
    }
    return stream.status();
  }
  std::unique_ptr<Observing> observing(new Observing(
      session, *stream, {.epoch = epoch_, .log = entry.log, .sequence = 0}));
  if (resume.has_value()) {
    if (resume->epoch != epoch_ || resume->log != entry.log) {
      return SnapshotRequired(
          "the token is of another session, or of a server that was started "
          "anew: observe again without it");
    }
    options->resume_after = resume->sequence;
  }
  const absl::StatusOr<Observation::ObserverId> observer =
      entry.observation->Attach(*options, sink);
  if (!observer.ok()) {
    return observer.status();
  }
  observing->observation_ = entry.observation;
  observing->observer_ = *observer;
  return observing;
}

void Observers::Forget(const std::string& session_id) {
  Entry forgotten;
  {
    MutexLock lock(&mu_);
    const auto it = by_session_.find(session_id);
    if (it != by_session_.end()) {
      forgotten = std::move(it->second);
      by_session_.erase(it);
    }
  }
}

std::int64_t Observers::looks() {
  MutexLock lock(&mu_);
  std::int64_t looks = 0;
  for (const auto& [session, entry] : by_session_) {
    looks += entry.observation->looks();
  }
  return looks;
}

std::size_t Observers::size() {
  MutexLock lock(&mu_);
  return by_session_.size();
}

}  // namespace farpoll::server
