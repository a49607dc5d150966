#include "client/async_wait.h"

#include <chrono>
#include <utility>

#include "client/status.h"

namespace farpoll::client {

AsyncWait::State::Attempt::Attempt(Connection& connection,
                                   grpc::CompletionQueue& queue, bool patient)
    : call(connection, absl::InfiniteDuration()),
      stream(connection.selectors().PrepareAsyncWait(&call.context(), &queue)) {
  call.context().set_wait_for_ready(patient);
}

AsyncWait::State::State(WaitLoop::Core& loop,
                        std::shared_ptr<Connection> connection,
                        v1::WaitOpen open, const RetryOptions& retry,
                        WaitCallbacks callbacks)
    : loop_(loop),
      connection_(std::move(connection)),
      callbacks_(std::move(callbacks)),
      course_(std::move(open), retry) {
  for (int i = 0; i <= static_cast<int>(Kind::kGiveUp); ++i) {
    steps_[i] = {this, static_cast<Kind>(i)};
  }
  connection_->EndOnCancel(&client_);
}

AsyncWait::State::~State() { connection_->Forget(&client_); }

void* AsyncWait::State::Start(Kind kind) {
  ++in_progress_;
  return &steps_[static_cast<int>(kind)];
}

void AsyncWait::State::Begin() {
  loop_.Add(shared_from_this());
  MutexLock lock(&mutex_);
  pause_.Set(&loop_.queue(), gpr_now(GPR_CLOCK_MONOTONIC), Start(Kind::kPause));
}

void AsyncWait::State::Cancel() {
  MutexLock lock(&mutex_);
  is_cancelled_ = true;
  if (attempt_ != nullptr) {
    attempt_->call.context().TryCancel();
  }
  pause_.Cancel();
  while (is_calling_ && !loop_.InThread()) {
    called_.Wait(&mutex_);
  }
}

bool AsyncWait::State::IsCancelled() {
  MutexLock lock(&mutex_);
  return is_cancelled_;
}

void AsyncWait::State::Deliver(const std::function<void()>& callback) {
  {
    MutexLock lock(&mutex_);
    if (is_cancelled_) {
      return;
    }
    is_calling_ = true;
  }
  callback();
  MutexLock lock(&mutex_);
  is_calling_ = false;
  called_.SignalAll();
}

void AsyncWait::State::OnStep(Kind kind, bool ok) {
  --in_progress_;
  switch (kind) {
    case Kind::kPause:
      OnPauseOver();
      return;
    case Kind::kGiveUp:
      if (ok && attempt_ != nullptr && !course_.NoteOn(kNever)) {
        attempt_->gave_up = true;
        attempt_->call.context().TryCancel();
      }
      break;
    case Kind::kStart:
      if (ok) {
        StartWrite();
        attempt_->stream->ReadInitialMetadata(Start(Kind::kOn));
      } else {
        StartFinish();
      }
      break;
    case Kind::kOn:
      if (ok) {
        course_.NoteOn(std::chrono::steady_clock::now());
      }
      give_up_.Cancel();
      StartRead();  // which tells why, when it is not on
      break;
    case Kind::kWrite:
      attempt_->is_writing = false;
      attempt_->is_broken |= !ok;  // the read in progress will tell
      StartWrite();
      break;
    case Kind::kRead:
      if (ok) {
        OnMessage();
        StartRead();
      } else {
        StartFinish();
      }
      break;
    case Kind::kFinish:
      give_up_.Cancel();
      break;
  }
  // Finishing is a step itself, so none in progress means that it is done.
  if (attempt_ != nullptr && attempt_->is_finishing && in_progress_ == 0) {
    OnAttemptOver();
  }
}

void AsyncWait::State::OnPauseOver() {
  if (IsCancelled() || client_.ended()) {
    End(absl::CancelledError("the wait was cancelled"));
  } else {
    StartAttempt();
  }
}

void AsyncWait::State::StartAttempt() {
  // The first says at once when nobody answers.
  auto attempt = std::make_unique<Attempt>(*connection_, loop_.queue(),
                                           !std::exchange(is_first_, false));
  *attempt->to_send.mutable_open() = course_.Begin();
  attempt->has_to_send = true;
  MutexLock lock(&mutex_);
  attempt_ = std::move(attempt);
  if (is_cancelled_) {
    attempt_->call.context().TryCancel();
  }
  attempt_->stream->StartCall(Start(Kind::kStart));
  if (const MonotonicTime until = course_.gives_up_at(); until != kNever) {
    give_up_.Set(&loop_.queue(), ToGpr(until), Start(Kind::kGiveUp));
  }
}

void AsyncWait::State::StartWrite() {
  if (attempt_->is_writing || attempt_->is_broken ||
      !std::exchange(attempt_->has_to_send, false)) {
    return;
  }
  attempt_->is_writing = true;
  attempt_->stream->Write(std::exchange(attempt_->to_send, {}),
                          Start(Kind::kWrite));
}

void AsyncWait::State::StartRead() {
  attempt_->stream->Read(&attempt_->incoming, Start(Kind::kRead));
}

void AsyncWait::State::StartFinish() {
  attempt_->is_finishing = true;
  attempt_->stream->Finish(&attempt_->status, Start(Kind::kFinish));
}

void AsyncWait::State::OnMessage() {
  const bool is_notice = attempt_->incoming.progress();
  if (!is_notice && attempt_->incoming.sequence() == 0) {
    return;  // the answer to changes: none asked here
  }
  if (!is_notice) {
    course_.NoteResult();
  }
  FillResult(std::move(attempt_->incoming), &result_);
  Deliver([this] { callbacks_.on_result(result_); });
  if (IsCancelled()) {
    return;  // perhaps in the middle of it: the result is not dealt with
  }
  course_.GoOnAfter(result_.position);
  if (!is_notice) {
    // Several may have been dealt with since the last grant went out.
    v1::WaitGrant* const grant = attempt_->to_send.mutable_grant();
    grant->set_acknowledge(result_.position.sequence);
    grant->set_credits(grant->credits() + 1);
    attempt_->has_to_send = true;
    StartWrite();
  }
}

void AsyncWait::State::OnAttemptOver() {
  const absl::Status status = FromGrpc(attempt_->status);
  const bool gave_up = attempt_->gave_up;
  {
    MutexLock lock(&mutex_);
    attempt_.reset();
  }
  if (IsCancelled() || client_.ended()) {
    End(absl::CancelledError("the wait was cancelled"));
    return;
  }
  if (gave_up) {
    End(course_.failure());
    return;
  }
  const absl::optional<MonotonicTime> next =
      course_.NextAfter(status, std::chrono::steady_clock::now());
  if (!next.has_value()) {
    End(course_.FinalStatus(status));
    return;
  }
  MutexLock lock(&mutex_);
  pause_.Set(&loop_.queue(), ToGpr(*next), Start(Kind::kPause));
  if (is_cancelled_) {
    pause_.Cancel();
  }
}

void AsyncWait::State::End(const absl::Status& status) {
  Deliver([&] { callbacks_.on_end(status); });
  loop_.Remove(shared_from_this());
}

AsyncWait::AsyncWait(std::shared_ptr<State> state) : state_(std::move(state)) {}
AsyncWait::AsyncWait(AsyncWait&&) noexcept = default;
AsyncWait& AsyncWait::operator=(AsyncWait&& other) noexcept {
  if (this != &other) {
    if (state_ != nullptr) {
      state_->Cancel();
    }
    state_ = std::move(other.state_);
  }
  return *this;
}
AsyncWait::~AsyncWait() {
  if (state_ != nullptr) {
    state_->Cancel();
  }
}

void AsyncWait::Cancel() { state_->Cancel(); }

}  // namespace farpoll::client
