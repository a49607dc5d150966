// server/wait/waiter.h: room: server/wait. Credits, sequence numbers and
// results not yet acknowledged: what makes a row of poll() calls of a selector.
// No gRPC in it, and no waiting: whoever drives it asks for the next result
// when the selector's descriptor is readable and the stream can take one.
// Threads: fenced by the session's lock.
// Source: docs/semantics.md section 7.
#ifndef FARPOLL_SERVER_WAIT_WAITER_H_
#define FARPOLL_SERVER_WAIT_WAITER_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "base/clock.h"
#include "server/policy/quota.h"
#include "server/wait/kept_result.h"
#include "server/wait/result.h"
#include "server/wait/source.h"

namespace farpoll::server {

// EBUSY: a selector has a wait in progress, and takes one at a time.
absl::Status WaitInProgress();

struct WaitOptions {
  std::int64_t credits = 1;  // at the start
  // Credits, and results sent but not acknowledged, together.
  std::int64_t max_credits = 1;
  std::size_t max_events = 1;  // in one result
  // Events in results that are kept, together. Where little is left of that a
  // result is small, but never empty: a credit is always good for one event.
  std::size_t max_unacked_events = 1;
  // Bytes that the events of one result, and of all results not acknowledged,
  // take along; the last event may go over by its own. 0: none take any.
  std::int64_t max_result_bytes = 0;
  std::int64_t max_unacked_bytes = 1;
  // How long a credit may wait; infinite for ever.
  absl::Duration timeout = absl::InfiniteDuration();
  // How long to let a result grow once something is ready.
  absl::Duration batch_delay = absl::ZeroDuration();
  // A notice follows so much silence; infinite for none.
  absl::Duration progress_interval = absl::InfiniteDuration();
  // Ends the wait that is active, if there is one.
  bool take_over = false;
  // Resume after this sequence; absent: start afresh.
  absl::optional<std::int64_t> resume_after;
};

// At most one wait at a time on a selector. Results that were not acknowledged
// outlive the wait, for the next one to resume.
class Waiter {
 public:
  // `source` is borrowed and outlives this. Bytes that results hold are counted
  // in `bytes` (max_held_bytes); results take none along where none are left.
  explicit Waiter(Source* source, std::shared_ptr<Quota> bytes = nullptr)
      : source_(source), held_(std::move(bytes)) {}

  bool active() const { return active_; }

  // Begins a wait. One that resumes sends what is kept first, each result for a
  // credit as a new one, so that its client gets no more than it asked for.
  //   Errors: FAILED_PRECONDITION (EBUSY) while another is active that is not
  //     to be taken over; INVALID_ARGUMENT for credits not from 1 to
  //     max_credits, or a resume position that was never sent. Nothing has
  //     changed then.
  absl::Status Begin(const WaitOptions& options, MonotonicTime now,
                     TargetOf target_of);

  // Ends the wait. Nothing is lost: see Begin() with resume_after.
  void End();

  // Forgets results up to `acknowledge` and adds `credits`.
  //   Errors: INVALID_ARGUMENT for credits not from 1 to what max_credits
  //     leaves, or a sequence never sent; nothing is done then.
  absl::Status Grant(std::int64_t acknowledge, std::int64_t credits,
                     MonotonicTime now);

  // The next result, if there is one to send now; or a notice, which uses no
  // credit up, has the sequence of the last result sent, and is not kept.
  absl::optional<Result> Take(MonotonicTime now);

  // As Take(), for a wait of one result that needs no acknowledgement, and so
  // takes no bytes along: a result also ends the wait, and its events come in
  // order of registration.
  absl::optional<Result> TakeOnly(MonotonicTime now);

  // Whether a result can come without a further grant: a credit is left, and
  // not too many bytes are on the way.
  bool has_credit() const { return active_ && credits_ > 0 && HasByteRoom(); }
  // Whether readiness can bring it; false while one is left to grow.
  bool wants_readiness() const { return has_credit() && batch_at_ == kNever; }

  // When Take() may find something without readiness; kNever: not at all.
  MonotonicTime deadline() const {
    return std::min({deadline_, batch_at_, notice_at_});
  }

  // Gives back a result of TakeOnly() that did not reach the client.
  void Restore(const Result& result, TargetOf target_of);

  // Gives the bytes of what was not acknowledged back to their handles; for a
  // selector that is closed. Nothing can be resumed after it.
  void GiveUp();

  // The handles to which bytes came back since it was last asked.
  std::vector<std::int64_t> TakeReturned() {
    return std::exchange(returned_, {});
  }

 private:
  bool HasByteRoom() const {
    return unacked_bytes_ < options_.max_unacked_bytes;
  }
  // How many bytes the next result may take along.
  std::size_t ByteRoom() const;
  void SetUnackedBytes(std::int64_t bytes) {
    unacked_bytes_ = bytes;
    held_.Set(bytes);
  }
  // Gives back the bytes that a result took along.
  void ReturnBytes(const Result& result);
  std::vector<Result> UnpackUnacked() const;
  // Takes back all that was not acknowledged, with its bytes.
  std::vector<Result> TakeUnacked();
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
  // The first result that this wait has not sent goes out now, for a credit.
  void CountSent(MonotonicTime now);
  // Whether Collect() might find something.
  bool MayBeReady() const;
  // Whether what is ready shall wait for more.
  bool Grows(MonotonicTime now);
  // The next result, if there is one.
  absl::optional<Result> TakeResult(MonotonicTime now);

  Source* const source_;
  bool active_ = false;
  bool quiet_ = false;  // what the source was told in this wait
  WaitOptions options_;
  std::int64_t credits_ = 0;
  std::int64_t last_sequence_ = 0;
  std::deque<KeptResult> unacked_;
  std::size_t unacked_events_ = 0;
  std::size_t sent_ = 0;  // of unacked_, how many were sent in this wait
  std::int64_t unacked_bytes_ = 0;
  QuotaShare held_;  // of unacked_bytes_
  std::vector<std::int64_t> returned_;
  MonotonicTime deadline_ = kNever;   // of the credit in use
  MonotonicTime batch_at_ = kNever;   // when a growing result is sent
  MonotonicTime notice_at_ = kNever;  // if nothing is sent before
};

}  // namespace farpoll::server

#endif  // FARPOLL_SERVER_WAIT_WAITER_H_
