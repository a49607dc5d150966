#include "tests/support/fault_proxy.h"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tests/support/fd_fixtures.h"

namespace farpoll {
namespace {

constexpr std::size_t kMostHeld = 64 << 10;
constexpr std::size_t kUnlimited = SIZE_MAX;

sockaddr_un AddressOf(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  return address;
}

UniqueFd UnixSocket() {
  return UniqueFd(MustSucceed(
      socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0),
      "socket"));
}

UniqueFd ListenAt(const std::string& path) {
  UniqueFd listener = UnixSocket();
  const sockaddr_un address = AddressOf(path);
  MustSucceed(bind(listener.get(), reinterpret_cast<const sockaddr*>(&address),
                   sizeof(address)),
              "bind");
  MustSucceed(listen(listener.get(), 64), "listen");
  return listener;
}

}  // namespace

FaultProxy::FaultProxy(const std::string& here, const std::string& there,
                       const FaultSchedule& schedule)
    : here_(here),
      there_(there),
      address_(absl::StrCat("unix:", here)),
      schedule_(schedule),
      listener_(ListenAt(here)),
      wake_(MustSucceed(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd")),
      random_(schedule.seed),
      thread_([this] { Run(); }) {
  pthread_setname_np(thread_.native_handle(), "fault-proxy");
}

FaultProxy::~FaultProxy() {
  Command([this] { stop_ = true; });
  thread_.join();
  unlink(here_.c_str());
}

void FaultProxy::Command(std::function<void()> command) {
  MutexLock lock(&mutex_);
  commands_.push_back(std::move(command));
  const std::uint64_t mine = ++asked_;
  const std::uint64_t one = 1;
  // Fails only when the counter is full, and then it wakes already.
  (void)!write(wake_.get(), &one, sizeof(one));
  while (answered_ < mine) {
    done_.Wait(&mutex_);
  }
}

void FaultProxy::CutAll() {
  Command([this] {
    for (std::size_t i = 0; i < links_.size(); ++i) {
      CountCut();
    }
    links_.clear();
  });
}

void FaultProxy::Stall(Way way) {
  Command([=, this] { stalled_[static_cast<int>(way)] = true; });
}
void FaultProxy::Flow(Way way) {
  Command([=, this] { stalled_[static_cast<int>(way)] = false; });
}
void FaultProxy::Refuse() {
  Command([this] { refuses_ = true; });
}
void FaultProxy::Admit() {
  Command([this] { refuses_ = false; });
}

int FaultProxy::cuts() const {
  MutexLock lock(&mutex_);
  return cuts_;
}
int FaultProxy::connections() const {
  MutexLock lock(&mutex_);
  return connections_;
}
void FaultProxy::CountCut() {
  MutexLock lock(&mutex_);
  ++cuts_;
}

void FaultProxy::Run() {
  while (!stop_) {
    Wait();
    const MonotonicTime now = std::chrono::steady_clock::now();
    links_.remove_if([&](Link& link) { return !Serve(link, now); });
    Accept();
    Obey();
  }
}

void FaultProxy::Wait() {
  std::vector<pollfd> polled = {{wake_.get(), POLLIN, 0},
                                {listener_.get(), POLLIN, 0}};
  const MonotonicTime now = std::chrono::steady_clock::now();
  MonotonicTime until = kNever;
  for (const Link& link : links_) {
    short asked[2] = {0, 0};  // of the client, of the server
    for (int i = 0; i < 2; ++i) {
      const Direction& way = link.ways[i];
      if (stalled_[i]) {
        continue;
      }
      if (way.held.size() < kMostHeld && !way.ended) {
        asked[i] |= POLLIN;
      }
      if (!way.held.empty() && now >= way.not_before) {
        asked[1 - i] |= POLLOUT;
      } else if (!way.held.empty()) {
        until = std::min(until, way.not_before);
      }
    }
    // Of what is asked for nothing, not even the end is of interest.
    polled.push_back({asked[0] == 0 ? -1 : link.client.get(), asked[0], 0});
    polled.push_back({asked[1] == 0 ? -1 : link.server.get(), asked[1], 0});
  }
  const timespec span = absl::ToTimespec(
      until == kNever ? absl::Hours(1) : absl::FromChrono(until - now));
  ppoll(polled.data(), polled.size(), &span, nullptr);
}

void FaultProxy::Obey() {
  std::uint64_t count = 0;
  (void)!read(wake_.get(), &count, sizeof(count));
  std::vector<std::function<void()>> commands;
  {
    MutexLock lock(&mutex_);
    commands.swap(commands_);
  }
  for (const std::function<void()>& command : commands) {
    command();
  }
  MutexLock lock(&mutex_);
  answered_ += commands.size();
  done_.SignalAll();
}

std::size_t FaultProxy::DrawBytesToCut() {
  return schedule_.most_bytes_to_cut == 0
             ? kUnlimited
             : std::uniform_int_distribution<std::size_t>(
                   schedule_.least_bytes_to_cut,
                   schedule_.most_bytes_to_cut)(random_);
}

void FaultProxy::Accept() {
  UniqueFd client(
      accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!client.valid() || refuses_) {
    return;
  }
  UniqueFd server = UnixSocket();
  const sockaddr_un address = AddressOf(there_);
  if (connect(server.get(), reinterpret_cast<const sockaddr*>(&address),
              sizeof(address)) != 0) {
    return;
  }
  Link& link = links_.emplace_back();
  link.ways[static_cast<int>(Way::kToServer)] = {.from = client.get(),
                                                 .to = server.get()};
  link.ways[static_cast<int>(Way::kToClient)] = {.from = server.get(),
                                                 .to = client.get()};
  link.client = std::move(client);
  link.server = std::move(server);
  link.bytes_to_cut = DrawBytesToCut();
  MutexLock lock(&mutex_);
  ++connections_;
}

bool FaultProxy::Serve(Link& link, MonotonicTime now) {
  for (int i = 0; i < 2; ++i) {
    if (!stalled_[i] &&
        (!Receive(link.ways[i], now) || !Forward(link, link.ways[i], now))) {
      return false;
    }
  }
  return true;
}

bool FaultProxy::Receive(Direction& way, MonotonicTime now) {
  while (!way.ended && way.held.size() < kMostHeld) {
    char piece[16 << 10];
    const ssize_t count = read(
        way.from, piece, std::min(sizeof(piece), kMostHeld - way.held.size()));
    if (count < 0) {
      return errno == EAGAIN || errno == EINTR;
    }
    way.ended = count == 0;
    way.held.append(piece, static_cast<std::size_t>(count));
    if (count > 0 && std::uniform_int_distribution<int>(0, 99)(random_) <
                         schedule_.hold_percent) {
      const double part = std::uniform_real_distribution<double>(0, 1)(random_);
      way.not_before = DeadlineAfter(now, part * schedule_.longest_hold);
    }
  }
  return true;
}

bool FaultProxy::Forward(Link& link, Direction& way, MonotonicTime now) {
  while (!way.held.empty() && now >= way.not_before) {
    const ssize_t count =
        send(way.to, way.held.data(),
             std::min(way.held.size(), link.bytes_to_cut), MSG_NOSIGNAL);
    if (count < 0) {
      return errno == EAGAIN || errno == EINTR;
    }
    way.held.erase(0, static_cast<std::size_t>(count));
    if (link.bytes_to_cut != kUnlimited) {
      link.bytes_to_cut -= static_cast<std::size_t>(count);
    }
    if (link.bytes_to_cut == 0) {
      CountCut();
      return false;
    }
  }
  // What the one side said before it closed has reached the other.
  return !way.ended || !way.held.empty();
}

}  // namespace farpoll
