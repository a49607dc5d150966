// How InterestSet moves to a new kernel set under its old number, and takes
// along whoever holds that number.
#include <fcntl.h>
#include <sys/epoll.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/errno_status.h"
#include "selector/hidden_fd.h"
#include "selector/interest_set.h"

namespace farpoll {

bool InterestSet::NamedBy(int number) const {
  // Set and signal answer for each other: the kernel finds the entry only when
  // both numbers name the files that it was made with.
  epoll_event entry = {.events = EPOLLIN, .data = {.u64 = kSignalEntry}};
  return signal_.valid() &&
         epoll_ctl(number, EPOLL_CTL_MOD, signal_.get(), &entry) == 0;
}

bool InterestSet::TakeOut(int fd) {
  MutexLock lock(&mutex_);
  return epoll_.valid() &&
         epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr) == 0;
}

absl::Status InterestSet::ShedOrphans() {
  NumberHolders& holders = NumberHolders::OfProcess();
  std::vector<int> copies;
  const absl::Status moved = holders.Move(epoll_.get(), [&] {
    MutexLock lock(&mutex_);
    // Another waiter may have done it.
    const absl::Status done =
        closed() || !orphans_ ? absl::OkStatus() : MoveToFreshSet();
    copies = copies_;
    return done;
  });
  for (const int copy : copies) {
    holders
        .Move(copy,
              [&] {
                MutexLock lock(&mutex_);
                const bool follows = std::find(copies_.begin(), copies_.end(),
                                               copy) != copies_.end();
                const int flags = follows ? fcntl(copy, F_GETFD) : -1;
                if (flags >= 0) {
                  dup3(epoll_.get(), copy,
                       (flags & FD_CLOEXEC) != 0 ? O_CLOEXEC : 0);
                }
                return absl::OkStatus();
              })
        .IgnoreError();
  }
  return moved;
}

absl::Status InterestSet::MoveToFreshSet() {
  if (!Intact()) {
    return MakeError(EBADF, "", kName, "its own number names another file");
  }
  const UniqueFd fresh = Hide(UniqueFd(epoll_create1(EPOLL_CLOEXEC)));
  if (!fresh.valid()) {
    return ErrnoStatus(errno, "epoll_create1");
  }
  epoll_event entry = {.events = EPOLLIN, .data = {.u64 = kSignalEntry}};
  if (epoll_ctl(fresh.get(), EPOLL_CTL_ADD, signal_.get(), &entry) != 0) {
    return ErrnoStatus(errno, "epoll_ctl(ADD)");
  }
  for (std::uint32_t index = 0; index < slots_.end(); ++index) {
    // A number that was closed too, and not audited yet, stays behind: EBADF,
    // or the new set itself was given that number.
    if (slots_[index].place != Slot::Place::kEpoll ||
        slots_[index].fd == fresh.get()) {
      continue;
    }
    const int error = Control(fresh.get(), EPOLL_CTL_ADD, index);
    if (error != 0 && error != EBADF && error != EPERM) {
      return ErrnoStatus(error, "epoll_ctl(ADD)",
                         absl::StrCat("descriptor ", slots_[index].fd));
    }
  }
  if (dup3(fresh.get(), epoll_.get(), O_CLOEXEC) < 0) {
    return ErrnoStatus(errno, "dup3");
  }
  orphans_ = false;
  // Whoever is inside may sit in the old kernel set, which lives until its last
  // waiter leaves; the signal, a member of both, calls them out.
  // The move takes a ticket of its own and leaves at once: so each move has a
  // later first ticket than the one before, also when nobody came in between.
  const std::uint64_t tickets = tickets_.fetch_add(1) & ~kClosed;
  outdated_waiters_ = tickets - departures_;
  ++departures_;
  first_ticket_ = tickets + 1;
  AllowStaleLooks();
  UpdateSignal();
  return absl::OkStatus();
}

// ---- Other sets that move.

void InterestSet::BeforeMove(int number) {
  MutexLock lock(&mutex_);
  if (closed()) {
    return;
  }
  moving_number_ = number;
  for (std::uint32_t index = 0; index < slots_.end(); ++index) {
    Slot& slot = slots_[index];
    if (slot.fd == number && slot.place == Slot::Place::kEpoll &&
        Control(epoll_.get(), EPOLL_CTL_DEL, index) == 0) {
      slot.place = Slot::Place::kMoving;
    }
  }
}

void InterestSet::AfterMove(int number) {
  MutexLock lock(&mutex_);
  moving_number_ = -1;
  if (closed()) {
    return;
  }
  for (std::uint32_t index = 0; index < slots_.end(); ++index) {
    Slot& slot = slots_[index];
    if (slot.fd != number || slot.place != Slot::Place::kMoving) {
      continue;
    }
    const int error = Enroll(index);
    if (error == EBADF) {
      slot.place = Slot::Place::kEpoll;  // closed meanwhile: it has no entry
    } else if (error != 0) {
      slot.place = Slot::Place::kNotOpen;  // make the caller look at it
    }
    UpdatePending(index);
  }
}

// ---- Copies of the number.

void InterestSet::Follow(int copy) {
  MutexLock lock(&mutex_);
  copies_.push_back(copy);
}

void InterestSet::Unfollow(int copy) {
  MutexLock lock(&mutex_);
  copies_.erase(std::remove(copies_.begin(), copies_.end(), copy),
                copies_.end());
}

}  // namespace farpoll
