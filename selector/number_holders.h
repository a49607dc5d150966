// selector/number_holders.h: room: selector. Who holds the number of an epoll
// set in a set of its own, and so has to hear when the number gets another
// kernel set.
// Threads: NumberHolders from any.
// Source: epoll(7); docs/semantics.md section 1, "Orphans".
#ifndef FARPOLL_SELECTOR_NUMBER_HOLDERS_H_
#define FARPOLL_SELECTOR_NUMBER_HOLDERS_H_

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "base/mutex.h"

namespace farpoll {

// An object that watches numbers, perhaps those of epoll sets.
class NumberHolder {
 public:
  NumberHolder() = default;
  NumberHolder(const NumberHolder&) = delete;
  NumberHolder& operator=(const NumberHolder&) = delete;

  // `number` is about to name another kernel set. A holder that watches it
  // gives up the old set now, while the number still names it: a copy of the
  // number, in a child say, could keep the entry alive for ever.
  virtual void BeforeMove(int number) = 0;
  // `number` names its new kernel set.
  virtual void AfterMove(int number) = 0;

 protected:
  ~NumberHolder() = default;

 private:
  friend class NumberHolders;

  // Neighbours in the ring of all holders.
  NumberHolder* previous_ = this;
  NumberHolder* next_ = this;
};

// Every holder of this process.
class NumberHolders {
 public:
  // The process's one; lives as long as the process. A child after fork(2)
  // begins with none.
  static NumberHolders& OfProcess();

  void Insert(NumberHolder* holder);
  // After the return `holder` is not called any more.
  void Erase(NumberHolder* holder);

  // Calls `move`, which gives `number` another kernel set, when every holder
  // has given up the old one; afterwards all take what the number names, also
  // when `move` failed. One move at a time.
  //   Threads: the caller holds no lock of a holder.
  absl::Status Move(int number, absl::FunctionRef<absl::Status()> move);

 private:
  class Absence;
  // Where the ring begins and ends.
  class End final : public NumberHolder {
   public:
    void BeforeMove(int /*number*/) override {}
    void AfterMove(int /*number*/) override {}
  };

  Mutex mutex_;
  End end_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace farpoll

#endif  // FARPOLL_SELECTOR_NUMBER_HOLDERS_H_
