// tests/bench/kqueue_bench.cc: room: tests. kqueue beside the raw calls that it
// stands for: K1 and K2 of docs/performance.md.
//   ./bazelw run -c opt //tests/bench:kqueue_bench --
//       [--peer LIB.so] [--json FILE]
// --peer adds rows for a shared library that exports kqueue() and kevent():
// libkqueue, or this repository's own by its path.
#include <dlfcn.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "base/unique_fd.h"
#include "selector/kqueue/kevent.h"
#include "selector/kqueue/kqueue.h"
#include "tests/bench/one_core.h"
#include "tests/bench/report.h"
#include "tests/support/fd_fixtures.h"

namespace farpoll {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr int kRepetitions = 15;
constexpr auto kSampleTime = std::chrono::milliseconds(20);
constexpr std::size_t kRoom = 128;

// kevent(2) of somebody: applies changes, then takes events without limit of
// time.
class KqueuePeer {
 public:
  virtual ~KqueuePeer() = default;
  virtual void Change(absl::Span<const Kevent> changes) = 0;
  virtual std::size_t Wait(absl::Span<Kevent> room) = 0;
};

class OwnKqueue final : public KqueuePeer {
 public:
  void Change(absl::Span<const Kevent> changes) override {
    (void)queue_->Apply(changes, {});
  }
  std::size_t Wait(absl::Span<Kevent> room) override {
    return *queue_->Control({}, room);
  }

 private:
  const std::unique_ptr<Kqueue> queue_ = *Kqueue::Create();
};

// The two functions of a shared library.
struct KqueueLibrary {
  int (*kqueue)() = nullptr;
  int (*kevent)(int, const void*, int, void*, int, const timespec*) = nullptr;
};

class LibraryKqueue final : public KqueuePeer {
 public:
  explicit LibraryKqueue(const KqueueLibrary* library)
      : library_(*library), queue_(MustSucceed(library_.kqueue(), "kqueue")) {}

  void Change(absl::Span<const Kevent> changes) override {
    library_.kevent(queue_.get(), changes.data(),
                    static_cast<int>(changes.size()), nullptr, 0, nullptr);
  }
  std::size_t Wait(absl::Span<Kevent> room) override {
    return static_cast<std::size_t>(
        MustSucceed(library_.kevent(queue_.get(), nullptr, 0, room.data(),
                                    static_cast<int>(room.size()), nullptr),
                    "kevent"));
  }

 private:
  const KqueueLibrary& library_;
  const UniqueFd queue_;
};

struct PeerKind {
  std::string name;
  std::function<std::unique_ptr<KqueuePeer>()> make;
};

// Nanoseconds one `round` takes: the median over batches, so that a batch which
// was preempted does not count.
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

// The floor first, then each peer.
template <typename Sample>
std::vector<Contender> Contenders(std::function<double()> floor,
                                  const std::vector<PeerKind>& peers,
                                  Sample sample) {
  std::vector<Contender> contenders = {{"raw", std::move(floor)}};
  for (const PeerKind& kind : peers) {
    contenders.push_back({kind.name, [&kind, sample] {
                            const auto peer = kind.make();
                            return sample(*peer);
                          }});
  }
  return contenders;
}

Kevent AddRead(int fd) { return {.ident = static_cast<std::uint64_t>(fd)}; }
Kevent DeleteRead(int fd) {
  return {.ident = static_cast<std::uint64_t>(fd), .flags = ev::kDelete};
}

UniqueFd NewEpoll() {
  return UniqueFd(MustSucceed(epoll_create1(EPOLL_CLOEXEC), "epoll_create1"));
}

void EpollAdd(int epoll, int fd) {
  epoll_event entry = {.events = EPOLLIN | EPOLLRDHUP, .data = {.fd = fd}};
  MustSucceed(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &entry), "epoll_ctl");
}

// epoll_wait(2), and FIONREAD of each that is ready.
void EpollAndCount(int epoll) {
  epoll_event seen[kRoom];
  const int count = epoll_wait(epoll, seen, kRoom, -1);
  for (int i = 0; i < count; ++i) {
    int bytes = 0;
    ioctl(seen[i].data.fd, FIONREAD, &bytes);
  }
}

// K1: a wait that finds `size` pipes ready and says how much is in each.
void ReadReady(Report& report, const std::vector<PeerKind>& peers,
               std::size_t size) {
  const std::vector<Pipe> pipes(size);
  for (const Pipe& pipe : pipes) {
    Write(pipe.writer(), "some bytes");
  }
  const auto floor = [&] {
    const UniqueFd epoll = NewEpoll();
    for (const Pipe& pipe : pipes) {
      EpollAdd(epoll.get(), pipe.reader());
    }
    return NanosPerRound([&] { EpollAndCount(epoll.get()); });
  };
  const auto sample = [&](KqueuePeer& peer) {
    for (const Pipe& pipe : pipes) {
      peer.Change({AddRead(pipe.reader())});
    }
    Kevent room[kRoom];
    return NanosPerRound([&] { peer.Wait(absl::MakeSpan(room)); });
  };
  report.Compare("K1", absl::StrCat("READ with data, ", size, " ready"),
                 "ns/round", kRepetitions, Contenders(floor, peers, sample));
}

// K1 as a loop has it: write, wait, read.
void ReadLoop(Report& report, const std::vector<PeerKind>& peers) {
  const Pipe pipe;
  const auto traffic = [&pipe](const std::function<void()>& wait) {
    return NanosPerRound([&] {
      char buffer[16];
      (void)!write(pipe.writer(), "some bytes", 10);
      wait();
      (void)!read(pipe.reader(), buffer, sizeof(buffer));
    });
  };
  const auto floor = [&] {
    const UniqueFd epoll = NewEpoll();
    EpollAdd(epoll.get(), pipe.reader());
    return traffic([&] { EpollAndCount(epoll.get()); });
  };
  const auto sample = [&](KqueuePeer& peer) {
    peer.Change({AddRead(pipe.reader())});
    Kevent room[kRoom];
    return traffic([&] { peer.Wait(absl::MakeSpan(room)); });
  };
  report.Compare("K1", "write, READ with data, read", "ns/round", kRepetitions,
                 Contenders(floor, peers, sample));
}

// K2: 1,000 changes a call, half of them adding, half deleting.
void AddAndDelete(Report& report, const std::vector<PeerKind>& peers) {
  constexpr std::size_t kPairs = 500;
  const std::vector<Pipe> pipes(kPairs);
  std::vector<Kevent> changes;
  for (const Pipe& pipe : pipes) {
    changes.push_back(AddRead(pipe.reader()));
  }
  for (const Pipe& pipe : pipes) {
    changes.push_back(DeleteRead(pipe.reader()));
  }
  const auto floor = [&] {
    const UniqueFd epoll = NewEpoll();
    return NanosPerRound([&] {
             for (const Pipe& pipe : pipes) {
               EpollAdd(epoll.get(), pipe.reader());
             }
             for (const Pipe& pipe : pipes) {
               epoll_event unused = {};
               epoll_ctl(epoll.get(), EPOLL_CTL_DEL, pipe.reader(), &unused);
             }
           }) /
           kPairs;
  };
  const auto sample = [&](KqueuePeer& peer) {
    return NanosPerRound([&] { peer.Change(changes); }) / kPairs;
  };
  report.Compare("K2", "READ add + delete, 1000 changes a call", "ns/pair",
                 kRepetitions, Contenders(floor, peers, sample));
}

// K2: the raw calls are an eventfd's write, the wait for it, and its read.
void UserTrigger(Report& report, const std::vector<PeerKind>& peers) {
  const auto floor = [] {
    const UniqueFd epoll = NewEpoll();
    const UniqueFd event(
        MustSucceed(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd"));
    EpollAdd(epoll.get(), event.get());
    return NanosPerRound([&] {
      epoll_event seen[kRoom];
      eventfd_t value = 0;
      (void)eventfd_write(event.get(), 1);
      epoll_wait(epoll.get(), seen, kRoom, -1);
      (void)eventfd_read(event.get(), &value);
    });
  };
  const auto sample = [](KqueuePeer& peer) {
    peer.Change({{.ident = 1,
                  .filter = evfilt::kUser,
                  .flags = ev::kAdd | ev::kClear}});
    const Kevent trigger = {.ident = 1,
                            .filter = evfilt::kUser,
                            .flags = 0,
                            .fflags = note::kTrigger};
    Kevent room[kRoom];
    return NanosPerRound([&] {
      peer.Change({trigger});
      peer.Wait(absl::MakeSpan(room));
    });
  };
  report.Compare("K2", "USER trigger + collect", "ns/round", kRepetitions,
                 Contenders(floor, peers, sample));
}

std::int64_t Nanos() {
  timespec now = {};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * std::int64_t{1'000'000'000} + now.tv_nsec;
}

// K2: from when a periodic timer was to fire to when the wait has said so; the
// median. `start` begins a period.
template <typename Start, typename Round>
double Lateness(std::int64_t period, Start start, Round round) {
  constexpr int kSamples = 60;
  std::vector<double> late;
  start();  // makes the timer, which takes its time
  const std::int64_t begin = Nanos();
  start();
  for (std::int64_t due = begin + period; late.size() < kSamples;) {
    due += period * static_cast<std::int64_t>(round() - 1);
    late.push_back(static_cast<double>(Nanos() - due));
    due += period;
  }
  return Median(std::move(late));
}

void TimerLateness(Report& report, const std::vector<PeerKind>& peers) {
  constexpr std::int64_t kPeriod = 500'000;
  const auto floor = [] {
    const UniqueFd epoll = NewEpoll();
    const UniqueFd timer(
        MustSucceed(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK),
                    "timerfd_create"));
    EpollAdd(epoll.get(), timer.get());
    return Lateness(
        kPeriod,
        [&] {
          const itimerspec when = {.it_interval = {0, kPeriod},
                                   .it_value = {0, kPeriod}};
          timerfd_settime(timer.get(), 0, &when, nullptr);
        },
        [&] {
          epoll_event seen[kRoom];
          epoll_wait(epoll.get(), seen, kRoom, -1);
          std::uint64_t expirations = 0;
          (void)!read(timer.get(), &expirations, sizeof(expirations));
          return expirations;
        });
  };
  const auto sample = [](KqueuePeer& peer) {
    Kevent room[kRoom];
    return Lateness(
        kPeriod,
        [&] {
          peer.Change({{.ident = 1,
                        .filter = evfilt::kTimer,
                        .fflags = note::kNanoseconds,
                        .data = kPeriod}});
        },
        [&] {
          peer.Wait(absl::MakeSpan(room));
          return room[0].data;
        });
  };
  // libkqueue's numbers for the units differ, so a peer's row would lie.
  const std::vector<PeerKind> own(peers.begin(), peers.begin() + 1);
  report.Compare("K2", "TIMER lateness p50, 0.5 ms", "ns", kRepetitions,
                 Contenders(floor, own, sample));
}

// Takes `--peer LIB.so` out of the arguments; exits when it cannot be loaded.
std::unique_ptr<KqueueLibrary> TakePeer(std::vector<char*>& arguments,
                                        std::string& name) {
  for (std::size_t i = 1; i + 1 < arguments.size(); ++i) {
    if (std::strcmp(arguments[i], "--peer") != 0) {
      continue;
    }
    name = arguments[i + 1];
    void* const handle = dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL);
    auto library = std::make_unique<KqueueLibrary>();
    if (handle != nullptr) {
      library->kqueue =
          reinterpret_cast<decltype(library->kqueue)>(dlsym(handle, "kqueue"));
      library->kevent =
          reinterpret_cast<decltype(library->kevent)>(dlsym(handle, "kevent"));
    }
    if (library->kqueue == nullptr || library->kevent == nullptr) {
      std::fprintf(stderr, "--peer: %s\n", dlerror());
      std::exit(2);
    }
    const auto at = arguments.begin() + static_cast<std::ptrdiff_t>(i);
    arguments.erase(at, at + 2);
    return library;
  }
  return nullptr;
}

int Main(int argc, char** argv) {
  std::vector<char*> arguments(argv, argv + argc);
  std::string peer_name;
  const std::unique_ptr<KqueueLibrary> library = TakePeer(arguments, peer_name);
  Report report(static_cast<int>(arguments.size()), arguments.data());

  std::vector<PeerKind> peers = {
      {"farpoll Kqueue", [] { return std::make_unique<OwnKqueue>(); }}};
  if (library != nullptr) {
    peers.push_back({peer_name.substr(peer_name.rfind('/') + 1), [&library] {
                       return std::make_unique<LibraryKqueue>(library.get());
                     }});
  }
  AllowDescriptors(4096);
  const OneCore one_core;
  ReadReady(report, peers, 1);
  ReadReady(report, peers, 100);
  ReadLoop(report, peers);
  AddAndDelete(report, peers);
  UserTrigger(report, peers);
  TimerLateness(report, peers);
  return report.Finish();
}

}  // namespace
}  // namespace farpoll

int main(int argc, char** argv) { return farpoll::Main(argc, argv); }
