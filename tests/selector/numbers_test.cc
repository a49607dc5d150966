// The whole life of descriptor numbers, for the epoll core, its views and the
// weak set: dup, dup2, close, fork and reuse of what is watched and of what
// watches.
// Source: docs/semantics.md section 1; epoll(7).
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <utility>
#include <vector>

#include "absl/types/span.h"
#include "base/errno_status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "selector/interest_set.h"
#include "selector/poll_object.h"
#include "selector/pollable_view.h"
#include "selector/weak_set.h"
#include "tests/selector/number_model.h"
#include "tests/support/event_matchers.h"
#include "tests/support/fd_count.h"
#include "tests/support/fd_fixtures.h"
#include "tests/support/status_matchers.h"

namespace farpoll {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::unique_ptr<InterestSet> NewSet() {
  return *InterestSet::Create(InterestSet::Custody::kOwned);
}

std::vector<Event> Take(InterestSet& set) {
  std::vector<Event> room(64);
  const absl::StatusOr<std::size_t> count = set.Collect(absl::MakeSpan(room));
  EXPECT_THAT(count, IsOk());
  room.resize(count.value_or(0));
  return room;
}

// Leaves an entry in the set's kernel set that fires and can't be removed.
class Orphan {
 public:
  explicit Orphan(InterestSet& set) : keeper_(Duplicate(pipe_.reader())) {
    UniqueFd copy = Duplicate(pipe_.reader());
    const auto token = set.Add(copy.get(), kIn, Trigger::kLevel, 0);
    copy.Reset();
    EXPECT_THAT(set.Remove(*token), IsOk());
    Write(pipe_.writer(), "x");
  }

 private:
  const Pipe pipe_;
  const UniqueFd keeper_;
};

TEST(Numbers, ASetThatHoldsAMovedSetTakesItAgain) {
  const auto inner = NewSet();
  const Pipe pipe;
  ASSERT_THAT(inner->Add(pipe.reader(), kIn, Trigger::kLevel, 0), IsOk());
  const int number = *inner->fd();
  for (const Trigger trigger :
       {Trigger::kLevel, Trigger::kEdge, Trigger::kOneShot}) {
    const auto outer = NewSet();
    ASSERT_THAT(outer->Add(number, kIn, trigger, 0), IsOk());
    // A copy keeps the old kernel set alive.
    const UniqueFd copy = Duplicate(number);
    const Orphan orphan(*inner);
    ASSERT_THAT(Take(*inner), IsEmpty());
    Take(*outer);
    EXPECT_THAT(Take(*outer), IsEmpty());

    Write(pipe.writer(), "x");

    if (trigger != Trigger::kOneShot) {  // which the orphan may have spent
      EXPECT_THAT(Take(*outer), ElementsAre(IsEvent(number, kIn)));
    }
    Drain(pipe.reader());
    EXPECT_THAT(Take(*outer), IsEmpty());
  }
}

TEST(Numbers, AStandingViewGoesAlong) {
  const auto set = NewSet();
  const Pipe pipe;
  ASSERT_THAT(set->Add(pipe.reader(), kIn, Trigger::kLevel, 0), IsOk());
  const auto view = *StandingView::Create(*set->fd());
  const UniqueFd copy = Duplicate(*set->fd());
  for (int i = 0; i < 3; ++i) {
    const Orphan orphan(*set);
    EXPECT_EQ(KernelPoll(view->fd(), kIn), kIn) << "the orphan shows";
    ASSERT_THAT(Take(*set), IsEmpty());
    EXPECT_EQ(KernelPoll(view->fd(), kIn), 0);
  }

  Write(pipe.writer(), "x");

  EXPECT_EQ(KernelPoll(view->fd(), kIn), kIn);
  Drain(pipe.reader());
  EXPECT_EQ(KernelPoll(view->fd(), kIn), 0);
}

TEST(Numbers, AViewClosesNoNumberThatIsAnothers) {
  const auto set = NewSet();
  auto view = *StandingView::Create(*set->fd());
  const UniqueFd taken = DuplicateTo(STDERR_FILENO, view->fd());

  view.reset();

  EXPECT_GE(fcntl(taken.get(), F_GETFD), 0);
}

TEST(Numbers, AFollowedCopyMovesAlong) {
  const auto set = NewSet();
  const Pipe pipe;
  ASSERT_THAT(set->Add(pipe.reader(), kIn, Trigger::kLevel, 0), IsOk());
  const UniqueFd copy = Duplicate(*set->fd());
  const UniqueFd stays = Duplicate(*set->fd());
  set->Follow(copy.get());
  set->Follow(stays.get());
  set->Unfollow(stays.get());
  const Orphan orphan(*set);

  ASSERT_THAT(Take(*set), IsEmpty());

  EXPECT_EQ(KernelPoll(copy.get(), kIn), 0);
  EXPECT_EQ(fcntl(copy.get(), F_GETFD), FD_CLOEXEC);
  EXPECT_EQ(KernelPoll(stays.get(), kIn), kIn);
  Write(pipe.writer(), "x");
  EXPECT_EQ(KernelPoll(copy.get(), kIn), kIn);
}

TEST(Numbers, HiddenDescriptorsAreHigh) {
  AllowDescriptors(2048);
  const UniqueFd low = Duplicate(STDERR_FILENO);
  const auto set = NewSet();
  const auto weak = *WeakSet::Create();
  const auto view = *StandingView::Create(*set->fd());
  const auto poll = *PollObject::Create();

  const UniqueFd next = Duplicate(STDERR_FILENO);

  EXPECT_EQ(next.get(), low.get() + 1);
  EXPECT_GE(*set->fd(), 512);
  EXPECT_LT(*set->fd(), 1024) << "select(2) takes it";
}

TEST(Numbers, WithoutHighNumbersLowOnesServe) {
  rlimit before = {};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  rlimit low = before;
  low.rlim_cur = 64;
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &low), 0);
  std::vector<UniqueFd> high;
  for (int fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 32); fd >= 0;
       fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 32)) {
    high.emplace_back(fd);
  }

  const auto set = InterestSet::Create(InterestSet::Custody::kOwned);

  EXPECT_THAT(set, IsOk());
  EXPECT_LT(*(*set)->fd(), 32);
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
}

TEST(Numbers, ASetClosesNoNumberThatIsAnothers) {
  InAChild([] {
    auto set = NewSet();
    const UniqueFd taken = DuplicateTo(STDERR_FILENO, *set->fd());
    set.reset();
    return fcntl(taken.get(), F_GETFD) >= 0 ? 0 : 1;
  });
}

// ---- Against models.

class CoreQueue final : public NumberedQueue {
 public:
  int Add(int fd) override {
    Remove(fd);
    const auto token = set_->Add(fd, kIn, Trigger::kLevel, 0);
    if (token.ok()) {
      tokens_[fd] = *token;
    }
    return ErrnoOf(token.status());
  }
  int Remove(int fd) override {
    const auto found = tokens_.find(fd);
    if (found == tokens_.end()) {
      return ENOENT;
    }
    const absl::Status removed = set_->Remove(found->second);
    tokens_.erase(found);
    return ErrnoOf(removed);
  }
  std::set<int> Look() override {
    // A number that was closed behind the set's back is the audit's to find.
    Event room[64];
    set_->Audit();
    const auto count = set_->Collect(absl::MakeSpan(room));
    EXPECT_THAT(count, IsOk());
    std::set<int> seen;
    for (const Event& event : absl::MakeSpan(room, count.value_or(0))) {
      if ((event.events & kInvalid) == 0) {
        seen.insert(event.fd);
      } else {
        Remove(event.fd);
      }
    }
    return seen.empty() && *count > 0 ? Look() : seen;
  }
  int number() override { return *set_->fd(); }

 private:
  const std::unique_ptr<InterestSet> set_ =
      *InterestSet::Create(InterestSet::Custody::kBorrowed);
  std::map<int, RegistrationToken> tokens_;
};

TEST(Numbers, ModelOfTheCore) {
  RunNumberModel(/*one_file=*/false,
                 [] { return std::make_unique<CoreQueue>(); });
}

// What a weak set says of files that come and go, with edges of writes.
TEST(Numbers, ModelOfTheWeakSet) {
  constexpr std::size_t kFiles = 4;
  constexpr int kFirst = 400;
  std::mt19937 random(7);
  const auto draw = [&random](std::size_t end) { return random() % end; };
  const auto set = *WeakSet::Create();
  struct File {
    Pipe pipe;
    std::vector<UniqueFd> holders;  // numbers that name the reading end
    std::set<std::uint64_t> entries;
    bool full = false;
  };
  std::array<File, kFiles> files;
  std::map<std::uint64_t, bool> pending;  // by data: an edge is due
  std::uint64_t next = 0;
  for (int step = 0; step < 20'000 && !testing::Test::HasFailure(); ++step) {
    SCOPED_TRACE(testing::Message() << "step " << step);
    File& file = files[draw(kFiles)];
    const bool open = file.pipe.reader() >= 0 || !file.holders.empty();
    const int holder = file.pipe.reader() >= 0 ? file.pipe.reader()
                       : open                  ? file.holders[0].get()
                                               : -1;
    switch (draw(8)) {
      case 0:  // a copy under another number, perhaps one used before
        if (open && file.holders.size() < 3) {
          file.holders.emplace_back(
              MustSucceed(fcntl(holder, F_DUPFD_CLOEXEC, kFirst), "dup"));
        }
        break;
      case 1:
        if (!file.holders.empty()) {
          file.holders.erase(file.holders.begin());
        }
        break;
      case 2:
        if (draw(2) == 0) {
          file.pipe.read_end.Reset();
        }
        break;
      case 3:  // a new file, once nobody holds the old one
        if (!open) {
          file = File();
        }
        break;
      case 4:
        if (open && file.entries.size() < 12) {
          ASSERT_THAT(set->Add(Duplicate(holder), kIn, ++next), IsOk());
          file.entries.insert(next);
          pending[next] = file.full;
        }
        break;
      case 5:
        if (open && !file.full) {
          Write(file.pipe.writer(), "x");
          file.full = true;
          for (const std::uint64_t entry : file.entries) {
            pending[entry] = true;
          }
        }
        break;
      case 6:
        if (open) {
          Drain(holder);
          file.full = false;
          for (const std::uint64_t entry : file.entries) {
            pending[entry] = false;
          }
        }
        break;
      default: {
        std::array<Event, 64> room;
        const std::size_t count = set->Collect(absl::MakeSpan(room));
        std::set<std::uint64_t> seen;
        for (std::size_t i = 0; i < count; ++i) {
          seen.insert(room[i].data);
        }
        std::set<std::uint64_t> due;
        for (auto& [entry, edge] : pending) {
          if (std::exchange(edge, false)) {
            due.insert(entry);
          }
        }
        EXPECT_EQ(seen, due);
        EXPECT_EQ(KernelPoll(set->fd(), kIn), 0);
      }
    }
    if (file.pipe.reader() < 0 && file.holders.empty()) {
      for (const std::uint64_t entry : file.entries) {
        pending.erase(entry);  // gone without a word
      }
      file.entries.clear();
    }
  }
}

}  // namespace
}  // namespace farpoll
