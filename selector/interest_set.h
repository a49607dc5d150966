// selector/interest_set.h: room: selector. The epoll core under every front
// end: the only unit that calls epoll_*.
// Threads: every method from any thread; any number of waiters at once. A
//   change takes effect on waits in progress. An edge or one-shot event goes to
//   one waiter, a level event may reach several.
// Source: epoll(7), epoll_ctl(2), epoll_wait(2); docs/semantics.md section 1.
#ifndef FARPOLL_SELECTOR_INTEREST_SET_H_
#define FARPOLL_SELECTOR_INTEREST_SET_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "base/unique_fd.h"
#include "selector/events.h"
#include "selector/number_holders.h"
#include "selector/on_signal.h"
#include "selector/scratch.h"
#include "selector/slot_table.h"
#include "selector/waitable.h"

struct epoll_event;
struct pollfd;

namespace farpoll {

// Names one registration: slot and generation. A token of a removed
// registration never names a later one; zero names none.
using RegistrationToken = std::uint64_t;

// A set of (descriptor, events, trigger, data), waited on as one.
//
// Descriptors are borrowed. One that epoll refuses is still served: a regular
// file, a directory or /dev/null (EPERM) is always ready for what poll(2) says;
// a number that is not open, or an O_PATH descriptor (EBADF), reports kInvalid
// when the set was told to accept such (Custody::kBorrowed).
//
// A number closed while a copy of its file lives elsewhere leaves an orphan in
// the kernel's set, which can neither be removed nor silenced. Its events are
// dropped, and the first one seen after the registration went makes the set
// move to a new kernel set under the same number. Waiters move along, and so do
// copies of the number that the set was told of, and the sets and views of this
// process that hold one of these. A foreign epoll set has to add the number
// again.
class InterestSet final : private NumberHolder {
 public:
  // Whether numbers may be closed or reused behind the set's back.
  enum class Custody {
    // The caller removes a registration before it closes the number, always.
    // EBADF is an error of Add. Nothing is ever checked twice.
    kOwned,
    // The caller may forget. Audit() finds what changed.
    kBorrowed,
  };

  // What becomes of files that epoll refuses.
  enum class Files { kAlwaysReady, kRefused };

  // A deadline that is known as past without a clock: samples once.
  static constexpr MonotonicTime kLookOnce = MonotonicTime::min();

  //   Errors: RESOURCE_EXHAUSTED (EMFILE, ENFILE, ENOMEM).
  static absl::StatusOr<std::unique_ptr<InterestSet>> Create(
      Custody custody, Files files = Files::kAlwaysReady);
  // As Close().
  ~InterestSet();

  // Adds a registration. At most one per number: the caller sees to it.
  //   Errors: EBADF (kOwned only), EPERM (Files::kRefused only), ELOOP and
  //     EINVAL for nested sets, RESOURCE_EXHAUSTED (ENOSPC: max_user_watches;
  //     ENOMEM; EINVAL, TOO_MANY_SETS: the file is in hundreds of others);
  //     EBADF/CLOSED.
  absl::StatusOr<RegistrationToken> Add(int fd, Events events, Trigger trigger,
                                        std::uint64_t data);

  // Replaces what is asked and re-arms: a condition that holds is reported
  // (again), whatever the trigger. After an error the registration is as it
  // was.
  //   Errors: NOT_FOUND (ENOENT) for a stale token; what epoll_ctl(MOD) says
  //     when the number was closed (EBADF) or reused (ENOENT) under kOwned;
  //     under kBorrowed those re-register the number as it is now.
  absl::Status Modify(RegistrationToken token, Events events, Trigger trigger,
                      std::uint64_t data);

  // Re-arms a registration as it stands: Modify with what it has.
  absl::Status Rearm(RegistrationToken token);

  // Removes a registration. After the return no event of it is reported.
  // Succeeds on a number that was closed meanwhile.
  //   Errors: NOT_FOUND (ENOENT) for a stale token; EBADF/CLOSED.
  absl::Status Remove(RegistrationToken token);

  // As Remove, and says what the number was by then: 0, the file registered;
  // EBADF, closed; ENOENT, another file.
  absl::StatusOr<int> Withdraw(RegistrationToken token);

  // Checks every registered number against the file it was registered for
  // (epoll_ctl(MOD) with unchanged arguments), one system call each, and
  // re-registers what was closed (it then reports kInvalid) or reused. An edge
  // that holds may be reported again. kBorrowed only; for the moment before a
  // wait blocks.
  void Audit();

  // Audits one registration, the next in turn; for sets too busy to block.
  void AuditNext();

  // Whether poll(2) finds nothing on any registered number, whatever file it
  // names by now: then a look misses nothing for want of an Audit(). One system
  // call. False also when poll(2) can't tell. Which number was reused is not
  // known then, so each is checked when it reports next. Level-triggered
  // registrations of kBorrowed only.
  bool LooksIdle();

  // Takes what is ready; see Waitable::Collect. `Event::fd` is the number,
  // `data` the cookie.
  //   Errors: also RESOURCE_EXHAUSTED (EMFILE, ENFILE, ENOMEM, ENOSPC) when an
  //     orphan has to be shed and the kernel refuses a new set.
  absl::StatusOr<std::size_t> Collect(absl::Span<Event> room);

  // Blocks until something is ready or `deadline` has passed (then zero). It
  // looks before it looks at the clock: a deadline in the past samples once.
  // Allocates nothing once warm.
  //   Errors: as Collect; EINTR as `on_signal` says.
  absl::StatusOr<std::size_t> Wait(absl::Span<Event> room,
                                   MonotonicTime deadline,
                                   OnSignal on_signal = OnSignal::kRetry);

  // See Waitable. Close() leaves open what is not the set's own any more.
  absl::StatusOr<int> fd() const;
  void Close();
  bool closed() const;

  // `copy`, a copy of the set's number, moves along from now on. Whoever owns
  // it calls Unfollow before closing it.
  void Follow(int copy);
  void Unfollow(int copy);

  // Whether `number` names this set's present kernel set: a program may have
  // closed or replaced numbers that are not its own. Takes no lock. False after
  // Close().
  bool NamedBy(int number) const;

  // Takes a registered number out of the kernel's set for good; whether it
  // still named the file registered. For descriptors of the library's own, just
  // before the set is closed.
  bool TakeOut(int fd);

  // Registrations at present.
  std::size_t size() const;

 private:
  class Visit;

  static constexpr char kName[] = "interest set";
  // epoll_data of signal_; no slot has this index.
  static constexpr std::uint64_t kSignalEntry = ~std::uint64_t{0};
  // The top bit of tickets_.
  static constexpr std::uint64_t kClosed = std::uint64_t{1} << 63;

  InterestSet(Custody custody, Files files, UniqueFd epoll, UniqueFd signal);

  // What poll(2) says of a slot that epoll refuses; zero: nothing.
  static Events EventsWithoutEpoll(const Slot& slot);

  // epoll_ctl(2) on the entry of a slot; the errno, 0 for success.
  int Control(int epoll_fd, int operation, std::uint32_t index)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Offers the slot's number to epoll and notes its place; the errno, 0 for
  // success, after which UpdatePending() is due.
  int Enroll(std::uint32_t index) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Puts the slot on the pending list, or takes it off, as its state asks.
  void UpdatePending(std::uint32_t index) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status Change(std::uint32_t index, Events events, Trigger trigger,
                      std::uint64_t data) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void AuditSlot(std::uint32_t index) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Audits a slot that has reported; what poll(2) says of its number, as the
  // report may be of another file. Zero also for a number that is pending now.
  Events CheckSuspect(std::uint32_t index)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // Turns the kernel's events into ours, without the stale ones, and fills up
  // from the pending list; how many. `room` is no smaller than `seen`. Says in
  // `orphan` whether an orphan has to be shed.
  std::size_t Translate(absl::Span<const epoll_event> seen,
                        absl::Span<Event> room, bool& orphan)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::size_t TakePending(absl::Span<Event> room)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Whether the set's own numbers are still its own, as far as can be known.
  bool Intact() const { return epoll_.valid() && NamedBy(epoll_.get()); }
  // Notes that events collected so far may be stale by now.
  void AllowStaleLooks() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // Moves to a new kernel set, and takes along whoever holds the number. For a
  // waiter inside, without the mutex.
  absl::Status ShedOrphans();
  // Moves every registration to a new kernel set under the old number.
  absl::Status MoveToFreshSet() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // NumberHolder, for numbers of other sets that are registered here.
  void BeforeMove(int number) override;
  void AfterMove(int number) override;

  // Waiters inside.
  std::uint64_t waiters() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Notes that the waiter with `ticket` is out of a kernel set that was left
  // behind, and gives it a ticket for the present one.
  void CatchUp(std::uint64_t& ticket) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Lets the waiter with `ticket` go; nothing of the set may be touched after
  // the mutex is released.
  void Leave(std::uint64_t& ticket) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // Keeps signal_ readable exactly while a waiter has a reason to come out of
  // the kernel that no registered descriptor gives.
  void UpdateSignal() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Custody custody_;
  const Files files_;
  // The number stays the same for life; Close() ends it when no one waits.
  UniqueFd epoll_;
  // An eventfd in the epoll set; see UpdateSignal.
  UniqueFd signal_;

  // Tickets given to waiters so far, and in the top bit whether closed: a
  // waiter comes in with one atomic addition.
  std::atomic<std::uint64_t> tickets_{0};

  mutable Mutex mutex_;
  CondVar left_;  // the last waiter is gone, after Close() began
  SlotTable slots_ ABSL_GUARDED_BY(mutex_);
  bool signalled_ ABSL_GUARDED_BY(mutex_) = false;
  // A registration went while its entry could not be deleted.
  bool orphans_ ABSL_GUARDED_BY(mutex_) = false;
  // Looks that may still come with stale events while no orphan is known.
  std::uint64_t stale_looks_allowed_ ABSL_GUARDED_BY(mutex_) = 0;
  // The number of another set that is on the move; -1: none.
  int moving_number_ ABSL_GUARDED_BY(mutex_) = -1;
  std::vector<int> copies_ ABSL_GUARDED_BY(mutex_);
  // Waiters that have left.
  std::uint64_t departures_ ABSL_GUARDED_BY(mutex_) = 0;
  // The first ticket given after the last move to a new kernel set, and how
  // many waiters with an older one have not come out of the old set yet.
  std::uint64_t first_ticket_ ABSL_GUARDED_BY(mutex_) = 0;
  std::uint64_t outdated_waiters_ ABSL_GUARDED_BY(mutex_) = 0;
  std::uint32_t audit_next_ ABSL_GUARDED_BY(mutex_) = 0;
  // Room for LooksIdle().
  std::vector<pollfd> polled_ ABSL_GUARDED_BY(mutex_);

  ScratchPool<epoll_event> scratch_;
};

}  // namespace farpoll

#endif  // FARPOLL_SELECTOR_INTEREST_SET_H_
