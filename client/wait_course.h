// client/wait_course.h: room: client, private to it. The course of one wait
// over one call after another: how each opens, when to make the next, and what
// came of it. It makes no call and waits for nothing: EventStream and AsyncWait
// drive it, each in its own way. Threads: fenced by whoever drives it; time is
// what it is told. Source: docs/streams.md, "The client that comes back".
#ifndef FARPOLL_CLIENT_WAIT_COURSE_H_
#define FARPOLL_CLIENT_WAIT_COURSE_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/types/optional.h"
#include "base/clock.h"
#include "client/event_stream.h"
#include "client/retry.h"
#include "farpoll/v1/selector.pb.h"

namespace farpoll::client {

// Puts `options` into `open`.
//   Errors: INVALID_ARGUMENT (EINVAL) for a timeout that is no number.
absl::Status FillOpen(const WaitOptions& options, v1::WaitOpen* open);
// What a response with a sequence says.
void FillResult(v1::WaitResponse response, WaitResult* result);

class WaitCourse {
 public:
  // The first call opens with `open`. Without `retry` it is the only one.
  WaitCourse(v1::WaitOpen open, const absl::optional<RetryOptions>& retry);

  // Whether it outlives its connections.
  bool lasts() const { return retry_.has_value(); }

  // What the next call opens with; that call is in progress from now on.
  v1::WaitOpen Begin();
  // The call in progress was answered at `since`; kNever: not yet. Whether it
  // was: gRPC does not tell a refusal from a wait that is on before the call is
  // over.
  bool NoteOn(MonotonicTime since);
  // It brought a result.
  void NoteResult();
  // Everything up to `position` is dealt with when the next call is made, which
  // goes on after it.
  void GoOnAfter(const WaitPosition& position);
  // It ended with `end`: when to make another. None when that is of no use;
  // then the caller is told FinalStatus(end).
  absl::optional<MonotonicTime> NextAfter(const absl::Status& end,
                                          MonotonicTime now);
  absl::Status FinalStatus(const absl::Status& end) const;

  // The call in progress is one of a row of attempts, none of them answered.
  bool away() const { return lasts() && !noted_ && retry_->in_row(); }
  // When that row has lasted long enough; kNever without one. The caller is
  // told failure() then.
  MonotonicTime gives_up_at() const;
  const absl::Status& failure() const { return retry_->failure(); }

  // How often the wait was cut and then went on with a result.
  std::int64_t reconnects() const { return reconnects_; }

 private:
  v1::WaitOpen open_;
  absl::optional<Retry> retry_;
  bool noted_ = false;  // that the call in progress was answered
  bool fresh_ = true;   // the call in progress brought no result yet
  bool cut_ = false;    // a call before it did
  std::int64_t reconnects_ = 0;
};

}  // namespace farpoll::client

#endif  // FARPOLL_CLIENT_WAIT_COURSE_H_
