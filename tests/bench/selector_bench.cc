// tests/bench/selector_bench.cc: room: tests. The library beside raw epoll, the
// kernel's older calls and other event loops: S1 to S6 and L1 of
// docs/performance.md.
//   ./bazelw run -c opt //tests/bench:selector_bench -- --json FILE
#include <malloc.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "base/unique_fd.h"
#include "selector/interest_set.h"
#include "selector/pollable_view.h"
#include "selector/weak_set.h"
#include "tests/bench/file_holder.h"
#include "tests/bench/one_core.h"
#include "tests/bench/report.h"
#include "tests/bench/selector_peers.h"
#include "tests/support/fd_fixtures.h"

namespace farpoll {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr int kRepetitions = 9;
constexpr auto kSampleTime = std::chrono::milliseconds(10);

UniqueFd NewCounter(unsigned value = 0) {
  return UniqueFd(
      MustSucceed(eventfd(value, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd"));
}

std::vector<UniqueFd> NewCounters(std::size_t count, unsigned value) {
  std::vector<UniqueFd> counters;
  for (std::size_t i = 0; i < count; ++i) {
    counters.push_back(NewCounter(value));
  }
  return counters;
}

void Raise(const UniqueFd& counter) { (void)eventfd_write(counter.get(), 1); }
void Lower(const UniqueFd& counter) {
  eventfd_t value;
  (void)eventfd_read(counter.get(), &value);
}

// Nanoseconds one `round` takes: the median over batches, so that a batch which
// was preempted does not count, for kSampleTime after a warm-up.
template <typename Round>
double NanosPerRound(Round round) {
  constexpr int kBatch = 16;
  std::vector<double> batches;
  const auto end = SteadyClock::now() + kSampleTime;
  for (auto start = SteadyClock::now(); start < end || batches.size() < 3;) {
    for (int i = 0; i < kBatch; ++i) {
      round();
    }
    const auto now = SteadyClock::now();
    batches.push_back(
        std::chrono::duration<double, std::nano>(now - start).count() / kBatch);
    start = now;
  }
  batches.erase(batches.begin());  // the warm-up
  return Median(std::move(batches));
}

// A contender for every kind of peer that takes `size` descriptors.
template <typename Sample>
std::vector<Contender> Contenders(std::size_t size, Sample sample) {
  std::vector<Contender> contenders;
  for (const SelectorPeerKind& kind : SelectorPeers()) {
    if (size <= kind.most) {
      contenders.push_back({kind.name, [&kind, sample] {
                              const auto peer = kind.make();
                              return sample(*peer);
                            }});
    }
  }
  return contenders;
}

// S1: make one of `size` ready, wait, take it away again.
void OneReady(Report& report, std::size_t size) {
  const std::vector<UniqueFd> counters = NewCounters(size, 0);
  const auto sample = [&](SelectorPeer& peer) {
    for (const UniqueFd& counter : counters) {
      peer.Add(counter.get());
    }
    std::size_t at = 0;
    return NanosPerRound([&] {
      at = (at + 7919) % counters.size();
      Raise(counters[at]);
      peer.Wait();
      Lower(counters[at]);
    });
  };
  report.Compare("S1", absl::StrCat(size, " registered, 1 ready"), "ns/round",
                 kRepetitions, Contenders(size, sample));
}

// S2: a wait that finds `size` ready.
void ManyReady(Report& report, std::size_t size) {
  const std::vector<UniqueFd> counters = NewCounters(size, 1);
  const auto sample = [&](SelectorPeer& peer) {
    for (const UniqueFd& counter : counters) {
      peer.Add(counter.get());
    }
    return NanosPerRound([&] { peer.Wait(); }) / static_cast<double>(size);
  };
  report.Compare("S2", absl::StrCat(size, " ready"), "ns/event", kRepetitions,
                 Contenders(size, sample));
}

// S3: register and unregister one more beside `size` others.
void RegisterPair(Report& report, std::size_t size) {
  const std::vector<UniqueFd> counters = NewCounters(size, 0);
  const UniqueFd extra = NewCounter();
  const auto sample = [&](SelectorPeer& peer) {
    for (const UniqueFd& counter : counters) {
      peer.Add(counter.get());
    }
    return NanosPerRound([&] {
      peer.Add(extra.get());
      peer.Remove(extra.get());
    });
  };
  report.Compare("S3", absl::StrCat("pair beside ", size), "ns/pair",
                 kRepetitions, Contenders(size, sample));
}

// The median time from a write to `counter` on one thread to the end of `wait`
// on another.
template <typename Wait>
double WakeLatency(const UniqueFd& counter, Wait wait) {
  constexpr int kWakes = 1500;
  const UniqueFd acknowledged(
      MustSucceed(eventfd(0, EFD_CLOEXEC), "eventfd"));  // reads block
  std::vector<double> latencies(kWakes);
  std::atomic<SteadyClock::rep> sent{0};
  std::thread waiter([&] {
    for (double& latency : latencies) {
      wait();
      const auto now = SteadyClock::now().time_since_epoch().count();
      latency = static_cast<double>(now - sent.load());
      Lower(counter);
      Raise(acknowledged);
    }
  });
  for (int wake = 0; wake < kWakes; ++wake) {
    sched_yield();  // lets the waiter go to sleep first
    sent = SteadyClock::now().time_since_epoch().count();
    Raise(counter);
    Lower(acknowledged);
  }
  waiter.join();
  return Median(std::move(latencies));
}

// S4: on one core, where the wake-up is steady.
void Wake(Report& report) {
  const OneCore one_core;
  report.Compare("S4", "write to wake, p50", "ns", kRepetitions,
                 Contenders(1, [](SelectorPeer& peer) {
                   const UniqueFd counter = NewCounter();
                   peer.Add(counter.get());
                   return WakeLatency(counter, [&peer] { peer.Wait(); });
                 }));
}

// As a client's epoll_wait(2) on `set` ends, which `counter` wakes.
double EpollWake(int set, const UniqueFd& counter) {
  return WakeLatency(counter, [set] {
    epoll_event entry = {};
    MustSucceed(epoll_wait(set, &entry, 1, -1), "epoll_wait");
  });
}

// An epoll set with `fd` in it.
UniqueFd EpollWith(int fd) {
  UniqueFd set(MustSucceed(epoll_create1(EPOLL_CLOEXEC), "epoll_create1"));
  epoll_event entry = {.events = EPOLLIN, .data = {.u64 = 0}};
  MustSucceed(epoll_ctl(set.get(), EPOLL_CTL_ADD, fd, &entry), "epoll_ctl");
  return set;
}

// A selector with one counter, and its descriptor as a local client fetches it.
struct FetchedSelector {
  UniqueFd counter = NewCounter();
  std::unique_ptr<InterestSet> set =
      *InterestSet::Create(InterestSet::Custody::kOwned);
  RegistrationToken token = *set->Add(counter.get(), kIn, Trigger::kLevel, 0);
  UniqueFd view = *PollableView(*set->fd());
};

// L1: waiting for a selector in a local client, against the same on a plain
// epoll set.
void FetchedWake(Report& report) {
  const OneCore one_core;
  report.Compare("L1", "write to wake, p50", "ns", kRepetitions,
                 {{"plain epoll set",
                   [] {
                     const UniqueFd counter = NewCounter();
                     return EpollWake(EpollWith(counter.get()).get(), counter);
                   }},
                  {"fetched selector",
                   [] {
                     const FetchedSelector fetched;
                     return EpollWake(fetched.view.get(), fetched.counter);
                   }},
                  {"fetched, in another set", [] {
                     const FetchedSelector fetched;
                     return EpollWake(EpollWith(fetched.view.get()).get(),
                                      fetched.counter);
                   }}});
}

// S5: what one registration takes from the heap.
void Memory(Report& report, std::size_t size) {
  const std::vector<UniqueFd> counters = NewCounters(size, 0);
  const auto in_use = [] {
    const struct mallinfo2 info = mallinfo2();
    return static_cast<double>(info.uordblks + info.hblkhd);
  };
  const auto sample = [&](SelectorPeer& peer) {
    const double before = in_use();
    for (const UniqueFd& counter : counters) {
      peer.Add(counter.get());
    }
    // A wait's buffers count as well.
    Raise(counters[0]);
    peer.Wait();
    Lower(counters[0]);
    return (in_use() - before) / static_cast<double>(size);
  };
  report.Compare("S5", absl::StrCat(size, " registered"), "bytes each", 1,
                 Contenders(size, sample));
}

// S6: a wait that finds kRaised ready among `size` in weak custody, whose files
// other processes hold; the floor is a set of 1,000.
double WeakSample(std::size_t size) {
  constexpr std::size_t kRaised = 64;
  constexpr std::size_t kEachHolder = 15'000;
  const std::unique_ptr<WeakSet> set = *WeakSet::Create();
  std::vector<std::unique_ptr<FileHolder>> holders;
  std::uint64_t added = 0;
  while (added < size) {
    holders.push_back(std::make_unique<FileHolder>(
        std::min(kEachHolder, size - added), [&](UniqueFd fd) {
          const absl::Status status = set->Add(std::move(fd), kIn, added++);
          MustSucceed(status.ok() ? 0 : -1, status.ToString().c_str());
        }));
  }
  std::vector<Event> room(kRaised);
  std::vector<double> rounds;
  for (int i = 0; i < 200; ++i) {
    holders.front()->Raise(kRaised);
    const auto start = SteadyClock::now();
    const std::size_t seen = set->Collect(absl::MakeSpan(room));
    const auto end = SteadyClock::now();
    MustSucceed(seen == kRaised ? 0 : -1, "collect");
    rounds.push_back(
        std::chrono::duration<double, std::nano>(end - start).count() /
        static_cast<double>(kRaised));
  }
  return Median(std::move(rounds));
}

void WeakCustody(Report& report) {
  report.Compare(
      "S6", "64 ready", "ns/event", 3,
      {{"1000 in weak custody", [] { return WeakSample(1000); }},
       {"100000 in weak custody", [] { return WeakSample(100'000); }}});
}

int Main(int argc, char** argv) {
  Report report(argc, argv);
  constexpr std::size_t kMost = 19'800;
  AllowDescriptors(kMost + 100);
  WeakCustody(report);  // first: it forks, and others have threads
  for (const std::size_t size : {std::size_t{100}, std::size_t{1000}, kMost}) {
    OneReady(report, size);
  }
  ManyReady(report, 100);
  for (const std::size_t size :
       {std::size_t{1}, std::size_t{1000}, std::size_t{19'000}}) {
    RegisterPair(report, size);
  }
  Wake(report);
  FetchedWake(report);
  Memory(report, 10'000);
  return report.Finish();
}

}  // namespace
}  // namespace farpoll

int main(int argc, char** argv) { return farpoll::Main(argc, argv); }
