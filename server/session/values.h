// server/session/values.h: room: server/session. What goes into a session and
// comes out of it.
// Threads: plain values.
#ifndef FARPOLL_SERVER_SESSION_VALUES_H_
#define FARPOLL_SERVER_SESSION_VALUES_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "base/readiness_mark.h"
#include "selector/events.h"
#include "selector/kqueue/kevent.h"
#include "server/handle/handle.h"
#include "server/handle/process.h"
#include "server/handle/socket_state.h"
#include "server/handle/timer.h"
#include "server/policy/policy.h"
#include "server/process/child_ends.h"
#include "server/session/reference.h"
#include "server/wait/result.h"
#include "server/wait/selector.h"

namespace farpoll::server {

struct SessionInfo {
  std::string id;
  std::string name;
  absl::Duration ttl;
  absl::Duration remaining;
  absl::Duration age;
  std::size_t handles = 0;
  std::size_t selectors = 0;
  std::size_t streams = 0;
};

// What a session is asked to read; see ReadOptions.
struct ReadRequest {
  std::int64_t max_bytes = 0;
  bool peek = false;
  bool out_of_band = false;
};

// What a session is asked to write; see WriteOptions.
struct WriteRequest {
  absl::string_view data;
  bool out_of_band = false;
  std::string destination = {};  // an address; empty for none
  absl::optional<std::uint64_t> count = {};
};

// A child process as it is now.
struct ProcessInfo {
  Process process;
  absl::optional<ExitStatus> exit;
};

struct HandleInfo {
  std::int64_t id = 0;
  std::string name;
  HandleKind kind = HandleKind::kPipeReader;
  std::int64_t peer_id = 0;  // 0 when the other end is closed
  Events ready = 0;
  std::int64_t readable_bytes = 0;
  std::int64_t bytes_read = 0;
  std::int64_t bytes_written = 0;
  std::size_t registrations = 0;
  absl::Duration age;
  ReadinessMark readiness = {};
  absl::optional<SocketState> socket = {};   // of a socket
  absl::optional<TimerState> timer = {};     // of a timer
  std::string path = {};                     // of a file or a watch
  absl::optional<ProcessInfo> process = {};  // of a process
};

// What of a handle changes by itself, as an observer sees it.
// That a selector has a handle registered, and what for.
struct SampledRegistration {
  std::int64_t selector_id = 0;
  Events asked = 0;

  friend bool operator==(const SampledRegistration&,
                         const SampledRegistration&) = default;
};

struct HandleSample {
  std::int64_t id = 0;
  std::string name;
  HandleKind kind = HandleKind::kPipeReader;
  Events ready = 0;  // poll(2)'s answer, every bit asked
  std::int64_t bytes_read = 0;
  std::int64_t bytes_written = 0;
  absl::optional<ExitStatus> exit = {};  // of a process that has ended
  // One for each selector, in order of their ids.
  std::vector<SampledRegistration> registrations = {};

  friend bool operator==(const HandleSample&, const HandleSample&) = default;
};

// What a client asks for in a child process.
struct ChildRequest {
  std::string name;                  // of its handle
  SpawnRequest program;              // what the policy judges
  std::vector<std::string> inherit;  // variables of the server's environment
  ChildEndsSpec ends;
  OnClose on_close = OnClose::kKill;
  absl::optional<absl::Duration> grace;
};

// A child that was started, and the server's ends of its descriptors.
struct SpawnedChild {
  HandleInfo process;
  // With their roles: "in", "fd3".
  std::vector<std::pair<std::string, HandleInfo>> ends;
};

struct SelectorInfo {
  std::int64_t id = 0;
  std::string name;
  SelectorKind kind = SelectorKind::kPoll;
  std::size_t registrations = 0;
  bool waiting = false;
};

struct RegistrationInfo {
  Registration registration;
  std::string handle_name;
};

// What became of one change.
struct ChangeOutcome {
  std::int64_t handle_id = 0;
  absl::StatusOr<std::int64_t> generation;
};

// One change of an interest set, or of a kqueue.
struct Change {
  enum class Kind { kRegister, kModify, kUnregister, kKevent };
  Kind kind = Kind::kRegister;
  Reference handle;
  Interest interest;  // of kRegister and kModify
  Kevent kevent;      // of kKevent; `handle`, if it has a name, is its ident
};

// A result with the names of its handles, when they were asked for.
struct NamedResult {
  Result result;
  std::vector<std::string> names;  // empty, or one for each event or kevent
  // Of the processes that have ended, by their place among the events.
  std::vector<std::pair<std::size_t, ExitStatus>> exits;
};

// Bytes on the wire that one event of a Poll, or one kevent, takes at most, and
// those that its handle's name takes beside it.
inline constexpr std::int64_t kMostEventBytes = 64;
inline constexpr std::int64_t kMostNameBytes = 66;

// Positions in the lists of a Select.
struct SelectSets {
  std::vector<std::int32_t> read;
  std::vector<std::int32_t> write;
  std::vector<std::int32_t> except;
  bool empty() const { return read.empty() && write.empty() && except.empty(); }
};

}  // namespace farpoll::server

#endif  // FARPOLL_SERVER_SESSION_VALUES_H_
