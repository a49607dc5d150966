#include "server/session/session.h"

#include <utility>

#include "server/session/session_parts.h"

namespace farpoll::server {

class Session::LaneCloser final : public FdCloser {
 public:
  explicit LaneCloser(BlockingPool::Lane* lane) : lane_(lane) {}
  void Close(UniqueFd fd) override {
    lane_->Do([fd = std::move(fd)]() mutable { fd.Reset(); });
  }

 private:
  BlockingPool::Lane* const lane_;
};

Session::Session(std::string id, std::string name, absl::Duration ttl,
                 Principal owner, const SessionContext& context)
    : id_(std::move(id)),
      name_(std::move(name)),
      ttl_(ttl),
      owner_(std::move(owner)),
      context_(context),
      created_(context.clock->Now()),
      closing_(context.blocking->NewLane(owner_.Key())),
      closer_(std::make_unique<LaneCloser>(closing_.get())),
      lease_end_(DeadlineAfter(created_, ttl)) {}

Session::~Session() { End(absl::CancelledError("session destroyed")); }

SessionInfo Session::Info() {
  MutexLock lock(&mu_);
  const MonotonicTime now = context_.clock->Now();
  const MonotonicTime end =
      streams_.empty() ? lease_end_ : DeadlineAfter(now, ttl_);
  return SessionInfo{
      .id = id_,
      .name = name_,
      .ttl = ttl_,
      .remaining = end > now ? absl::FromChrono(end - now) : absl::Duration(),
      .age = absl::FromChrono(now - created_),
      .handles = handles_.size(),
      .selectors =
          selectors_.size() - static_cast<std::size_t>(hidden_selectors_),
      .streams = streams_.size()};
}

absl::Status Session::Alive() const { return ended_; }

void Session::Touch() {
  MutexLock lock(&mu_);
  TouchLocked();
}

void Session::TouchLocked() {
  lease_end_ = DeadlineAfter(context_.clock->Now(), ttl_);
}

MonotonicTime Session::lease_end() {
  MutexLock lock(&mu_);
  return streams_.empty() ? lease_end_ : kNever;
}

void Session::End(absl::Status why) {
  std::vector<std::weak_ptr<StreamSink>> sinks;
  std::vector<ClosedChild> children;
  absl::flat_hash_map<std::int64_t, EndAside> asides;
  {
    MutexLock lock(&mu_);
    if (!ended_.ok()) {
      return;
    }
    ended_ = why;
    asides.swap(asides_);
    sinks = TakeStreams();
    while (!selectors_.empty()) {
      EraseSelector(selectors_.begin()->first);
    }
    while (!handles_.empty()) {
      RemoveHandle(handles_.begin()->first, &children);
    }
  }
  EndChildren(std::move(children));
  TellEnded(sinks, why);
  for (const auto& [id, end] : asides) {
    end(why);
  }
}

void Session::EndStreams(absl::Status why) {
  std::vector<std::weak_ptr<StreamSink>> sinks;
  {
    MutexLock lock(&mu_);
    sinks = TakeStreams();
  }
  TellEnded(sinks, why);
}

std::vector<std::weak_ptr<StreamSink>> Session::TakeStreams() {
  std::vector<std::weak_ptr<StreamSink>> sinks;
  for (const auto& [id, sink] : streams_) {
    sinks.push_back(sink);
  }
  while (!waits_.empty()) {
    EndWaitLocked(waits_.begin()->first);
  }
  streams_.clear();
  return sinks;
}

void Session::TellEnded(const std::vector<std::weak_ptr<StreamSink>>& sinks,
                        const absl::Status& why) {
  for (const std::weak_ptr<StreamSink>& weak : sinks) {
    if (const std::shared_ptr<StreamSink> sink = weak.lock()) {
      sink->OnEnded(why);
    }
  }
}

absl::StatusOr<StreamId> Session::AttachStream(std::weak_ptr<StreamSink> sink) {
  MutexLock lock(&mu_);
  if (const absl::Status alive = Alive(); !alive.ok()) {
    return alive;
  }
  return AttachLocked(std::move(sink));
}

absl::StatusOr<StreamId> Session::AttachLocked(std::weak_ptr<StreamSink> sink) {
  const std::int64_t limit = context_.limits->max_session_streams;
  if (static_cast<std::int64_t>(streams_.size()) >= limit) {
    return LimitReached("max_session_streams", limit, id_);
  }
  const StreamId id = ++last_stream_;
  streams_.emplace(id, std::move(sink));
  return id;
}

void Session::DetachStream(StreamId id) {
  MutexLock lock(&mu_);
  DetachLocked(id);
}

void Session::DetachLocked(StreamId id) {
  if (streams_.erase(id) != 0) {
    TouchLocked();
  }
}

void Session::Wake(const Wakeups& sinks) {
  for (const std::weak_ptr<WaitSink>& weak : sinks) {
    if (const std::shared_ptr<WaitSink> sink = weak.lock()) {
      sink->OnReady();
    }
  }
}

}  // namespace farpoll::server
