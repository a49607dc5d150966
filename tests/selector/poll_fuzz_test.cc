// Poll.OracleFuzz: random operations on a PollObject and on poll(2) give the
// same answers. FARPOLL_SEED=N runs the one seed N.
// Source: docs/semantics.md sections 2 and 8.
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <memory>
#include <numeric>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "selector/poll_object.h"
#include "tests/support/fd_fixtures.h"
#include "tests/support/status_matchers.h"

namespace farpoll {
namespace {

constexpr int kSteps = 600;
constexpr std::size_t kMostPairs = 12;

// (number, revents) in the order of registration.
using Answer = std::vector<std::pair<int, Events>>;

// A model of poll(): a list of pollfds, asked of the kernel afresh.
class Model {
 public:
  void Register(int fd, Events mask) {
    const auto found = Find(fd);
    if (found == entries_.end()) {
      entries_.push_back(
          {.fd = fd, .events = static_cast<short>(mask), .revents = 0});
    } else {
      found->events = static_cast<short>(mask);
    }
  }
  bool Modify(int fd, Events mask) {
    const auto found = Find(fd);
    if (found == entries_.end()) {
      return false;
    }
    found->events = static_cast<short>(mask);
    return true;
  }
  bool Unregister(int fd) {
    const auto found = Find(fd);
    if (found == entries_.end()) {
      return false;
    }
    entries_.erase(found);
    return true;
  }
  std::size_t size() const { return entries_.size(); }
  Answer Poll() {
    MustSucceed(poll(entries_.data(), entries_.size(), 0), "poll");
    Answer answer;
    for (const pollfd& entry : entries_) {
      if (entry.revents != 0) {
        answer.emplace_back(entry.fd, static_cast<Events>(entry.revents));
      }
    }
    return answer;
  }

 private:
  std::vector<pollfd>::iterator Find(int fd) {
    return std::find_if(entries_.begin(), entries_.end(),
                        [fd](const pollfd& entry) { return entry.fd == fd; });
  }
  std::vector<pollfd> entries_;
};

// The two, the descriptors they look at, and a stream of random numbers.
class World {
 public:
  explicit World(std::uint32_t seed) : random_(seed) {}

  // One random operation; what it was, for the trace.
  std::string Step() {
    switch (Below(10)) {
      case 0:
        return Open();
      case 1:
        return Close();
      case 2:
      case 3:
        return Register();
      case 4:
        return Modify();
      case 5:
        return Unregister();
      case 6:
        return ReadSome();
      case 7:
        return HalfClose();
      default:
        return WriteSome();
    }
  }

  // poll(2)'s answer and ours. What changed behind the object's back may take
  // as many busy waits to be found as it takes to check every number.
  Answer KernelAnswer() { return model_.Poll(); }
  Answer OurAnswer() {
    const std::size_t waits =
        changed_behind_ ? (model_.size() + 1) * AuditedWait::kBusyWaitsPerCheck
                        : 0;
    changed_behind_ = false;
    for (std::size_t i = 0; i < waits; ++i) {
      EXPECT_THAT(poll_->Poll(Timeout::Zero()), IsOk());
    }
    Answer answer;
    const auto ready = poll_->Poll(Timeout::Zero());
    EXPECT_THAT(ready, IsOk());
    for (const Event& event : *ready) {
      answer.emplace_back(event.fd, event.events);
    }
    return answer;
  }

 private:
  std::uint32_t Below(std::size_t bound) {
    return static_cast<std::uint32_t>(random_() % bound);
  }
  Events RandomMask() {
    constexpr Events kCommon[] = {kIn, kOut, kIn | kOut, 0, kAllEvents};
    return Below(3) == 0 ? static_cast<Events>(random_() & kAllEvents)
                         : kCommon[Below(std::size(kCommon))];
  }
  // An end of one of the pairs, or a copy of one; any number if there is none.
  UniqueFd& AnyEnd() {
    static UniqueFd none;
    return ends_.empty() ? none : ends_[Below(ends_.size())];
  }
  int AnyNumber() {
    return Below(8) == 0 ? static_cast<int>(Below(64)) + 100 : AnyEnd().get();
  }

  std::string Open() {
    if (ends_.size() >= 2 * kMostPairs) {
      return "open nothing";
    }
    // The kernel may give out a number that was closed behind the back of poll.
    changed_behind_ = true;
    FdPair pair;
    switch (Below(6)) {
      case 0:
        ends_.push_back(TemporaryFile("text"));
        return absl::StrCat("open file ", ends_.back().get());
      case 1:
        ends_.push_back(ends_.empty() ? TemporaryFile("")
                                      : Duplicate(AnyEnd().get()));
        return absl::StrCat("dup to ", ends_.back().get());
      case 2:
        pair = UnixPair(SOCK_STREAM);
        break;
      case 3:
        pair = UnixPair(SOCK_DGRAM);
        break;
      default: {
        Pipe pipe;
        pair = {std::move(pipe.read_end), std::move(pipe.write_end)};
      }
    }
    const std::string what =
        absl::StrCat("open ", pair.first.get(), " ", pair.second.get());
    ends_.push_back(std::move(pair.first));
    ends_.push_back(std::move(pair.second));
    return what;
  }
  std::string Close() {
    if (ends_.empty()) {
      return "close nothing";
    }
    const std::size_t at = Below(ends_.size());
    const int number = ends_[at].get();
    const bool behind = Below(3) == 0;
    if (!behind) {
      EXPECT_EQ(poll_->Unregister(number).ok(), model_.Unregister(number));
    }
    ends_.erase(ends_.begin() + static_cast<std::ptrdiff_t>(at));
    changed_behind_ = changed_behind_ || behind;
    return absl::StrCat("close ", number, behind ? " behind its back" : "");
  }
  std::string Register() {
    const int number = AnyNumber();
    const Events mask = RandomMask();
    if (number >= 0) {
      EXPECT_THAT(poll_->Register(number, mask), IsOk());
      model_.Register(number, mask);
    }
    return absl::StrCat("register ", number, " ", EventsToString(mask));
  }
  std::string Modify() {
    const int number = AnyNumber();
    const Events mask = RandomMask();
    if (number >= 0) {
      EXPECT_EQ(poll_->Modify(number, mask).ok(), model_.Modify(number, mask));
    }
    return absl::StrCat("modify ", number, " ", EventsToString(mask));
  }
  std::string Unregister() {
    const int number = AnyNumber();
    if (number >= 0) {
      EXPECT_EQ(poll_->Unregister(number).ok(), model_.Unregister(number));
    }
    return absl::StrCat("unregister ", number);
  }
  std::string WriteSome() {
    const int number = AnyEnd().get();
    const std::string bytes(Below(3) == 0 ? 70'000 : 1, 'x');
    const ssize_t wrote =
        number < 0 ? -1
                   : send(number, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (wrote < 0 && number >= 0 && errno == ENOTSOCK) {
      (void)!write(number, bytes.data(), bytes.size());
    }
    return absl::StrCat("write ", bytes.size(), " to ", number);
  }
  std::string ReadSome() {
    const int number = AnyEnd().get();
    if (number >= 0) {
      Read(number, Below(2) == 0 ? 1 : 65'536);
    }
    return absl::StrCat("read from ", number);
  }
  std::string HalfClose() {
    const int number = AnyEnd().get();
    const int how = Below(2) == 0 ? SHUT_WR : SHUT_RD;
    shutdown(number, how);
    return absl::StrCat("shutdown ", number, how == SHUT_WR ? " WR" : " RD");
  }

  std::mt19937 random_;
  std::vector<UniqueFd> ends_;
  Model model_;
  const std::unique_ptr<PollObject> poll_ = *PollObject::Create();
  bool changed_behind_ = false;
};

std::vector<std::uint32_t> Seeds() {
  const char* const chosen = getenv("FARPOLL_SEED");
  if (chosen != nullptr) {
    return {static_cast<std::uint32_t>(strtoul(chosen, nullptr, 10))};
  }
  std::vector<std::uint32_t> seeds(20);
  std::iota(seeds.begin(), seeds.end(), 1);
  return seeds;
}

class PollFuzz : public testing::TestWithParam<std::uint32_t> {};

TEST_P(PollFuzz, OracleFuzz) {
  signal(SIGPIPE, SIG_IGN);  // writes to pipes without a reader are part of it
  World world(GetParam());
  for (int step = 0; step < kSteps; ++step) {
    const std::string operation = world.Step();
    ASSERT_EQ(world.OurAnswer(), world.KernelAnswer())
        << "after step " << step << " (" << operation
        << "); again with FARPOLL_SEED=" << GetParam();
  }
}

INSTANTIATE_TEST_SUITE_P(Poll, PollFuzz, testing::ValuesIn(Seeds()));

}  // namespace
}  // namespace farpoll
