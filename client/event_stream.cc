#include "client/event_stream.h"

#include <algorithm>
#include <utility>

#include "base/mutex.h"
#include "client/connection.h"
#include "client/convert.h"
#include "client/pause.h"
#include "client/status.h"
#include "client/wait_call.h"
#include "client/wait_course.h"

namespace farpoll::client {

// A wait over one call after another.
class EventStream::State {
 public:
  State(std::shared_ptr<Connection> connection, v1::WaitOpen open,
        Timeout timeout, const absl::optional<RetryOptions>& retry);
  ~State() { connection_->Forget(&pause_); }

  absl::Status Open();
  const WaitResult* Next();
  void Cancel() ABSL_LOCKS_EXCLUDED(mutex_);

  const absl::Status& status() const { return status_; }
  WaitPosition position() const { return result_.position; }
  std::int64_t reconnects() const { return course_.reconnects(); }

 private:
  // What there is to do after a call's end.
  enum class Turn { kGoOn, kTimedOut, kOver };

  bool lasts() const { return course_.lasts(); }
  // Starts a call that goes on after the last result that was handed out. The
  // first is over when nobody answers, which begins a row of attempts.
  void Call(bool first) ABSL_LOCKS_EXCLUDED(mutex_);
  // Notes that the call in progress was answered, if it was; whether it was.
  bool NoteOn() { return course_.NoteOn(call_->on_since()); }
  // How long a step may take that its caller allows `patience`.
  MonotonicTime LimitOf(MonotonicTime patience);
  // Calls again after a pause, if that is of use.
  Turn Recover(MonotonicTime due);
  const WaitResult* End(absl::Status status);
  const WaitResult* HandOut(v1::WaitResponse response);
  const WaitResult* TimedOut();

  const std::shared_ptr<Connection> connection_;
  const Timeout timeout_;
  const RealClock clock_;
  WaitCourse course_;
  Pause pause_;  // ended: cancelled

  Mutex mutex_;
  // Changed by the reader under the lock, for Cancel() alone.
  std::unique_ptr<WaitCall> call_;
  MonotonicTime call_at_ = kNever;  // the next attempt; kNever: not decided

  WaitResult result_;
  bool owed_ = false;  // result_ is to be acknowledged
  // When the result that is waited for is late. A notice changes nothing of it.
  MonotonicTime due_ = kNever;
  bool over_ = false;
  absl::Status status_;
};

EventStream::State::State(std::shared_ptr<Connection> connection,
                          v1::WaitOpen open, Timeout timeout,
                          const absl::optional<RetryOptions>& retry)
    : connection_(std::move(connection)),
      timeout_(timeout),
      course_(std::move(open), retry) {
  connection_->EndOnCancel(&pause_);
}

absl::Status EventStream::State::Open() {
  Call(/*first=*/true);
  const MonotonicTime due =
      lasts() ? DeadlineAfter(clock_.Now(), connection_->call_timeout())
              : kNever;
  if (call_->Send(due) == WaitCall::Step::kOver && !lasts()) {
    return call_->status();
  }
  return absl::OkStatus();
}

void EventStream::State::Call(bool first) {
  auto call = std::make_unique<WaitCall>(*connection_, course_.Begin(), !first);
  MutexLock lock(&mutex_);
  std::swap(call_, call);
  if (pause_.ended()) {
    call_->Cancel();
  }
}

MonotonicTime EventStream::State::LimitOf(MonotonicTime patience) {
  NoteOn();
  return std::min(patience, course_.gives_up_at());
}

void EventStream::State::Cancel() {
  pause_.End();
  MutexLock lock(&mutex_);
  call_->Cancel();
}

const WaitResult* EventStream::State::Next() {
  if (over_) {
    return nullptr;
  }
  if (std::exchange(owed_, false)) {
    call_->Grant(result_.position.sequence);
  }
  if (!std::exchange(result_.progress, false) && lasts() &&
      timeout_.kind() == Timeout::Kind::kFinite) {
    due_ = DeadlineAfter(clock_.Now(), timeout_.span());
  }
  const MonotonicTime due = due_;
  // The server knows best when the time is over, so it has longer to say so;
  // but not when it is away, or counts from the time of another attempt.
  NoteOn();
  MonotonicTime patience =
      course_.away() ? due : DeadlineAfter(due, connection_->call_timeout());
  for (;;) {
    v1::WaitResponse response;
    const MonotonicTime limit = LimitOf(patience);
    const WaitCall::Step step = call_->Read(&response, limit);
    const bool is_on = NoteOn();
    if (step == WaitCall::Step::kDeadline) {
      if (limit == patience) {
        return TimedOut();
      }
      if (is_on) {
        continue;  // there is nothing to give up
      }
      return End(course_.failure());
    }
    if (step == WaitCall::Step::kOver) {
      switch (Recover(due)) {
        case Turn::kGoOn:
          patience = due;
          continue;
        case Turn::kTimedOut:
          return TimedOut();
        case Turn::kOver:
          return nullptr;
      }
    }
    if (response.progress()) {
      return HandOut(std::move(response));
    }
    if (response.sequence() == 0) {
      continue;  // the answer to changes: none asked here
    }
    course_.NoteResult();
    if (lasts() && response.timed_out() && due != kNever &&
        clock_.Now() < due) {
      // Of a credit granted before this call began.
      result_.position = {response.epoch(), response.sequence()};
      course_.GoOnAfter(result_.position);
      call_->Grant(response.sequence());
      continue;
    }
    return HandOut(std::move(response));
  }
}

EventStream::State::Turn EventStream::State::Recover(MonotonicTime due) {
  if (pause_.ended()) {
    End(absl::CancelledError("the wait was cancelled"));
    return Turn::kOver;
  }
  if (call_at_ == kNever) {
    const absl::optional<MonotonicTime> next =
        course_.NextAfter(call_->status(), clock_.Now());
    if (!next.has_value()) {
      End(course_.FinalStatus(call_->status()));
      return Turn::kOver;
    }
    call_at_ = *next;
  }
  pause_.Last(std::min(call_at_, due));
  if (pause_.ended()) {
    End(absl::CancelledError("the wait was cancelled"));
    return Turn::kOver;
  }
  if (clock_.Now() < call_at_) {
    return Turn::kTimedOut;
  }
  call_at_ = kNever;
  Call(/*first=*/false);
  return Turn::kGoOn;
}

const WaitResult* EventStream::State::End(absl::Status status) {
  over_ = true;
  status_ = std::move(status);
  return nullptr;
}

const WaitResult* EventStream::State::TimedOut() {
  result_.events.clear();
  result_.kevents.clear();
  return &result_;
}

const WaitResult* EventStream::State::HandOut(v1::WaitResponse response) {
  FillResult(std::move(response), &result_);
  course_.GoOnAfter(result_.position);
  // Of a notice: all that was sent until then has been dealt with.
  owed_ = !result_.progress;
  return &result_;
}

EventData DataFromProto(v1::EventData data) {
  return EventData{
      std::move(*data.mutable_data()),
      data.outcome() == v1::READ_OUTCOME_WOULD_BLOCK,
      data.outcome() == v1::READ_OUTCOME_END_OF_FILE,
      data.truncated(),
      data.source(),
      data.urgent(),
      data.has_error() ? FromItem(data.error()) : absl::OkStatus()};
}

ExitStatus ExitFromProto(const v1::ExitStatus& exit) {
  return ExitStatus{exit.code(), exit.signal(), exit.core_dumped()};
}

Event EventFromProto(v1::Event event) {
  Event seen{event.handle_id(),
             event.handle_name(),
             static_cast<Events>(event.events()),
             event.cookie(),
             event.generation(),
             event.readiness_generation(),
             absl::nullopt,
             absl::nullopt};
  if (event.has_exit()) {
    seen.exit = ExitFromProto(event.exit());
  }
  if (event.has_data()) {
    seen.data = DataFromProto(std::move(*event.mutable_data()));
  }
  return seen;
}

NamedKevent KeventFromProto(const v1::Kevent& kevent) {
  NamedKevent named;
  named.kevent.ident = kevent.ident();
  named.kevent.filter = static_cast<std::int16_t>(kevent.filter());
  named.kevent.flags = static_cast<std::uint16_t>(kevent.flags());
  named.kevent.fflags = kevent.fflags();
  named.kevent.data = kevent.data();
  named.kevent.udata = kevent.udata();
  named.handle_name = kevent.name();
  return named;
}

absl::StatusOr<EventStream> EventStream::Open(
    std::shared_ptr<Connection> connection, v1::WaitOpen open,
    const WaitOptions& options, const absl::optional<RetryOptions>& retry) {
  if (const absl::Status filled = FillOpen(options, &open); !filled.ok()) {
    return filled;
  }
  auto state = std::make_unique<State>(std::move(connection), std::move(open),
                                       options.timeout, retry);
  const absl::Status opened = state->Open();
  if (!opened.ok()) {
    return opened;
  }
  return EventStream(std::move(state));
}

EventStream::EventStream(std::unique_ptr<State> state)
    : state_(std::move(state)) {}
EventStream::EventStream(EventStream&&) noexcept = default;
EventStream& EventStream::operator=(EventStream&&) noexcept = default;
EventStream::~EventStream() = default;

const WaitResult* EventStream::Next() { return state_->Next(); }
void EventStream::Cancel() { state_->Cancel(); }
const absl::Status& EventStream::status() const { return state_->status(); }
WaitPosition EventStream::position() const { return state_->position(); }
std::int64_t EventStream::reconnects() const { return state_->reconnects(); }

void EventStream::Iterator::Settle() {
  if (result_ != nullptr && index_ < result_->events.size()) {
    return;
  }
  index_ = 0;
  do {
    result_ = stream_->Next();
  } while (result_ != nullptr && result_->progress);
  if (result_ != nullptr && result_->events.empty()) {
    result_ = nullptr;  // the timeout passed
  }
}

}  // namespace farpoll::client
