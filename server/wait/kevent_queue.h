// server/wait/kevent_queue.h: room: server/wait. A server-side kqueue: change
// lists that name handles by id, over one local Kqueue. Like selector.h it
// collects; it neither waits nor counts credits.
// Threads: fenced by the session's lock.
// Source: docs/semantics.md sections 6 and 7; docs/kqueue.md.
#ifndef FARPOLL_SERVER_WAIT_KEVENT_QUEUE_H_
#define FARPOLL_SERVER_WAIT_KEVENT_QUEUE_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/optional.h"
#include "selector/kqueue/kevent.h"
#include "selector/kqueue/kqueue.h"
#include "server/policy/quota.h"
#include "server/wait/child_counter.h"
#include "server/wait/result.h"
#include "server/wait/source.h"

namespace farpoll::server {

// A change as the queue was to have it, and what became of it.
struct AppliedKevent {
  Kevent change;
  absl::Status status;
};
// kevent(2)'s first half: has `apply` apply changes 0 to `count` - 1 in turn,
// and returns an entry with ev::kError for each that failed or asked for a
// receipt.
//   Errors: that of the first change whose entry has no room: earlier changes
//     stay, later ones are not applied.
absl::StatusOr<std::vector<TakenKevent>> ApplyInTurn(
    std::size_t count, std::size_t room,
    absl::FunctionRef<AppliedKevent(std::size_t)> apply);

class KeventQueue final : public Source {
 public:
  // Idents of READ, WRITE, EXCEPT, EMPTY, VNODE and PROCDESC are handles' ids,
  // those of PROC the ids of process handles; TIMER and USER take any number;
  // SIGNAL takes SIGCHLD, which counts the ends of the session's children: all
  // other signals are the server's. A registration that needs a descriptor of
  // its own (TIMER, PROC, SIGNAL) takes one from `descriptors`,
  // which is borrowed and outlives this. `id` is what marks name it by.
  //   Errors: RESOURCE_EXHAUSTED (EMFILE, ENFILE, ENOMEM).
  static absl::StatusOr<std::unique_ptr<KeventQueue>> Create(
      std::int64_t max_registrations, Quota* descriptors, std::int64_t id = 0);
  ~KeventQueue() override;

  // Applies one change; the generation that it started or ended, 0 for one of
  // filter 0, which does nothing.
  //   Errors: docs/kqueue.md; FAILED_PRECONDITION (EBADF) for an ident that is
  //     no handle; PERMISSION_DENIED (EPERM) for PROC of what is no process
  //     handle, and for signals but SIGCHLD; RESOURCE_EXHAUSTED
  //     (LIMIT_SELECTOR_REGISTRATIONS, LIMIT_HANDLES; see CountIn).
  absl::StatusOr<std::int64_t> Apply(const Kevent& change, TargetOf target_of) {
    const absl::StatusOr<std::int64_t> applied = ApplyOne(change, target_of);
    CountKept();
    return applied;
  }

  // A child of the session, whose end SIGNAL is to count; `pidfd` is the
  // handle's, until HandleClosed().
  void AddChild(std::int64_t handle_id, int pidfd);

  // As Source. A closed handle gives an event with ev::kError and EBADF for
  // each of its registrations.
  int fd() const override { return fd_; }
  std::size_t size() const override { return notes_.size(); }
  bool Has(std::int64_t handle_id) const override;
  void VisitRegistrations(Visit visit) const override;
  void Collect(std::size_t max_events, Result* result) override;
  void SetQuiet(bool quiet, const std::vector<Result>& standing) override;
  void Acknowledge(const Result& result) override;
  void Restore(const Result& result, TargetOf target_of) override;
  void HandleClosed(std::int64_t handle_id) override;

 private:
  using Name = std::pair<std::uint64_t, std::int16_t>;  // ident, filter

  // A registration as the client knows it; its address is the local udata.
  struct Note {
    Kevent asked;  // an ADD that would make it anew
    std::int64_t handle_id = 0;
    Target target;  // of the handle, if there is one
    Name local;     // in the local queue
    std::int64_t generation = 0;
    bool disabled = false;  // by the client, or by EV_DISPATCH
    bool silent = false;    // until its result is acknowledged
    bool counted = false;   // against descriptors_
  };

  KeventQueue(std::unique_ptr<Kqueue> queue, int fd,
              std::int64_t max_registrations, Quota* descriptors,
              std::int64_t id);

  absl::StatusOr<std::int64_t> ApplyOne(const Kevent& asked,
                                        TargetOf target_of);
  // Settles the quota by what there is.
  void CountKept() { SettleKept(notes_.size() + pending_.size()); }

  // Where the change goes in the local queue.
  //   Errors: as Apply.
  struct Place {
    Name local;
    std::int64_t handle_id = 0;
    Target target;
  };
  absl::StatusOr<Place> Locate(const Kevent& change, TargetOf target_of);
  absl::StatusOr<Place> LocateSignal(const Kevent& change) const;
  // Has counter_ count what children there are.
  //   Errors: RESOURCE_EXHAUSTED (EMFILE, ENFILE, ENOMEM).
  absl::Status StartCounting();
  Name counter_name() const;  // in the local queue; while there is a counter_
  // A registration to be, with the descriptors that it alone needs.
  absl::StatusOr<std::unique_ptr<Note>> NewNote(const Kevent& change,
                                                const Place& place);
  // Applies to the local queue.
  absl::Status ApplyLocal(Kevent change, const Note* note);
  // What a change that succeeded did to the client's view of `note`.
  void Record(const Kevent& change, Note* note);
  void Erase(const Name& name);
  // Gives back what the registration alone needed.
  void Release(const Note& note);
  Note* Find(const Name& name);
  // The registration that `taken` is of; null when it changed since, or ended.
  Note* Reported(const TakenKevent& taken);
  // The client's view of an event of the local queue; none when there is
  // nothing in it.
  absl::optional<TakenKevent> Take(const Kevent& local, std::int64_t sequence);
  void Silence(Note& note);
  void Unsilence(Note& note);
  void RestoreOne(const TakenKevent& taken, TargetOf target_of);
  // Drops an event given back of a registration that a change ends; whether
  // there was one.
  bool DropPending(const Name& name);

  const std::unique_ptr<Kqueue> queue_;
  const int fd_;
  const std::int64_t max_registrations_;
  Quota* const descriptors_;
  const std::int64_t id_;
  bool quiet_ = false;
  std::int64_t last_generation_ = 0;
  absl::flat_hash_map<Name, std::unique_ptr<Note>> notes_;
  // Process handles and their pidfds.
  absl::flat_hash_map<std::int64_t, int> children_;
  std::unique_ptr<ChildCounter> counter_;  // while SIGNAL is registered
  // To be delivered before anything is collected: reports of closed handles,
  // and events given back that cannot be sampled anew.
  std::deque<TakenKevent> pending_;
  std::vector<Kevent> room_;
};

}  // namespace farpoll::server

#endif  // FARPOLL_SERVER_WAIT_KEVENT_QUEUE_H_
