// server/wait/selector.h: room: server/wait. A server-side selector: handles by
// id, each with the events asked, over one InterestSet. It collects; it neither
// waits nor counts credits (waiter.h does).
// Threads: fenced by the session's lock.
// Source: docs/semantics.md sections 2 to 4 and 7.
#ifndef FARPOLL_SERVER_WAIT_SELECTOR_H_
#define FARPOLL_SERVER_WAIT_SELECTOR_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/optional.h"
#include "selector/events.h"
#include "selector/interest_set.h"
#include "server/wait/kind_rules.h"

namespace farpoll::server {

// What a client asks of one handle, not yet judged.
struct Interest {
  absl::optional<std::int64_t> events;  // absent: the kind's default
  Trigger trigger = Trigger::kLevel;
  std::uint64_t cookie = 0;
};

// One handle found ready.
struct ReadyEvent {
  std::int64_t handle_id = 0;
  Events events = 0;
  std::uint64_t cookie = 0;
  std::int64_t generation = 0;
  std::int64_t order = 0;  // of registration
};

struct Registration {
  std::int64_t handle_id = 0;
  Events asked = 0;
  Trigger trigger = Trigger::kLevel;
  std::uint64_t cookie = 0;
  std::int64_t generation = 0;  // of the last Register or Modify
  std::int64_t order = 0;       // grows with each first registration
};

class Selector {
 public:
  // The descriptor of an open handle of the session, or -1.
  using FdOf = absl::FunctionRef<int(std::int64_t handle_id)>;

  //   Errors: RESOURCE_EXHAUSTED (EMFILE, ENFILE, ENOMEM).
  static absl::StatusOr<std::unique_ptr<Selector>> Create(
      SelectorKind kind, std::int64_t max_registrations);

  SelectorKind kind() const { return kind_; }
  std::size_t size() const { return by_handle_.size(); }
  // Polls readable while Collect would find something; owned by this object.
  int fd() const { return fd_; }

  // Each returns the generation that it started or ended.
  // Register:
  //   Errors: INVALID_ARGUMENT (CheckEvents), ALREADY_EXISTS (EEXIST),
  //     RESOURCE_EXHAUSTED (LIMIT_SELECTOR_REGISTRATIONS, ENOSPC, ENOMEM).
  absl::StatusOr<std::int64_t> Register(std::int64_t handle_id, int fd,
                                        const Interest& interest);
  // Modify and Unregister:
  //   Errors: NOT_FOUND (ENOENT); Modify also INVALID_ARGUMENT, and then the
  //     registration stands as it was.
  absl::StatusOr<std::int64_t> Modify(std::int64_t handle_id,
                                      const Interest& interest);
  absl::StatusOr<std::int64_t> Unregister(std::int64_t handle_id);

  // The handle is about to be closed: ends its registration and reports NVAL
  // for it once. To be called before the descriptor is closed.
  void HandleClosed(std::int64_t handle_id);

  // Null when the handle is not registered. Valid until the next change.
  const Registration* Find(std::int64_t handle_id) const;

  // Up to `count` registrations, in order, after the one of order `after`.
  std::vector<Registration> List(std::int64_t after, std::size_t count) const;

  // Takes what is ready, at most `max_events`. One-shot registrations found
  // ready are removed and handed out in `removed`.
  std::vector<ReadyEvent> Collect(std::size_t max_events,
                                  std::vector<Registration>* removed);

  // Whether a level-triggered registration falls silent when it is collected,
  // until Acknowledge(); that is what more than one result on the way needs.
  // `standing` names the handles that are in such results now.
  void SetQuiet(bool quiet, const std::vector<ReadyEvent>& standing);

  // The client has dealt with these events: they may be reported again.
  void Acknowledge(const std::vector<ReadyEvent>& events);

  // These events, and the one-shot registrations removed with them, did not
  // reach the client: whatever of them still holds will be reported again.
  void Restore(const std::vector<ReadyEvent>& events,
               const std::vector<Registration>& removed, FdOf fd_of);

 private:
  struct Slot {
    Registration registration;
    RegistrationToken token = 0;  // 0 while silent and out of the set
    int fd = -1;
    // Held by a hang-up or error that this kind does not report; it waits for
    // news, lest it wake us for ever.
    bool muted = false;
  };

  Selector(SelectorKind kind, std::int64_t max_registrations,
           std::unique_ptr<InterestSet> interest, int fd);

  Trigger KernelTrigger(const Registration& registration) const;
  absl::Status AddSlot(const Registration& registration, int fd);
  absl::Status Rearm(Slot& slot);
  void Mute(Slot& slot);
  void Unmute(Slot& slot);
  void Erase(std::int64_t handle_id);
  // Takes NVAL reports of closed handles into `events`.
  void TakeClosed(std::size_t max_events, std::vector<ReadyEvent>* events);

  const SelectorKind kind_;
  const std::int64_t max_registrations_;
  const std::unique_ptr<InterestSet> interest_;
  const int fd_;
  bool quiet_ = false;
  std::int64_t last_generation_ = 0;
  std::int64_t last_order_ = 0;
  // Slots never move: their addresses are the cookies in the interest set.
  absl::flat_hash_map<std::int64_t, std::unique_ptr<Slot>> by_handle_;
  std::map<std::int64_t, std::int64_t> handle_by_order_;
  std::vector<ReadyEvent> closed_;  // NVAL not reported yet
  std::vector<farpoll::Event> room_;
};

}  // namespace farpoll::server

#endif  // FARPOLL_SERVER_WAIT_SELECTOR_H_
