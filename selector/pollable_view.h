// selector/pollable_view.h: room: selector. A set that may be looked at by
// others and not touched.
// Threads: PollableView is pure; a StandingView may be used from any thread.
// Source: epoll(7); docs/semantics.md section 1, "Orphans".
#ifndef FARPOLL_SELECTOR_POLLABLE_VIEW_H_
#define FARPOLL_SELECTOR_POLLABLE_VIEW_H_

#include <memory>

#include "absl/status/statusor.h"
#include "base/unique_fd.h"
#include "selector/number_holders.h"

namespace farpoll {

// A new descriptor that polls readable exactly while `fd`, an epoll descriptor,
// does. Whoever holds it can neither take events of that set nor change it, and
// when the set is closed, or moves to a new kernel set, it falls silent.
//   Errors: RESOURCE_EXHAUSTED (EMFILE, ENFILE, ENOMEM, ENOSPC).
absl::StatusOr<UniqueFd> PollableView(int fd);

// Such a view that goes along when the set moves to a new kernel set. It is one
// open file for life, so copies of it, foreign epoll sets that hold it, and
// waits on it go along too.
class StandingView final : private NumberHolder {
 public:
  // Of `fd`, which must stay open while this object lives.
  //   Errors: as PollableView.
  static absl::StatusOr<std::unique_ptr<StandingView>> Create(int fd);
  // Closes the view's number, if it still is the view's.
  ~StandingView();

  // Owned by this object.
  int fd() const { return view_.get(); }

 private:
  StandingView(UniqueFd view, int watched);

  void BeforeMove(int number) override;
  void AfterMove(int number) override;

  UniqueFd view_;
  const int watched_;
};

}  // namespace farpoll

#endif  // FARPOLL_SELECTOR_POLLABLE_VIEW_H_
