// client/retry.h: room: client. Which end of a wait is worth another attempt,
// after how long, and what its caller is told when none is.
// Threads: one; time is what it is told.
// Source: docs/streams.md, "The client that comes back".
#ifndef FARPOLL_CLIENT_RETRY_H_
#define FARPOLL_CLIENT_RETRY_H_

#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "base/clock.h"

namespace farpoll::client {

// How a wait that was cut is taken up again.
struct RetryOptions {
  // Attempts come in rows; a row ends when the wait goes on. The pause before
  // the Nth is random: up to first_pause * 2^(N-1), longest_pause at most. What
  // the server asked for comes on top.
  absl::Duration first_pause = absl::Milliseconds(50);
  absl::Duration longest_pause = absl::Seconds(5);
  // How long a row lasts before the caller is told of its last failure.
  absl::Duration give_up_after = absl::InfiniteDuration();
  // How long a server may go on to count the wait that was cut, since it has
  // not noticed: so long its "in use" is taken for that. After it somebody else
  // has the selector.
  absl::Duration busy_patience = absl::Minutes(1);
  // From 0 to 1, for the pauses; empty = the system's randomness.
  std::function<double()> random;
};

// What a failed call says of the time until the next attempt, as the server put
// it (google.rpc.RetryInfo); zero when it said nothing.
absl::Duration RetryDelayOf(const absl::Status& status);
// `status` with a serialized google.rpc.RetryInfo.
absl::Status WithRetryInfo(absl::Status status, const std::string& info);

// One row of attempts after another.
class Retry {
 public:
  explicit Retry(RetryOptions options);

  // The server answered, and from `since` on may have had the wait on: the row
  // is over. Pauses grow on when the wait ends before longest_pause.
  void Connected(MonotonicTime since);
  // A result came: pauses begin anew as well.
  void Succeeded();

  // How long to wait before another attempt, after one that ended with
  // `failure` at `now`; none when another would be of no use.
  absl::optional<absl::Duration> PauseAfter(const absl::Status& failure,
                                            MonotonicTime now);

  // Whether attempts failed since the wait was last on.
  bool in_row() const { return row_began_ != kNever; }
  // When the row in progress ends without success; kNever without one.
  MonotonicTime gives_up_at() const;
  // The last failure of the row.
  const absl::Status& failure() const { return failure_; }

 private:
  const RetryOptions options_;
  bool tried_ = false;                 // an attempt failed, or was answered
  MonotonicTime row_began_ = kNever;   // kNever: no row has
  MonotonicTime busy_began_ = kNever;  // the first "in use" since it was on
  MonotonicTime on_since_ = kNever;    // kNever: not on since the last failure
  absl::Duration longest_next_;
  absl::Status failure_;
};

// What a caller is told of a wait that ended with `end`: NOT_FOUND, with the
// server's reason, when what was waited on is gone, however the server found
// that out: the session (SESSION_UNKNOWN, LEASE_EXPIRED, SESSION_DELETED, or
// EPOCH_CHANGED: the server is another one), the selector (SELECTOR_UNKNOWN,
// CLOSED). All else as it is.
absl::Status Told(const absl::Status& end);

}  // namespace farpoll::client

namespace farpoll {
using client::RetryOptions;
}  // namespace farpoll

#endif  // FARPOLL_CLIENT_RETRY_H_
