// server/wait/result.h: room: server/wait. What one wait found, and what has to
// be known of it until the client acknowledges it.
// Threads: plain values.
#ifndef FARPOLL_SERVER_WAIT_RESULT_H_
#define FARPOLL_SERVER_WAIT_RESULT_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/clock.h"
#include "selector/events.h"
#include "selector/kqueue/kevent.h"
#include "server/handle/held_bytes.h"

namespace farpoll::server {

// One handle found ready.
struct ReadyEvent {
  std::int64_t handle_id = 0;
  Events events = 0;
  std::uint64_t cookie = 0;
  std::int64_t generation = 0;
  std::int64_t order = 0;      // of registration
  std::int64_t readiness = 0;  // generation of the handle's ReadinessMark
  // What it takes along; null when its registration asks for no bytes, or there
  // was nothing to read.
  std::shared_ptr<const EventBytes> bytes = nullptr;
};

struct Registration {
  std::int64_t handle_id = 0;
  Events asked = 0;
  Trigger trigger = Trigger::kLevel;
  std::uint64_t cookie = 0;
  std::int64_t generation = 0;  // of the last Register or Modify
  std::int64_t order = 0;       // grows with each first registration
  std::int64_t read_bytes = 0;  // that an event takes along at most
};

// One event of a kqueue.
struct TakenKevent {
  Kevent event;                 // ident: the handle's id, or a number
  std::int64_t handle_id = 0;   // 0 when ident names no handle
  std::int64_t generation = 0;  // of the last change of its registration
  std::int64_t readiness = 0;   // generation of the handle's ReadinessMark
  Kevent asked;                 // a change that would make it anew
  // Of an entry with ev::kError: which change of its list it answers.
  std::size_t change = 0;
};

// One poll() call's worth. `events` of interest sets, `kevents` of kqueues.
struct Result {
  std::int64_t sequence = 0;  // from 1, without gaps, in a selector's life
  std::vector<ReadyEvent> events;
  std::vector<Registration> removed;  // one-shots that ended with it
  std::vector<TakenKevent> kevents;
  bool timed_out = false;
  bool notice = false;  // of progress: all up to `sequence` was sent
  bool looked = false;  // it took nothing, so nothing of it can be given back
  MonotonicTime sampled_at;
  // Bytes that its events take along, and how many may at most, by its own of
  // the last event more; 0: none take any along.
  std::size_t bytes = 0;
  std::size_t max_bytes = 0;

  std::size_t size() const { return events.size() + kevents.size(); }
  bool empty() const { return size() == 0; }
};

}  // namespace farpoll::server

#endif  // FARPOLL_SERVER_WAIT_RESULT_H_
