// server/wait/waiter.h: room: server/wait. Credits, sequence numbers and
// results not yet acknowledged: what makes a row of poll() calls of a selector.
// No gRPC in it, and no waiting: whoever drives it asks for the next result
// when the selector's descriptor is readable and the stream can take one.
// Threads: fenced by the session's lock.
// Source: docs/semantics.md section 7.
#ifndef FARPOLL_SERVER_WAIT_WAITER_H_
#define FARPOLL_SERVER_WAIT_WAITER_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "base/clock.h"
#include "server/wait/result.h"
#include "server/wait/source.h"

namespace farpoll::server {

struct WaitOptions {
  std::int64_t credits = 1;  // at the start
  // Credits, and results sent but not acknowledged, together.
  std::int64_t max_credits = 1;
  std::size_t max_events = 1;  // in one result
  // Events in results that are kept, together. Where little is left of that a
  // result is small, but never empty: a credit is always good for one event.
  std::size_t max_unacked_events = 1;
  // How long a credit may wait; infinite for ever.
  absl::Duration timeout = absl::InfiniteDuration();
  // Resume after this sequence; absent: start afresh.
  absl::optional<std::int64_t> resume_after;
};

// At most one wait at a time on a selector. Results that were not acknowledged
// outlive the wait, for the next one to resume.
class Waiter {
 public:
  // `source` is borrowed and outlives this.
  explicit Waiter(Source* source) : source_(source) {}

  bool active() const { return active_; }

  // Begins a wait. One that resumes sends what is kept first, each result for a
  // credit as a new one, so that its client gets no more than it asked for.
  //   Errors: FAILED_PRECONDITION (EBUSY) while another is active;
  //     INVALID_ARGUMENT for credits not from 1 to what max_credits leaves, or
  //     a resume position that was never sent.
  absl::Status Begin(const WaitOptions& options, MonotonicTime now,
                     TargetOf target_of);

  // Ends the wait. Nothing is lost: see Begin() with resume_after.
  void End();

  // Forgets results up to `acknowledge` and adds `credits`.
  //   Errors: INVALID_ARGUMENT for credits not from 1 to what max_credits
  //     leaves, or a sequence never sent; nothing is done then.
  absl::Status Grant(std::int64_t acknowledge, std::int64_t credits,
                     MonotonicTime now);

  // The next result, if there is one to send now.
  absl::optional<Result> Take(MonotonicTime now);

  // As Take(), for a wait of one result that needs no acknowledgement: a result
  // also ends the wait, and its events come in order of registration.
  absl::optional<Result> TakeOnly(MonotonicTime now);

  // Whether only readiness, or the deadline, can bring the next result; false
  // when no credit is left.
  bool wants_readiness() const { return active_ && credits_ > 0; }

  // When the credit in use runs out; kNever without a timeout or credit.
  MonotonicTime deadline() const { return deadline_; }

  // Gives back a result that did not reach the client.
  void Restore(const Result& result, TargetOf target_of);

 private:
  absl::Status CheckCredits(std::int64_t credits, std::size_t unacked) const;
  // Drops acknowledged results from the front.
  void Forget(std::int64_t acknowledge);
  // Starts the timeout of the credit in use, if there is one.
  void StartCredit(MonotonicTime now);
  // Asks level-triggered registrations to wait for their acknowledgement once
  // more than one result can be on the way.
  void UpdateQuiet();
  // How many events the next result may have.
  std::size_t Room() const;
  // Gives a new result its number and sends it.
  Result Number(Result result, MonotonicTime now);
  // Sends the first result that this wait has not sent, for a credit.
  Result Send(MonotonicTime now);

  Source* const source_;
  bool active_ = false;
  WaitOptions options_;
  std::int64_t credits_ = 0;
  std::int64_t last_sequence_ = 0;
  std::deque<Result> unacked_;
  std::size_t unacked_events_ = 0;
  std::size_t sent_ = 0;  // of unacked_, how many were sent in this wait
  MonotonicTime deadline_ = kNever;
};

}  // namespace farpoll::server

#endif  // FARPOLL_SERVER_WAIT_WAITER_H_
