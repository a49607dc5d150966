// client/event_stream.h: room: client. An open Wait: results one after another,
// each asked for by a credit that is granted when the last was dealt with.
//
//   for (const Event& event : stream) { ... }
//   if (!stream.status().ok()) { ... }
//
// One that Selector::Wait() opened ends with its connection. One of
// Selector::WaitFor() outlives it: it connects again, resumes after what was
// dealt with, and hands each result out once.
//
// Threads: one reader; Cancel() from any thread.
// Source: farpoll/v1/selector.proto, Wait; docs/streams.md.
#ifndef FARPOLL_CLIENT_EVENT_STREAM_H_
#define FARPOLL_CLIENT_EVENT_STREAM_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "base/timeout.h"
#include "client/retry.h"
#include "farpoll/v1/event.pb.h"
#include "farpoll/v1/selector.pb.h"
#include "selector/events.h"
#include "selector/kqueue/kevent.h"

namespace farpoll::client {

class Connection;

// How a process ended.
struct ExitStatus {
  int code = 0;    // of exit(3), when `signal` is 0
  int signal = 0;  // that killed it
  bool core_dumped = false;
};

ExitStatus ExitFromProto(const v1::ExitStatus& exit);

// What was read of a handle for an event, when its registration asks for that.
struct EventData {
  std::string data;  // of a message socket one message
  // Nothing came: beside `urgent` or `error` only.
  bool would_block = false;
  // Nothing will ever come.
  bool end_of_file = false;
  // The message was longer than was asked for; the rest of it is gone.
  bool truncated = false;
  // Of a datagram: who sent it; empty when the sender has no address.
  std::string source;
  // The urgent byte of a stream socket, if it came.
  std::string urgent;
  // The handle's error, in place of data; told once.
  absl::Status error;
};

// One handle found ready.
struct Event {
  std::int64_t handle_id = 0;
  // May be empty.
  std::string handle_name;
  // What was seen; never zero.
  Events events = 0;
  // As given at registration.
  std::uint64_t cookie = 0;
  // Of the registration; drop events older than your last change of it.
  std::int64_t generation = 0;
  // Counts the reports of the handle: an answer of its Read or Write is newer
  // when its readiness.generation is not smaller.
  std::int64_t readiness_generation = 0;
  // Of a process that has ended.
  absl::optional<ExitStatus> exit;
  // What it brings, when its registration asks for data and reading told
  // something. It is dealt with when the result is.
  absl::optional<EventData> data;
};

EventData DataFromProto(v1::EventData data);

Event EventFromProto(v1::Event event);

// One change or event of a KQUEUE selector.
struct NamedKevent {
  // Its ident is the handle's id, where the filter takes handles.
  farpoll::Kevent kevent;
  // In a change, names the handle in place of the ident. In an event, may be
  // empty.
  std::string handle_name;
};

NamedKevent KeventFromProto(const v1::Kevent& kevent);

// A place in a selector's row of results.
struct WaitPosition {
  std::int64_t epoch = 0;
  std::int64_t sequence = 0;
};

struct WaitOptions {
  // How long to wait for each result; the stream ends when it passes.
  Timeout timeout = Timeout::Forever();
  // Results that the server may send ahead; 1 is exactly a local loop, more
  // (up to 64) hide the way there and back.
  std::int32_t credits = 1;
  // Events in a result at most; 0 = the server's limit.
  std::int32_t max_events = 0;
  // Continue a wait that was cut after this result.
  absl::optional<WaitPosition> resume_after;
  // End the wait that somebody else has in progress, which is told ABORTED
  // (TAKEN_OVER). Once this one has been on, it takes nobody's place again.
  bool take_over = false;
  // How long the server may let a result grow once something is ready.
  absl::Duration max_batch_delay = absl::ZeroDuration();
  // Have a notice after so much silence; none by default.
  absl::optional<absl::Duration> progress_interval;
};

// What one wait found.
struct WaitResult {
  WaitPosition position;
  // A notice and no result: nothing is between `position` and now. There are
  // no events in it, and it is no timeout.
  bool progress = false;
  // Empty after a timeout.
  std::vector<Event> events;
  // The same of a KQUEUE selector.
  std::vector<NamedKevent> kevents;
  // Nanoseconds on the server's monotonic clock.
  std::int64_t sampled_at_ns = 0;
};

class EventStream {
 public:
  // Opens a wait as `options` say, on the session and selector of `open`. With
  // `retry` it outlives its connections.
  //   Errors: without `retry`, of the opening call; INVALID_ARGUMENT (EINVAL)
  //     for a timeout that is no number.
  static absl::StatusOr<EventStream> Open(
      std::shared_ptr<Connection> connection, v1::WaitOpen open,
      const WaitOptions& options, const absl::optional<RetryOptions>& retry);
  EventStream(EventStream&&) noexcept;
  EventStream& operator=(EventStream&&) noexcept;
  // Ends the wait; what was not acknowledged will be reported again.
  ~EventStream();

  // Acknowledges the result before, grants a credit and blocks for the next
  // result; null when the stream is over. Ownership: valid until the next call.
  // A timeout is a result without events. One of WaitFor() has it also while
  // the server is away, and from a server that does not answer, after the
  // client's call_timeout more; position() is then what it was.
  const WaitResult* Next();

  // One event after another, over results and notices. At the end of a result
  // it does what Next() does; a timeout ends it. (A kqueue's are to be had by
  // Next().)
  class Iterator {
   public:
    explicit Iterator(EventStream* stream) : stream_(stream) { Settle(); }
    const Event& operator*() const { return result_->events[index_]; }
    Iterator& operator++() {
      ++index_;
      Settle();
      return *this;
    }
    bool done() const { return result_ == nullptr; }

   private:
    // Moves to the next result when this one is used up.
    void Settle();
    EventStream* stream_;
    const WaitResult* result_ = nullptr;
    std::size_t index_ = 0;
  };
  struct End {
    friend bool operator!=(const Iterator& iterator, End) {
      return !iterator.done();
    }
  };
  Iterator begin() { return Iterator(this); }
  End end() { return {}; }

  // Ends the stream: Next() returns null, status() is CANCELLED.
  void Cancel();

  // Why the stream is over: OK after a timeout, and before the end. Of one of
  // WaitFor():
  //   NOT_FOUND with the reason: the session or the selector is gone, or the
  //     server is another one; FAILED_PRECONDITION (EBUSY), ABORTED: another
  //     wait has the selector; CANCELLED; UNAVAILABLE after
  //     RetryOptions::give_up_after; what the server refuses for good.
  const absl::Status& status() const;
  // The last result handed out; what to resume after once it is dealt with.
  WaitPosition position() const;
  // How often the wait was cut and then went on with a result.
  std::int64_t reconnects() const;

 private:
  class State;
  explicit EventStream(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace farpoll::client

namespace farpoll {
using client::EventData;
using client::EventStream;
using client::ExitStatus;
using client::NamedKevent;
using client::WaitOptions;
using client::WaitPosition;
using client::WaitResult;
}  // namespace farpoll

#endif  // FARPOLL_CLIENT_EVENT_STREAM_H_
