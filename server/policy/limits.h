// server/policy/limits.h: room: server/policy. Every bound of the server, by
// name. A breach is RESOURCE_EXHAUSTED (or INVALID_ARGUMENT where only the
// request is at fault) with the limit's name as reason.
// Threads: plain values.
#ifndef FARPOLL_SERVER_POLICY_LIMITS_H_
#define FARPOLL_SERVER_POLICY_LIMITS_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace farpoll::server {

struct Limits {
  std::int64_t max_share_percent = 50;
  std::int64_t reserve_percent = 10;
  std::int64_t max_connections = 1000;
  std::int64_t max_connection_streams = 20'000;
  std::int64_t max_peer_silence_ms = 20'000;
  std::int64_t min_ping_interval_ms = 1'000;
  std::int64_t max_calls = 100'000;
  std::int64_t max_connection_resets = 2'000;
  std::int64_t max_metadata_bytes = 8 << 10;
  std::int64_t max_transit_bytes = 512 << 20;
  std::int64_t max_connection_idle_ms = 1'800'000;
  std::int64_t max_connection_age_ms = 0;
  std::int64_t max_connection_age_grace_ms = 10'000;
  std::int64_t max_passing_connections = 64;
  std::int64_t max_passing_ms = 10'000;
  std::int64_t max_sessions = 1000;
  std::int64_t max_handles = 15000;
  std::int64_t max_session_handles = 15000;
  std::int64_t max_weak_handles = 100'000;
  std::int64_t max_selectors = 4096;
  std::int64_t max_session_selectors = 256;
  std::int64_t max_registrations = 500'000;
  std::int64_t max_selector_registrations = 15000;
  std::int64_t max_session_streams = 256;
  std::int64_t max_stream_waits = 1024;
  std::int64_t max_blocking_threads = 64;
  std::int64_t max_principal_blocking_threads = 8;
  std::int64_t max_file_calls = 256;
  std::int64_t max_processes = 2000;
  std::int64_t max_session_processes = 1000;
  std::int64_t max_child_sockets = 64;
  std::int64_t default_grace_ms = 5'000;
  std::int64_t max_grace_ms = 60'000;
  std::int64_t max_read_bytes = 1 << 20;
  std::int64_t max_write_bytes = 1 << 20;
  std::int64_t max_transfer_bytes = 1 << 20;
  std::int64_t max_pipe_bytes = 1 << 20;
  std::int64_t max_listen_backlog = 4096;
  std::int64_t max_events = 1024;
  std::int64_t max_answer_bytes = (4 << 20) - 4096;
  std::int64_t max_credits = 64;
  std::int64_t max_unacked_events = 2048;
  std::int64_t max_event_bytes = 64 << 10;
  std::int64_t max_result_bytes = 256 << 10;
  std::int64_t max_unacked_bytes = 1 << 20;
  std::int64_t max_held_bytes = 256 << 20;
  std::int64_t max_batch_delay_ms = 1000;
  std::int64_t min_progress_ms = 100;
  std::int64_t busy_patience_ms = 500;
  std::int64_t max_changes = 1000;
  std::int64_t max_observed_closed = 4096;
  std::int64_t default_ttl_ms = 60'000;
  std::int64_t max_ttl_ms = 86'400'000;
  std::int64_t max_detached_ttl_ms = 604'800'000;
};

// One limit: its name (also its flag, with '-' for '_'), where it is, what it
// may be set to, what it bounds, and whether a policy can lower it for some
// principals (Policy::LimitsOf).
struct LimitField {
  absl::string_view name;
  std::int64_t Limits::*value;
  std::int64_t least;
  std::int64_t most;
  absl::string_view description;
  bool by_principal = true;
};

// All limits, in order of their names' groups.
absl::Span<const LimitField> LimitFields();

// Checks every field against its range.
//   Errors: INVALID_ARGUMENT naming the first that is out of range.
absl::Status CheckLimits(const Limits& limits);

// A breach of limit `name` (of LimitFields) by `subject`: RESOURCE_EXHAUSTED,
// reason LIMIT_ and the name in capitals without "max_". Its errno is the one
// of the system call that meets such a limit: EMFILE for what stands for a
// descriptor, ENOSPC for registrations, EAGAIN for what else there is too much
// of at once.
absl::Status LimitReached(absl::string_view name, std::int64_t limit,
                          absl::string_view subject);

// The same of what the policy leaves `owner` of limit `name`: reason QUOTA_ and
// the name in capitals without "max_".
absl::Status QuotaReached(absl::string_view name, std::int64_t limit,
                          absl::string_view owner);

}  // namespace farpoll::server

#endif  // FARPOLL_SERVER_POLICY_LIMITS_H_
