// selector/kqueue/signal_desk.h: room: selector. Signals belong to the process,
// and whoever reads one from a signalfd has taken it from every other: so all
// queues of a process share what any of them reads.
// Threads: every method from any thread. Lock order: a queue's mutex, then this
//   one's; Dispatch() is called with neither held.
// Source: signalfd(2); docs/semantics.md section 6.
#ifndef FARPOLL_SELECTOR_KQUEUE_SIGNAL_DESK_H_
#define FARPOLL_SELECTOR_KQUEUE_SIGNAL_DESK_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "base/mutex.h"
#include "selector/kqueue/knote.h"

namespace farpoll {

// What a queue is to the desk.
class SignalListener {
 public:
  // `knote`, which may be gone, was asked for a signal that came `count` times.
  // Takes the queue's mutex.
  virtual void Signalled(KnoteId knote, std::uint32_t count) = 0;

 protected:
  ~SignalListener() = default;
};

class SignalDesk {
 public:
  // The process's one desk; lives as long as the process.
  static SignalDesk& OfProcess();

  void Subscribe(std::weak_ptr<SignalListener> listener, KnoteId knote,
                 int signal);
  void Unsubscribe(const SignalListener* listener, KnoteId knote);

  // Reads every signal that `signal_fd` has and tells all who asked for it, in
  // every queue.
  void Dispatch(int signal_fd);

 private:
  struct Subscription {
    std::weak_ptr<SignalListener> listener;
    const SignalListener* identity;
    KnoteId knote;
    int signal;
  };

  Mutex mutex_;
  std::vector<Subscription> subscriptions_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace farpoll

#endif  // FARPOLL_SELECTOR_KQUEUE_SIGNAL_DESK_H_
