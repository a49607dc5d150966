#include "server/policy/limits.h"

#include <cerrno>
#include <limits>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "base/errno_status.h"

namespace farpoll::server {
namespace {

// Descriptors, and what is counted with them, stay below what Linux allows a
// process at most (fs.nr_open's default).
constexpr std::int64_t kMostObjects = 1 << 20;
// A gRPC message holds 4 MiB by default; leave room for the rest of it.
constexpr std::int64_t kMostBytes = 4 << 20;
constexpr std::int64_t kMostBytesInMessage = kMostBytes - 4096;
// Longer spans of gRPC's do not fit its numbers.
constexpr std::int64_t kDayMs = std::int64_t{24} * 3600 * 1000;
constexpr std::int64_t kYearMs = 365 * kDayMs;

constexpr LimitField kFields[] = {
    {"max_share_percent", &Limits::max_share_percent, 1, 100,
     "what one principal may have of every number that all share, in percent; "
     "the server's own user may have all of it",
     false},
    {"reserve_percent", &Limits::reserve_percent, 0, 99,
     "what is kept of every number that all share for the server's own user "
     "alone, in percent",
     false},
    {"max_connections", &Limits::max_connections, 1, kMostObjects,
     "connections open at once, of all callers; further ones are closed at "
     "once"},
    {"max_connection_streams", &Limits::max_connection_streams, 1, kMostObjects,
     "calls in progress at once on a connection; further ones wait in the "
     "client. One that does not keep to it is cut off",
     false},
    {"max_calls", &Limits::max_calls, 1, 1 << 24,
     "calls in progress at once, of all callers"},
    {"max_connection_resets", &Limits::max_connection_resets, 1, kMostObjects,
     "calls that a connection may break off in a second; one that does more is "
     "cut off",
     false},
    {"max_metadata_bytes", &Limits::max_metadata_bytes, 1 << 10, 1 << 20,
     "bytes of a call's metadata", false},
    {"max_transit_bytes", &Limits::max_transit_bytes, 16 << 20,
     std::int64_t{1} << 40,
     "bytes of messages and headers on their way, of all connections; one that "
     "sends a quarter of it without a message coming whole is cut off",
     false},
    {"max_connection_idle_ms", &Limits::max_connection_idle_ms, 0, kDayMs,
     "how long a connection stays open without a call, in milliseconds; its "
     "client makes a new one when it needs one. 0: for ever",
     false},
    {"max_peer_silence_ms", &Limits::max_peer_silence_ms, 100, kDayMs,
     "how long a connection's peer may be silent, although it is asked for a "
     "sign of life, in milliseconds; then it is given up, and its waits end",
     false},
    {"min_ping_interval_ms", &Limits::min_ping_interval_ms, 1, kDayMs,
     "how often a client may ask for a sign of life, in milliseconds; one that "
     "asks more often loses its connection",
     false},
    {"max_connection_age_ms", &Limits::max_connection_age_ms, 0, kDayMs,
     "how old a connection becomes, give or take a tenth, in milliseconds; its "
     "client then moves to a new one. 0: any age",
     false},
    {"max_connection_age_grace_ms", &Limits::max_connection_age_grace_ms, 0,
     kDayMs,
     "how long calls in progress may go on upon a connection that has come of "
     "age, in milliseconds; then they end with UNAVAILABLE",
     false},
    {"max_passing_connections", &Limits::max_passing_connections, 1,
     kMostObjects,
     "connections open at once by which descriptors travel, of all callers; "
     "further ones are closed at once"},
    {"max_passing_ms", &Limits::max_passing_ms, 1, kYearMs,
     "how long such a connection may last, in milliseconds", false},
    {"max_sessions", &Limits::max_sessions, 1, kMostObjects,
     "sessions open at once, of all callers"},
    {"max_handles", &Limits::max_handles, 0, kMostObjects,
     "handles open at once, of all sessions; lowered to what the process's "
     "descriptor limit allows"},
    {"max_session_handles", &Limits::max_session_handles, 0, kMostObjects,
     "handles open at once in a session"},
    {"max_weak_handles", &Limits::max_weak_handles, 0, kMostObjects,
     "handles in weak custody, of all sessions; each counts until its selector "
     "is closed"},
    {"max_selectors", &Limits::max_selectors, 0, kMostObjects,
     "selectors open at once, of all sessions; each Select that waits has one"},
    {"max_session_selectors", &Limits::max_session_selectors, 0, kMostObjects,
     "selectors open at once in a session"},
    {"max_registrations", &Limits::max_registrations, 0, 16 << 20,
     "registrations in selectors, of all sessions; those in weak custody count "
     "as max_weak_handles alone"},
    {"max_selector_registrations", &Limits::max_selector_registrations, 0,
     kMostObjects, "registrations in a selector, and handles in a Select"},
    {"max_session_streams", &Limits::max_session_streams, 1, kMostObjects,
     "waits and streams in progress at once in a session"},
    {"max_stream_waits", &Limits::max_stream_waits, 1, kMostObjects,
     "waits in progress at once on one Wait stream"},
    {"max_blocking_threads", &Limits::max_blocking_threads, 1, 4096,
     "threads for what may block, such as closing a descriptor that was handed "
     "over; what is beyond waits for one",
     false},
    {"max_principal_blocking_threads", &Limits::max_principal_blocking_threads,
     1, 4096, "such threads that one principal has at once", false},
    {"max_file_calls", &Limits::max_file_calls, 1, kMostObjects,
     "calls in progress at once that wait for a file system: reading, writing "
     "and opening files, and paths of sockets. One that was cancelled counts "
     "until the file system answers"},
    {"max_processes", &Limits::max_processes, 0, kMostObjects,
     "child processes at once, of all sessions, those being ended included"},
    {"max_session_processes", &Limits::max_session_processes, 0, kMostObjects,
     "child processes at once in a session"},
    {"max_child_sockets", &Limits::max_child_sockets, 0, 253,
     "further descriptors that one child process may be given"},
    {"default_grace_ms", &Limits::default_grace_ms, 0, kYearMs,
     "time between SIGTERM and SIGKILL of a child process that asks for none, "
     "in milliseconds"},
    {"max_grace_ms", &Limits::max_grace_ms, 0, kYearMs,
     "longest such time that may be asked for, in milliseconds"},
    {"max_read_bytes", &Limits::max_read_bytes, 1, kMostBytesInMessage,
     "bytes that one Read may ask for"},
    {"max_write_bytes", &Limits::max_write_bytes, 1, kMostBytesInMessage,
     "bytes that one Write may carry"},
    {"max_transfer_bytes", &Limits::max_transfer_bytes, 1, 64 << 20,
     "bytes that one Transfer may move"},
    {"max_pipe_bytes", &Limits::max_pipe_bytes, 4096, 1 << 30,
     "capacity that a pipe may be made with"},
    {"max_listen_backlog", &Limits::max_listen_backlog, 1, 1 << 16,
     "connections that may wait at a listener; the kernel has a bound of its "
     "own (net.core.somaxconn)"},
    {"max_events", &Limits::max_events, 1, 16384,
     "events in one result of a Wait"},
    {"max_answer_bytes", &Limits::max_answer_bytes, 4096, kMostBytesInMessage,
     "bytes of the events in one answer of a Poll or Control; those without "
     "room stay ready"},
    {"max_credits", &Limits::max_credits, 1, 64,
     "credits and unacknowledged results of a Wait stream together"},
    {"max_unacked_events", &Limits::max_unacked_events, 1, 1 << 20,
     "events in unacknowledged results of a Wait stream together; results "
     "shrink, to one event at least, where it is reached"},
    {"max_event_bytes", &Limits::max_event_bytes, 1, 1 << 20,
     "bytes that a registration may have its events take along"},
    {"max_result_bytes", &Limits::max_result_bytes, 1, 2 << 20,
     "bytes that the events of one result of a wait take along; the last event "
     "may go over by its own"},
    {"max_unacked_bytes", &Limits::max_unacked_bytes, 1, 1 << 30,
     "bytes that results not acknowledged hold of a selector's handles; no "
     "more results are made beyond"},
    {"max_held_bytes", &Limits::max_held_bytes, 0, std::int64_t{1} << 40,
     "bytes that were taken from handles for events, of all sessions: those "
     "that results not acknowledged hold, and those that came back and were "
     "not read yet; beyond, events come without bytes"},
    {"max_batch_delay_ms", &Limits::max_batch_delay_ms, 0, 3'600'000,
     "how long a Wait may have its results grow, in milliseconds"},
    {"min_progress_ms", &Limits::min_progress_ms, 1, kYearMs,
     "shortest interval of progress notices that a Wait may ask for, in "
     "milliseconds"},
    {"busy_patience_ms", &Limits::busy_patience_ms, 0, kYearMs,
     "how long a Poll waits for another wait on its selector to end, in "
     "milliseconds, before it is refused"},
    {"max_changes", &Limits::max_changes, 1, 16384,
     "items in one Register, Modify, Unregister or WaitRequest"},
    {"max_observed_closed", &Limits::max_observed_closed, 1, kMostObjects,
     "closed handles that a session remembers for its observers; one that "
     "knows less than the oldest is told SNAPSHOT_REQUIRED"},
    {"default_ttl_ms", &Limits::default_ttl_ms, 1, kYearMs,
     "lease of a session that asks for none, in milliseconds"},
    {"max_ttl_ms", &Limits::max_ttl_ms, 1, kYearMs,
     "longest lease that a session may ask for, in milliseconds"},
    {"max_detached_ttl_ms", &Limits::max_detached_ttl_ms, 1, kYearMs,
     "longest lease of a detached session, and what it gets when it asks for "
     "none, in milliseconds"},
};

// By what the limit counts, which is the last word of its name.
int ErrnoOfLimit(absl::string_view name) {
  constexpr absl::string_view kDescriptors[] = {"_handles", "_selectors",
                                                "_sockets"};
  for (const absl::string_view word : kDescriptors) {
    if (absl::EndsWith(name, word)) {
      return EMFILE;
    }
  }
  return absl::EndsWith(name, "_registrations") ? ENOSPC : EAGAIN;
}

absl::Status Exhausted(absl::string_view prefix, absl::string_view name,
                       absl::string_view subject, absl::string_view message) {
  return MakeError(absl::StatusCode::kResourceExhausted, ErrnoOfLimit(name),
                   absl::StrCat(prefix, absl::AsciiStrToUpper(
                                            absl::StripPrefix(name, "max_"))),
                   subject, message);
}

}  // namespace

absl::Span<const LimitField> LimitFields() { return kFields; }

absl::Status CheckLimits(const Limits& limits) {
  for (const LimitField& field : kFields) {
    const std::int64_t value = limits.*field.value;
    if (value < field.least || value > field.most) {
      return MakeError(
          EINVAL, "LIMIT_OUT_OF_RANGE", field.name,
          absl::StrCat(field.name, " is ", value, "; it must be from ",
                       field.least, " to ", field.most));
    }
  }
  if (limits.default_grace_ms > limits.max_grace_ms) {
    return MakeError(
        EINVAL, "LIMIT_OUT_OF_RANGE", "default_grace_ms",
        absl::StrCat("default_grace_ms is ", limits.default_grace_ms,
                     ", over max_grace_ms, which is ", limits.max_grace_ms));
  }
  if (limits.default_ttl_ms > limits.max_ttl_ms) {
    return MakeError(
        EINVAL, "LIMIT_OUT_OF_RANGE", "default_ttl_ms",
        absl::StrCat("default_ttl_ms is ", limits.default_ttl_ms,
                     ", over max_ttl_ms, which is ", limits.max_ttl_ms));
  }
  return absl::OkStatus();
}

absl::Status LimitReached(absl::string_view name, std::int64_t limit,
                          absl::string_view subject) {
  return Exhausted("LIMIT_", name, subject,
                   absl::StrCat("limit reached: ", name, " is ", limit));
}

absl::Status QuotaReached(absl::string_view name, std::int64_t limit,
                          absl::string_view owner) {
  return Exhausted(
      "QUOTA_", name, owner,
      absl::StrCat("quota reached: ", name, " of ", owner, " is ", limit));
}

}  // namespace farpoll::server
