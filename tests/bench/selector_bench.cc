// tests/bench/selector_bench.cc: room: tests. The library beside raw epoll, the
// kernel's older calls and other event loops: S1 to S5 of docs/performance.md.
//   ./bazelw run -c opt //tests/bench:selector_bench -- --json FILE
#include <malloc.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/unique_fd.h"
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

// The median time from a write on one thread to the end of a wait on another.
double WakeLatency(SelectorPeer& peer) {
  constexpr int kWakes = 1500;
  const UniqueFd counter = NewCounter();
  const UniqueFd acknowledged(
      MustSucceed(eventfd(0, EFD_CLOEXEC), "eventfd"));  // reads block
  peer.Add(counter.get());
  std::vector<double> latencies(kWakes);
  std::atomic<SteadyClock::rep> sent{0};
  std::thread waiter([&] {
    for (double& latency : latencies) {
      peer.Wait();
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
                 Contenders(1, WakeLatency));
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

int Main(int argc, char** argv) {
  Report report(argc, argv);
  constexpr std::size_t kMost = 19'800;
  AllowDescriptors(kMost + 100);
  for (const std::size_t size : {std::size_t{100}, std::size_t{1000}, kMost}) {
    OneReady(report, size);
  }
  ManyReady(report, 100);
  for (const std::size_t size :
       {std::size_t{1}, std::size_t{1000}, std::size_t{19'000}}) {
    RegisterPair(report, size);
  }
  Wake(report);
  Memory(report, 10'000);
  return report.Finish();
}

}  // namespace
}  // namespace farpoll

int main(int argc, char** argv) { return farpoll::Main(argc, argv); }
