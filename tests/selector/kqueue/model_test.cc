// Kqueue.ModelFuzz: random change lists, traffic and closes on a queue and on a
// small model of FreeBSD's knotes; both must say the same.
//   FARPOLL_SEED=N runs one seed.
// Source: FreeBSD kern_event.c; docs/semantics.md section 6.
#include <fcntl.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <map>
#include <numeric>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "selector/kqueue/kevent.h"
#include "selector/kqueue/kqueue.h"
#include "tests/selector/kqueue/test_queue.h"
#include "tests/support/fd_fixtures.h"

namespace farpoll {
namespace {

constexpr int kSteps = 2000;
constexpr std::size_t kPipes = 4;
constexpr std::uint64_t kUsers = 3;

using Name = std::pair<std::uint64_t, std::int16_t>;

// What a knote's descriptor is like: the model's view of a pipe's end.
struct End {
  std::int64_t bytes = 0;  // queued in the pipe
  bool ready = false;
};

struct ModelKnote {
  std::uint16_t mode = 0;
  std::uint64_t udata = 0;
  std::uint32_t asked_fflags = 0;
  std::int64_t asked_data = 0;
  bool disabled = false;
  bool forced = false;
  // EV_CLEAR: something happened since the last look.
  bool pending = true;
  // USER.
  bool triggered = false;
  std::uint32_t bits = 0;
};

// FreeBSD's rules, for descriptors whose state it is told.
class Model {
 public:
  // The errno, 0 for success.
  int Apply(const Kevent& change, bool open) {
    if ((change.flags & ev::kEnable) != 0 &&
        (change.flags & ev::kDisable) != 0) {
      return EINVAL;
    }
    if ((change.flags & ev::kAdd) != 0 &&
        (change.flags & ev::kKeepUdata) != 0) {
      return EINVAL;
    }
    if (!open) {
      return EBADF;
    }
    const Name name = {change.ident, change.filter};
    const auto found = knotes_.find(name);
    if (found == knotes_.end()) {
      if ((change.flags & ev::kAdd) == 0) {
        return ENOENT;
      }
      knotes_[name] = Fresh(change);
      return 0;
    }
    if ((change.flags & ev::kDelete) != 0) {
      knotes_.erase(found);
      return 0;
    }
    Update(found->second, change);
    return 0;
  }

  // There was activity on (ident, filter).
  void Stir(std::uint64_t ident, std::int16_t filter) {
    const auto found = knotes_.find({ident, filter});
    if (found != knotes_.end()) {
      found->second.pending = true;
    }
  }

  void Forget(std::uint64_t ident) {
    knotes_.erase({ident, evfilt::kRead});
    knotes_.erase({ident, evfilt::kWrite});
  }

  // Takes every event there is, by name.
  std::vector<Kevent> Collect(const std::map<Name, End>& ends) {
    std::vector<Kevent> events;
    for (auto entry = knotes_.begin(); entry != knotes_.end();) {
      ModelKnote& knote = entry->second;
      const bool told = Tells(entry->first, knote, ends);
      if (!knote.disabled) {
        knote.pending = false;
      }
      if (!told) {
        ++entry;
        continue;
      }
      events.push_back(EventOf(entry->first, knote, ends));
      if ((knote.mode & ev::kOneShot) != 0) {
        entry = knotes_.erase(entry);
        continue;
      }
      knote.disabled = (knote.mode & ev::kDispatch) != 0;
      knote.triggered = knote.triggered && (knote.mode & ev::kClear) == 0;
      ++entry;
    }
    return events;
  }

  std::size_t size() const { return knotes_.size(); }

 private:
  static ModelKnote Fresh(const Kevent& change) {
    ModelKnote knote;
    knote.mode = change.flags &
                 (ev::kOneShot | ev::kClear | ev::kReceipt | ev::kDispatch);
    knote.udata = change.udata;
    knote.asked_fflags = change.fflags;
    knote.asked_data = change.data;
    knote.disabled = (change.flags & ev::kDisable) != 0;
    knote.triggered = (change.fflags & note::kTrigger) != 0;
    knote.bits = change.fflags & note::kUserBits;
    return knote;
  }

  static void Update(ModelKnote& knote, const Kevent& change) {
    if ((change.flags & ev::kKeepUdata) == 0) {
      knote.udata = change.udata;
    }
    if ((change.flags & ev::kForceOneShot) != 0) {
      knote.mode |= ev::kOneShot;
      knote.forced = true;
    }
    knote.asked_fflags = change.fflags;
    knote.asked_data = change.data;
    const bool trigger = (change.fflags & note::kTrigger) != 0;
    knote.triggered =
        trigger || (knote.triggered && (change.flags & ev::kClear) == 0);
    knote.bits = Combine(knote.bits, change.fflags);
    if ((change.flags & ev::kEnable) != 0) {
      knote.disabled = false;
    } else if ((change.flags & ev::kDisable) != 0) {
      knote.disabled = true;
    }
    knote.pending = true;
  }

  static std::uint32_t Combine(std::uint32_t kept, std::uint32_t fflags) {
    const std::uint32_t bits = fflags & note::kUserBits;
    switch (fflags & note::kUserOperation) {
      case note::kUserAnd:
        return kept & bits;
      case note::kUserOr:
        return kept | bits;
      case note::kUserCopy:
        return bits;
      default:
        return kept;
    }
  }

  static bool Holds(const Name& name, const ModelKnote& knote,
                    const std::map<Name, End>& ends) {
    if (name.second == evfilt::kUser) {
      return knote.triggered;
    }
    const End& end = ends.at(name);
    const bool edge = (knote.mode & ev::kClear) != 0 &&
                      (knote.mode & (ev::kOneShot | ev::kDispatch)) == 0;
    const bool enough = name.second != evfilt::kRead ||
                        (knote.asked_fflags & note::kLowWater) == 0 ||
                        end.bytes >= knote.asked_data;
    return end.ready && enough && (!edge || knote.pending);
  }

  static bool Tells(const Name& name, const ModelKnote& knote,
                    const std::map<Name, End>& ends) {
    return !knote.disabled && (knote.forced || Holds(name, knote, ends));
  }

  static Kevent EventOf(const Name& name, const ModelKnote& knote,
                        const std::map<Name, End>& ends) {
    Kevent event = {.ident = name.first,
                    .filter = name.second,
                    .flags = knote.mode,
                    .udata = knote.udata};
    if (name.second == evfilt::kUser) {
      event.fflags = knote.bits;
      event.data = knote.asked_data;
    } else if (name.second == evfilt::kRead) {
      event.data = ends.at(name).bytes;
    }
    return event;
  }

  std::map<Name, ModelKnote> knotes_;
};

// Pipes, a queue that watches them, and the model of it.
class World {
 public:
  explicit World(std::uint32_t seed) : random_(seed), pipes_(kPipes) {}

  // One random step; what it was.
  std::string Step() {
    const std::uint32_t roll = Below(10);
    return roll < 5   ? ChangeSome()
           : roll < 7 ? WriteSome()
           : roll < 9 ? ReadSome()
                      : Reopen();
  }

  // The events there are, each side's, in one order.
  std::vector<Kevent> OurEvents() {
    std::vector<Kevent> events = queue_.Now(256);
    for (Kevent& event : events) {
      // An estimate, which the model does not make.
      event.data = event.filter == evfilt::kWrite ? 0 : event.data;
    }
    std::sort(events.begin(), events.end());
    return events;
  }
  std::vector<Kevent> ModelEvents() {
    std::vector<Kevent> events = model_.Collect(Ends());
    std::sort(events.begin(), events.end());
    return events;
  }

  // What the last change list came to, each side's.
  const std::vector<Kevent>& our_entries() const { return our_entries_; }
  const std::vector<Kevent>& model_entries() const { return model_entries_; }

 private:
  std::uint32_t Below(std::uint32_t end) {
    return std::uniform_int_distribution<std::uint32_t>(0, end - 1)(random_);
  }
  bool OneIn(std::uint32_t chances) { return Below(chances) == 0; }

  std::map<Name, End> Ends() const {
    std::map<Name, End> ends;
    for (const Pipe& pipe : pipes_) {
      int bytes = 0;
      ioctl(pipe.reader(), FIONREAD, &bytes);
      const auto reader = static_cast<std::uint64_t>(pipe.reader());
      const auto writer = static_cast<std::uint64_t>(pipe.writer());
      ends[{reader, evfilt::kRead}] = {bytes, bytes > 0};
      ends[{reader, evfilt::kWrite}] = {bytes, false};
      ends[{writer, evfilt::kRead}] = {bytes, false};
      ends[{writer, evfilt::kWrite}] = {
          bytes, (KernelPoll(pipe.writer(), kOut) & kOut) != 0};
    }
    return ends;
  }

  Kevent RandomChange() {
    Kevent change = {.flags = 0, .udata = Below(1000)};
    if (OneIn(3)) {
      change.ident = Below(kUsers);
      change.filter = evfilt::kUser;
      change.fflags =
          Below(4) << 30 | Below(256) | (OneIn(2) ? note::kTrigger : 0);
      change.data = Below(100);
    } else {
      const Pipe& pipe = pipes_[Below(kPipes)];
      const bool read = OneIn(2);
      const int fd = OneIn(8) == read ? pipe.writer() : pipe.reader();
      change.ident = static_cast<std::uint64_t>(fd);
      change.filter = read ? evfilt::kRead : evfilt::kWrite;
      if (read && OneIn(3)) {
        change.fflags = note::kLowWater;
        change.data = Below(8);
      }
    }
    const auto maybe = [&](std::uint16_t flag, std::uint32_t chances) {
      change.flags |= OneIn(chances) ? flag : 0;
    };
    maybe(ev::kAdd, 2);
    maybe(ev::kDelete, 8);
    maybe(ev::kEnable, 4);
    maybe(ev::kDisable, 6);
    maybe(ev::kOneShot, 6);
    maybe(ev::kClear, 3);
    maybe(ev::kDispatch, 6);
    maybe(ev::kReceipt, 8);
    maybe(ev::kForceOneShot, 12);
    maybe(ev::kKeepUdata, 6);
    return change;
  }

  std::string ChangeSome() {
    std::vector<Kevent> changes(1 + Below(4));
    model_entries_.clear();
    std::string what = "changes";
    for (Kevent& change : changes) {
      change = RandomChange();
      absl::StrAppend(&what, " ", testing::PrintToString(change));
      const int error = model_.Apply(change, true);
      if (error != 0 || (change.flags & ev::kReceipt) != 0) {
        Kevent entry = change;
        entry.flags = ev::kError;
        entry.data = error;
        model_entries_.push_back(entry);
      }
    }
    our_entries_.resize(changes.size());
    const auto count = queue_->Apply(changes, absl::MakeSpan(our_entries_));
    EXPECT_THAT(count, IsOk());
    our_entries_.resize(*count);
    return what;
  }

  std::string WriteSome() {
    const Pipe& pipe = pipes_[Below(kPipes)];
    if (OneIn(4)) {
      Fill(pipe.writer());
    } else {
      Write(pipe.writer(), std::string(1 + Below(5), 'x'));
    }
    // Linux counts a write that found no room as activity, too.
    model_.Stir(static_cast<std::uint64_t>(pipe.reader()), evfilt::kRead);
    return absl::StrCat("write to ", pipe.writer());
  }

  std::string ReadSome() {
    const Pipe& pipe = pipes_[Below(kPipes)];
    const bool was_full = (KernelPoll(pipe.writer(), kOut) & kOut) == 0;
    if (OneIn(3)) {
      Read(pipe.reader(), 1 + Below(4));
    } else {
      Drain(pipe.reader());
    }
    if (was_full && (KernelPoll(pipe.writer(), kOut) & kOut) != 0) {
      model_.Stir(static_cast<std::uint64_t>(pipe.writer()), evfilt::kWrite);
    }
    return absl::StrCat("read from ", pipe.reader());
  }

  // Closes a pipe and makes another, which gets the same numbers.
  std::string Reopen() {
    Pipe& pipe = pipes_[Below(kPipes)];
    const std::string what =
        absl::StrCat("reopen ", pipe.reader(), " and ", pipe.writer());
    model_.Forget(static_cast<std::uint64_t>(pipe.reader()));
    model_.Forget(static_cast<std::uint64_t>(pipe.writer()));
    pipe.write_end.Reset();
    pipe.read_end.Reset();
    pipe = Pipe();
    return what;
  }

  std::mt19937 random_;
  std::vector<Pipe> pipes_;
  TestQueue queue_;
  Model model_;
  std::vector<Kevent> our_entries_;
  std::vector<Kevent> model_entries_;
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

class KqueueModel : public testing::TestWithParam<std::uint32_t> {};

TEST_P(KqueueModel, ModelFuzz) {
  World world(GetParam());
  for (int step = 0; step < kSteps; ++step) {
    const std::string operation = world.Step();
    const std::string where =
        absl::StrCat("after step ", step, " (", operation,
                     "); again with FARPOLL_SEED=", GetParam());
    ASSERT_EQ(world.our_entries(), world.model_entries()) << where;
    ASSERT_EQ(world.OurEvents(), world.ModelEvents()) << where;
  }
}

INSTANTIATE_TEST_SUITE_P(Kqueue, KqueueModel, testing::ValuesIn(Seeds()));

}  // namespace
}  // namespace farpoll
