// server/wait/selector.h: room: server/wait. A server-side selector: handles by
// id, each with the events asked, over one InterestSet. It collects; it neither
// waits nor counts credits (waiter.h does).
// Threads: fenced by the session's lock.
// Source: docs/semantics.md sections 2 to 4 and 7.
#ifndef FARPOLL_SERVER_WAIT_SELECTOR_H_
#define FARPOLL_SERVER_WAIT_SELECTOR_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/optional.h"
#include "base/readiness_mark.h"
#include "base/unique_fd.h"
#include "selector/events.h"
#include "selector/interest_set.h"
#include "selector/weak_set.h"
#include "server/policy/quota.h"
#include "server/wait/kind_rules.h"
#include "server/wait/result.h"
#include "server/wait/source.h"

namespace farpoll::server {

// What a client asks of one handle, not yet judged.
struct Interest {
  absl::optional<std::int64_t> events;  // absent: the kind's default
  Trigger trigger = Trigger::kLevel;
  std::uint64_t cookie = 0;
  // Bytes that an event takes along at most; 0: it takes none.
  std::int64_t read_bytes = 0;
};

class Selector final : public Source {
 public:
  // `id` is what marks name it by.
  //   Errors: RESOURCE_EXHAUSTED (EMFILE, ENFILE, ENOMEM).
  static absl::StatusOr<std::unique_ptr<Selector>> Create(
      SelectorKind kind, std::int64_t max_registrations, std::int64_t id = 0);

  SelectorKind kind() const { return kind_; }

  // Each returns the generation that it started or ended.
  // Register:
  //   Errors: INVALID_ARGUMENT (CheckEvents; EINVAL, NO_BYTES: read_bytes of
  //     what is not read as bytes, or without asking for IN), ALREADY_EXISTS
  //     (EEXIST), FAILED_PRECONDITION (EBUSY, BYTES_TAKEN: another registration
  //     takes the handle's bytes; BYTES_ON_THE_WAY: another did, and what it
  //     took may come back), RESOURCE_EXHAUSTED (LIMIT_SELECTOR_REGISTRATIONS,
  //     ENOSPC, ENOMEM; see CountIn).
  absl::StatusOr<std::int64_t> Register(std::int64_t handle_id, Target target,
                                        const Interest& interest);
  // Registers the open file of `fd` in weak custody, whatever the trigger asked
  // by its edges, and closes `fd` (see WeakSet). It is under no limit here;
  // what the kernel keeps of it goes with its file or with this selector.
  //   Errors: INVALID_ARGUMENT (CheckEvents); those of WeakSet::Add.
  absl::StatusOr<std::int64_t> RegisterWeakly(std::int64_t handle_id,
                                              UniqueFd fd, ReadinessMark* mark,
                                              const Interest& interest);
  // Modify and Unregister:
  //   Errors: NOT_FOUND (ENOENT); Modify also INVALID_ARGUMENT, and then the
  //     registration stands as it was, and FAILED_PRECONDITION (EBADF,
  //     WEAK_HANDLE).
  absl::StatusOr<std::int64_t> Modify(std::int64_t handle_id,
                                      const Interest& interest);
  absl::StatusOr<std::int64_t> Unregister(std::int64_t handle_id);

  // Has what comes back to its handles counted in `quota`, from now on.
  void CountReturnedIn(std::shared_ptr<Quota> quota) {
    returned_quota_ = std::move(quota);
  }

  // Bytes of the handle came back from events, of whatever selector: it is
  // ready by them until they are read.
  void BytesReturned(std::int64_t handle_id);

  // Leaves the bytes of its handles to others; before it is closed.
  void LeaveBytes();

  // Null when the handle is not registered. Valid until the next change.
  const Registration* Find(std::int64_t handle_id) const;

  // Up to `count` registrations, in order, after the one of order `after`.
  std::vector<Registration> List(std::int64_t after, std::size_t count) const;

  // As Source. One-shot registrations found ready are removed; the result keeps
  // them. A closed handle reports NVAL.
  int fd() const override { return fd_; }
  bool HasUnseen() const override {
    return !closed_.empty() || !again_.empty() || !recheck_.empty();
  }
  std::size_t size() const override { return by_handle_.size(); }
  bool Has(std::int64_t handle_id) const override {
    return by_handle_.contains(handle_id);
  }
  void VisitRegistrations(Visit visit) const override;
  void Collect(std::size_t max_events, Result* result) override;
  // Adds what the level-triggered registrations report now, in order of
  // registration, and changes nothing. What is reported once, as edges,
  // one-shots and NVAL are, is left to Collect(). (selector_look.cc)
  //   Errors: those of poll(2).
  absl::Status Look(std::size_t max_events, Result* result) const;
  void SetQuiet(bool quiet, const std::vector<Result>& standing) override;
  void Acknowledge(const Result& result) override;
  void Restore(const Result& result, TargetOf target_of) override;
  void HandleClosed(std::int64_t handle_id) override;

 private:
  // The cookies of weak_ and returned_fd_ in the interest set: no slot has such
  // an address.
  static constexpr std::uint64_t kWeakEntry = 0;
  // Room for so many events stays between collections.
  static constexpr std::size_t kRoomKept = 256;
  static constexpr std::uint64_t kReturnedEntry = 1;

  struct Slot {
    Registration registration;
    RegistrationToken token = 0;  // 0 while silent and out of the set
    Target target;
    // Held by a hang-up or error that this kind does not report; it waits for
    // news, lest it wake us for ever.
    bool muted = false;
    bool weak = false;         // in weak_ and not in the interest set; no token
    std::int64_t recheck = 0;  // its place on recheck_; 0: not on it
  };

  Selector(SelectorKind kind, std::int64_t max_registrations, std::int64_t id,
           std::unique_ptr<InterestSet> interest, int fd);

  Trigger KernelTrigger(const Registration& registration) const;
  // Settles the quota by what there is.
  void CountKept();
  // A place for one more registration, until CountKept().
  absl::Status TakePlaceFor(std::int64_t handle_id);
  // Adds, past the limits: what comes back is not lost for want of a place.
  absl::Status AddSlot(const Registration& registration, Target target);
  absl::Status Rearm(Slot& slot);
  // Takes a slot out of the set until it is armed again.
  void Silence(Slot& slot);
  void Mute(Slot& slot);
  void Unmute(Slot& slot);
  void Erase(std::int64_t handle_id);
  void Insert(std::unique_ptr<Slot> slot);
  // Takes up to `room` events of the kernel's set.
  void CollectArmed(std::size_t room, Result* result);
  // What the result of this sequence says of a slot that saw `reported`.
  ReadyEvent Report(const Slot& slot, Events reported, std::int64_t sequence);

  // ---- Acknowledged, and not looked at since. (selector_recheck.cc)
  // The slot is silent. The next Collect() looks at it.
  void RecheckLater(Slot& slot);
  void ForgetRecheck(Slot& slot);
  // Takes the first off recheck_, which is not empty; null if it is gone.
  Slot* NextRecheck();
  // How much of the room these may have before the kernel's set is asked: half,
  // so that neither starves the other.
  std::size_t RecheckShare(std::size_t room);
  // Looks at them until the result has `max_events`; arms those not ready.
  void Recheck(std::size_t max_events, Result* result);

  // ---- Weak custody. (selector_weak.cc)
  // Makes weak_, if there is none yet.
  absl::Status OpenWeak();
  void CollectWeak(std::size_t max_events, Result* result);
  // A lost result said this of a weak registration. The kernel will not say it
  // again.
  void KeepAgain(const ReadyEvent& event);
  void TakeAgain(std::size_t max_events, std::vector<ReadyEvent>* events);
  // ---- Events that take bytes along. (selector_bytes.cc)
  // Judges `interest` where it asks for bytes.
  absl::Status CheckBytes(Target target, Events asked,
                          const Interest& interest) const;
  // Takes or leaves the handle's bytes for this selector, as the registration
  // of the slot says.
  void ClaimBytes(const Slot& slot) const;
  // Reports a slot that saw `seen`, by this kind `reported`, with its bytes if
  // it asks for them; its registration ends if it is one-shot.
  void ReportSlot(Slot& slot, Events seen, Events reported, Result* result);
  // Has the kernel report a slot that stays: again, or if it would not now.
  void KeepArmed(Slot& slot, bool anew);
  // The bytes for an event; null when there is nothing to read.
  std::shared_ptr<const EventBytes> TakeBytes(Slot& slot, Events seen);
  // Whether a slot falls silent with this event until the acknowledgement.
  bool Silences(const Slot& slot, const ReadyEvent& event) const;
  // What a slot says of bytes that came back to its handle; 0: nothing.
  Events ReturnedEvents(const Slot& slot) const;
  // Has a slot report the bytes that came back to its handle, if any did.
  void ArmReturned(const Slot& slot);
  void DisarmReturned(std::int64_t handle_id);
  void CollectReturned(std::size_t max_events, Result* result);

  // The registration that `event` is of; null when it changed since, or ended.
  Slot* Reported(const ReadyEvent& event);
  // Takes NVAL reports of closed handles into `events`.
  void TakeClosed(std::size_t max_events, std::vector<ReadyEvent>* events);

  const SelectorKind kind_;
  const std::int64_t max_registrations_;
  const std::int64_t id_;
  const std::unique_ptr<InterestSet> interest_;
  const int fd_;
  bool quiet_ = false;
  std::int64_t last_generation_ = 0;
  std::int64_t last_order_ = 0;
  // Slots never move: their addresses are the cookies in the interest set.
  absl::flat_hash_map<std::int64_t, std::unique_ptr<Slot>> by_handle_;
  std::map<std::int64_t, std::int64_t> handle_by_order_;
  std::vector<ReadyEvent> closed_;  // NVAL not reported yet
  std::unique_ptr<WeakSet> weak_;   // made with the first weak registration
  std::int64_t weak_size_ = 0;      // weak registrations among by_handle_
  std::vector<farpoll::Event> weak_room_;
  std::map<std::int64_t, ReadyEvent> again_;  // of weak ones, by order
  std::vector<farpoll::Event> room_;
  // Slots to look at, in order; those that went meanwhile are null.
  std::deque<Slot*> recheck_;
  std::int64_t rechecked_ = 0;  // how many have left recheck_
  bool recheck_first_ = false;  // whose turn it is to have the odd place
  // Handles that are ready by bytes that came back. While there are any,
  // returned_fd_, which is always readable, stands for them in the set.
  std::set<std::int64_t> returned_;
  UniqueFd returned_fd_;
  std::shared_ptr<Quota> returned_quota_;  // shared with its owner's others
  RegistrationToken returned_token_ = 0;
};

}  // namespace farpoll::server

#endif  // FARPOLL_SERVER_WAIT_SELECTOR_H_
