#include "selector/pollable_view.h"

#include <sys/epoll.h>

#include <cerrno>
#include <utility>

#include "base/errno_status.h"
#include "selector/hidden_fd.h"

namespace farpoll {
namespace {

// epoll_ctl(2) on the one entry of a view.
int ControlView(int view, int operation, int watched) {
  epoll_event entry = {.events = EPOLLIN, .data = {.u64 = 0}};
  return epoll_ctl(view, operation, watched, &entry);
}

}  // namespace

absl::StatusOr<UniqueFd> PollableView(int fd) {
  UniqueFd view(epoll_create1(EPOLL_CLOEXEC));
  if (!view.valid()) {
    return ErrnoStatus(errno, "epoll_create1");
  }
  if (ControlView(view.get(), EPOLL_CTL_ADD, fd) != 0) {
    return ErrnoStatus(errno, "epoll_ctl(ADD)");
  }
  return view;
}

absl::StatusOr<std::unique_ptr<StandingView>> StandingView::Create(int fd) {
  absl::StatusOr<UniqueFd> view = PollableView(fd);
  if (!view.ok()) {
    return view.status();
  }
  return std::unique_ptr<StandingView>(
      new StandingView(Hide(*std::move(view)), fd));
}

StandingView::StandingView(UniqueFd view, int watched)
    : view_(std::move(view)), watched_(watched) {
  NumberHolders::OfProcess().Insert(this);
}

StandingView::~StandingView() {
  NumberHolders::OfProcess().Erase(this);
  if (ControlView(view_.get(), EPOLL_CTL_DEL, watched_) != 0) {
    // Closing what may be somebody else's by now is worse than a leak.
    view_.Release();
  }
}

void StandingView::BeforeMove(int number) {
  if (number == watched_) {
    ControlView(view_.get(), EPOLL_CTL_DEL, watched_);
  }
}

void StandingView::AfterMove(int number) {
  // It can't fail but for memory, of which the old entry has just freed as much
  // as the new one takes.
  if (number == watched_) {
    ControlView(view_.get(), EPOLL_CTL_ADD, watched_);
  }
}

}  // namespace farpoll
