// selector/kqueue/queue.h: room: selector. The queue itself, which one or
// several Kqueue objects name: change list in, event list out.
//
// A knote becomes ready in one of two ways. The kernel says so of a descriptor
// (READ, WRITE, EXCEPT, PROC, PROCDESC, TIMER): then its interest set keeps it,
// in the order of readiness and with the trigger that its mode asks for. Or it
// is known in memory (USER, VNODE, SIGNAL, EMPTY, files that epoll refuses):
// then it stands in the active list, and the wake descriptor, a member of the
// kernel's set, says that the list is not empty.
// Threads: every method from any thread; any number of Take() at once.
// Source: FreeBSD kern_event.c; docs/semantics.md section 6.
#ifndef FARPOLL_SELECTOR_KQUEUE_QUEUE_H_
#define FARPOLL_SELECTOR_KQUEUE_QUEUE_H_

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
#include "selector/kqueue/file_watcher.h"
#include "selector/kqueue/filter.h"
#include "selector/kqueue/kevent.h"
#include "selector/kqueue/knote.h"
#include "selector/kqueue/kqueue_options.h"
#include "selector/kqueue/lanes.h"
#include "selector/kqueue/signal_desk.h"
#include "selector/on_signal.h"
#include "selector/scratch.h"
#include "selector/waitable.h"

namespace farpoll {

class Queue final : public std::enable_shared_from_this<Queue>,
                    private FilterHost,
                    public SignalListener {
 public:
  //   Errors: RESOURCE_EXHAUSTED (EMFILE, ENFILE, ENOMEM).
  static absl::StatusOr<std::shared_ptr<Queue>> Create(
      const KqueueOptions& options);
  ~Queue();
  Queue(const Queue&) = delete;
  Queue& operator=(const Queue&) = delete;

  // Applies `changes` in order. Writes an entry with ev::kError for each that
  // fails, or asks for a receipt, into `results`; how many. The two lists may
  // be the same memory.
  //   Errors: that of the first change that fails when `results` is full: later
  //     changes are not applied; EBADF/CLOSED.
  absl::StatusOr<std::size_t> Apply(absl::Span<const Kevent> changes,
                                    absl::Span<Kevent> results);

  // Waits until there are events, or `deadline` (then zero), and takes as many
  // as `room`, which is not empty, can hold.
  //   Errors: EBADF/CLOSED, also when closed meanwhile; RESOURCE_EXHAUSTED;
  //     EINTR as `on_signal` says.
  absl::StatusOr<std::size_t> Take(absl::Span<Kevent> room,
                                   MonotonicTime deadline, OnSignal on_signal);

  // Removes every registration of descriptor `fd`; how many.
  std::size_t Forget(int fd);

  // Registrations at present.
  std::size_t size() const;

  // Counts the objects that own a copy of the queue's number; the copies move
  // along when the queue gets a new kernel set.
  void AddCopy(int number) {
    copies_.fetch_add(1);
    lanes_->first().Follow(number);
  }
  // Before the copy is closed.
  void UnfollowCopy(int number) { lanes_->first().Unfollow(number); }
  // An object is done with the queue's number, or with the copy it owned. The
  // queue closes when neither its number nor a copy is wanted any more.
  void DropNumber();
  void DropCopy();
  // Whether `number` still names the queue. Takes no lock.
  bool NamedBy(int number) const { return lanes_->first().NamedBy(number); }
  // Whether the queue's own number still stands for it.
  bool number_open() const {
    return number_open_.load(std::memory_order_acquire);
  }
  // In a child after fork(2), where nothing else may be touched: whether the
  // number is open, for the last time.
  bool GiveUpNumber() { return number_open_.exchange(false); }

  // As Waitable.
  absl::StatusOr<int> fd() const { return lanes_->fd(); }
  bool closed() const;
  void Close();

  // SignalListener.
  void Signalled(KnoteId knote, std::uint32_t count) override;

 private:
  Queue(const KqueueOptions& options, std::unique_ptr<Lanes> lanes,
        UniqueFd wake);

  // The end of Close(): drops every knote, and what the queue has of its own.
  void Release() ABSL_LOCKS_EXCLUDED(mutex_);

  // ---- Changes; results are errnos, 0 for success.

  absl::StatusOr<std::size_t> ApplyAll(absl::Span<const Kevent> changes,
                                       absl::Span<Kevent> results)
      ABSL_LOCKS_EXCLUDED(mutex_);
  int ApplyOne(const Kevent& change) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // EBADF and ENOENT: the knote is gone, as its number was closed, or names
  // another file by now.
  int ApplyToKnote(Knote& knote, const Kevent& change)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  int Add(const Kevent& change, const Filter& filter)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  int Remove(Knote& knote) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  int Update(Knote& knote, const Kevent& change)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Lets the knote stand as its flags ask, and samples it. EBADF or ENOENT: its
  // number was closed, or names another file by now.
  int Reevaluate(Knote& knote) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Drop(Knote& knote) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // ---- The kernel's sets.

  // A lane in which no other knote of the same descriptor is.
  std::uint8_t FreeLane(const Knote& knote)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Drops every knote of a descriptor; how many.
  std::size_t DropAllOf(int fd) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Gives up, unclosed, those of the queue's own descriptors whose numbers are
  // somebody else's by now.
  void AbandonStrangers() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Registers one of the queue's own descriptors under a marker.
  int WatchOwn(int fd, std::uint64_t mark)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Changes what the kernel's set looks for; 0, EBADF or ENOENT as Reevaluate.
  int Rewatch(Knote& knote, Events events, Trigger trigger)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  int Arm(Knote& knote) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  int Disarm(Knote& knote) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // After a sample that did not hold although the kernel's set reported it.
  void Mute(Knote& knote) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // ---- FilterHost.

  int Watch(Knote& knote, int fd, Events events) override
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  int Unwatch(Knote& knote) override ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Activate(Knote& knote) override ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  int WatchFile(Knote& knote, std::uint32_t mask) override
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void UnwatchFile(Knote& knote) override ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  int WatchSignal(Knote& knote) override ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void UnwatchSignal(Knote& knote) override
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Recheck(Knote& knote) override ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool TakesSocketErrors() const override {
    return options_.takes_socket_errors;
  }
  Knote* Sibling(const Knote& knote, std::int16_t filter) override
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // ---- Events.

  // Events of the kernel's sets that a wait with so much room may need space
  // for: what is registered bounds it, however much room the caller has.
  std::size_t SpaceFor(std::size_t room) const ABSL_LOCKS_EXCLUDED(mutex_);
  // Makes events of what the kernel's first set reported, and of what that
  // leads to; how many. `seen` lies at the start of `space`, which is used
  // again.
  std::size_t Harvest(absl::Span<const Event> seen, absl::Span<Event> space,
                      absl::Span<Kevent> room)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Makes an event of one that a kernel's set reported, if it still holds.
  bool TakeWatched(const Event& seen, Kevent& event)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Events of knotes in the active list.
  std::size_t TakeActive(absl::Span<Kevent> room)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<std::size_t> TakeUntil(absl::Span<Kevent> room,
                                        MonotonicTime deadline,
                                        OnSignal on_signal)
      ABSL_LOCKS_EXCLUDED(mutex_);
  // Whether the active list will do: the kernel has nothing to say, or the
  // list alone fills `room` and it is its turn.
  bool KernelHasNoTurn(absl::Span<Kevent> room)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Whether the condition holds by the filter's word.
  bool SampleNow(Knote& knote) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Writes the event and does to the knote what its mode asks. False: the
  // event is the last for now.
  bool Deliver(Knote& knote, Kevent& event)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // Tells knotes what happened to their files.
  void DrainFiles() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Samples the knotes that wait for the clock.
  void Tick() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Keeps wake_ readable exactly while the active list is not empty.
  void UpdateWake() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void DispatchSignals(int signal_fd) ABSL_LOCKS_EXCLUDED(mutex_);

  const KqueueOptions options_;
  const std::unique_ptr<Lanes> lanes_;
  ScratchPool<Event> scratch_;

  std::atomic<int> copies_{0};
  std::atomic<bool> number_open_{true};

  mutable Mutex mutex_;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  KnoteTable knotes_ ABSL_GUARDED_BY(mutex_);

  // An eventfd; see UpdateWake.
  UniqueFd wake_ ABSL_GUARDED_BY(mutex_);
  bool woken_ ABSL_GUARDED_BY(mutex_) = false;
  // knotes_.active(), for a look without the mutex.
  std::atomic<std::size_t> active_hint_{0};
  // Descriptors in the kernel's sets beside wake_.
  std::size_t watched_ ABSL_GUARDED_BY(mutex_) = 0;
  // The last Take() filled its room without the kernel.
  bool kernel_is_next_ ABSL_GUARDED_BY(mutex_) = false;

  FileWatcher files_ ABSL_GUARDED_BY(mutex_);

  // The signals that this queue's knotes name are read from it.
  UniqueFd signals_ ABSL_GUARDED_BY(mutex_);
  std::uint64_t signal_mask_ ABSL_GUARDED_BY(mutex_) = 0;
  int signal_readers_ ABSL_GUARDED_BY(mutex_) = 0;
  CondVar signals_read_;

  // A timerfd that ticks while somebody waits for it.
  UniqueFd clock_ ABSL_GUARDED_BY(mutex_);
  std::vector<KnoteId> rechecks_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace farpoll

#endif  // FARPOLL_SELECTOR_KQUEUE_QUEUE_H_
