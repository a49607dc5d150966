#include "client/cli/observe_feed.h"

#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <utility>

#include "base/errno_status.h"
#include "client/retry.h"

namespace farpoll::cli {

ObserveFeed::ObserveFeed(Session& session, v1::ObserveRequest request)
    : session_(session),
      request_(std::move(request)),
      wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      thread_([this] { Read(); }) {}

ObserveFeed::~ObserveFeed() {
  {
    MutexLock lock(&mutex_);
    stopped_ = true;
    if (stream_.has_value()) {
      stream_->Cancel();
    }
    changed_.SignalAll();
  }
  thread_.join();
}

ObserveFeed::News ObserveFeed::Take() {
  MutexLock lock(&mutex_);
  std::uint64_t count = 0;
  (void)!::read(wake_.get(), &count, sizeof(count));
  News news = news_;
  news.pieces = std::exchange(news_.pieces, {});
  changed_.SignalAll();
  return news;
}

void ObserveFeed::Wake() {
  const std::uint64_t one = 1;
  (void)!::write(wake_.get(), &one, sizeof(one));
}

void ObserveFeed::Read() {
  pthread_setname_np(pthread_self(), "farpoll-observe");
  client::Retry retry({});
  while (ObserveStream* const stream = Open()) {
    ReadToEnd(*stream);
    const absl::Status status = stream->status();
    if (heard_) {
      retry.Succeeded();
    }
    if (DetailOf(status).reason == "SNAPSHOT_REQUIRED" &&
        !request_.resume_token().empty()) {
      request_.clear_resume_token();
      anew_ = true;
      continue;
    }
    const MonotonicTime now = std::chrono::steady_clock::now();
    // A server that was never there is no server that went away.
    const absl::optional<absl::Duration> pause =
        served_ && !absl::IsCancelled(status) ? retry.PauseAfter(status, now)
                                              : absl::nullopt;
    if (!pause.has_value()) {
      End(status);
      return;
    }
    AwayUntil(DeadlineAfter(now, *pause));
  }
}

ObserveStream* ObserveFeed::Open() {
  MutexLock lock(&mutex_);
  if (stopped_) {
    return nullptr;
  }
  heard_ = false;
  stream_.emplace(session_.Observe(request_));
  return &*stream_;
}

void ObserveFeed::ReadToEnd(ObserveStream& stream) {
  while (const v1::ObserveResponse* const response = stream.Next()) {
    heard_ = served_ = true;
    MutexLock lock(&mutex_);
    while (news_.pieces.size() == kMostPieces && !stopped_) {
      changed_.Wait(&mutex_);
    }
    news_.away = false;
    news_.pieces.push_back({*response, std::exchange(anew_, false)});
    Wake();
  }
  if (anew_ || stream.token().empty()) {
    // Nothing to resume from: what of a snapshot did not come is in a new one.
    anew_ = true;
  }
  request_.set_resume_token(stream.token());
}

void ObserveFeed::AwayUntil(MonotonicTime until) {
  MutexLock lock(&mutex_);
  news_.away = true;
  Wake();
  while (!stopped_ && changed_.WaitUntil(&mutex_, until)) {
  }
}

void ObserveFeed::End(const absl::Status& status) {
  MutexLock lock(&mutex_);
  news_.end = status;
  Wake();
}

}  // namespace farpoll::cli
