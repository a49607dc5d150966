#include "tests/bench/selector_peers.h"

#include <event2/event.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <uv.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <unordered_map>
#include <utility>

#include "base/clock.h"
#include "base/unique_fd.h"
#include "selector/epoll_selector.h"
#include "selector/interest_set.h"
#include "selector/poll_object.h"

namespace farpoll {
namespace {

constexpr std::size_t kBatch = 128;  // events a wait may return

volatile std::uint64_t checksum = 0;

void Found(int fd) { checksum = checksum + static_cast<unsigned>(fd); }

class RawEpoll final : public SelectorPeer {
 public:
  void Add(int fd) override {
    epoll_event entry = {.events = EPOLLIN, .data = {.fd = fd}};
    epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &entry);
  }
  void Remove(int fd) override {
    epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
  }
  std::size_t Wait() override {
    const int count =
        epoll_wait(epoll_.get(), room_.data(), static_cast<int>(kBatch), -1);
    for (int i = 0; i < count; ++i) {
      Found(room_[static_cast<std::size_t>(i)].data.fd);
    }
    return static_cast<std::size_t>(count);
  }

 private:
  UniqueFd epoll_{epoll_create1(EPOLL_CLOEXEC)};
  std::array<epoll_event, kBatch> room_;
};

class FarpollInterestSet final : public SelectorPeer {
 public:
  // The caller of an InterestSet keeps the tokens: here by number.
  void Add(int fd) override {
    const auto at = static_cast<std::size_t>(fd);
    if (at >= tokens_.size()) {
      tokens_.resize(at + 1024);
    }
    tokens_[at] = *set_->Add(fd, kIn, Trigger::kLevel, 0);
  }
  void Remove(int fd) override {
    set_->Remove(tokens_[static_cast<std::size_t>(fd)]).IgnoreError();
  }
  std::size_t Wait() override {
    const std::size_t count = *set_->Wait(absl::MakeSpan(room_), kNever);
    for (std::size_t i = 0; i < count; ++i) {
      Found(room_[i].fd);
    }
    return count;
  }

 private:
  const std::unique_ptr<InterestSet> set_ =
      *InterestSet::Create(InterestSet::Custody::kOwned);
  std::vector<RegistrationToken> tokens_;
  std::array<Event, kBatch> room_;
};

class FarpollEpollSelector final : public SelectorPeer {
 public:
  void Add(int fd) override {
    selector_->Register(fd, kEventRead).IgnoreError();
  }
  void Remove(int fd) override { selector_->Unregister(fd).IgnoreError(); }
  std::size_t Wait() override {
    const std::size_t count =
        *selector_->SelectInto(absl::MakeSpan(room_), Timeout::Forever());
    for (std::size_t i = 0; i < count; ++i) {
      Found(room_[i].key.fd());
    }
    return count;
  }

 private:
  const std::unique_ptr<EpollSelector> selector_ = *EpollSelector::Create();
  std::vector<SelectorReady> room_{
      kBatch, SelectorReady{SelectorKey(FileObject(-1), -1, 0, 0), 0}};
};

class FarpollPollObject final : public SelectorPeer {
 public:
  void Add(int fd) override { poll_->Register(fd, kIn).IgnoreError(); }
  void Remove(int fd) override { poll_->Unregister(fd).IgnoreError(); }
  std::size_t Wait() override {
    const absl::Span<const Event> ready = *poll_->Poll();
    for (const Event& event : ready) {
      Found(event.fd);
    }
    return ready.size();
  }

 private:
  const std::unique_ptr<PollObject> poll_ = *PollObject::Create();
};

class KernelPoll final : public SelectorPeer {
 public:
  void Add(int fd) override {
    entries_.push_back({.fd = fd, .events = POLLIN, .revents = 0});
  }
  void Remove(int fd) override {
    entries_.erase(std::find_if(entries_.begin(), entries_.end(),
                                [fd](const pollfd& e) { return e.fd == fd; }));
  }
  std::size_t Wait() override {
    const int count = poll(entries_.data(), entries_.size(), -1);
    for (const pollfd& entry : entries_) {
      if (entry.revents != 0) {
        Found(entry.fd);
      }
    }
    return static_cast<std::size_t>(count);
  }

 private:
  std::vector<pollfd> entries_;
};

class KernelSelect final : public SelectorPeer {
 public:
  KernelSelect() { FD_ZERO(&asked_); }
  void Add(int fd) override {
    FD_SET(fd, &asked_);
    top_ = std::max(top_, fd);
  }
  void Remove(int fd) override { FD_CLR(fd, &asked_); }
  std::size_t Wait() override {
    fd_set ready = asked_;
    const int count = select(top_ + 1, &ready, nullptr, nullptr, nullptr);
    for (int fd = 0; fd <= top_; ++fd) {
      if (FD_ISSET(fd, &ready)) {
        Found(fd);
      }
    }
    return static_cast<std::size_t>(count);
  }

 private:
  fd_set asked_;
  int top_ = -1;
};

class Libevent final : public SelectorPeer {
 public:
  ~Libevent() override {
    for (const auto& [fd, watched] : events_) {
      event_free(watched);
    }
    event_base_free(base_);
  }
  void Add(int fd) override {
    event* const watched =
        event_new(base_, fd, EV_READ | EV_PERSIST, &OnEvent, this);
    event_add(watched, nullptr);
    events_[fd] = watched;
  }
  void Remove(int fd) override {
    const auto found = events_.find(fd);
    event_free(found->second);
    events_.erase(found);
  }
  std::size_t Wait() override {
    count_ = 0;
    event_base_loop(base_, EVLOOP_ONCE);
    return count_;
  }

 private:
  static void OnEvent(evutil_socket_t fd, short, void* peer) {
    Found(fd);
    ++static_cast<Libevent*>(peer)->count_;
  }
  event_base* const base_ = event_base_new();
  std::unordered_map<int, event*> events_;
  std::size_t count_ = 0;
};

class Libuv final : public SelectorPeer {
 public:
  Libuv() { uv_loop_init(&loop_); }
  ~Libuv() override {
    for (const auto& [fd, handle] : handles_) {
      Close(handle);
    }
    uv_run(&loop_, UV_RUN_DEFAULT);
    uv_loop_close(&loop_);
  }
  void Add(int fd) override {
    auto* const handle = new Handle{{}, fd, this};
    uv_poll_init(&loop_, &handle->poll, fd);
    handle->poll.data = handle;
    uv_poll_start(&handle->poll, UV_READABLE, &OnPoll);
    handles_[fd] = handle;
    // The kernel hears of it when the loop runs next.
    uv_run(&loop_, UV_RUN_NOWAIT);
  }
  void Remove(int fd) override {
    const auto found = handles_.find(fd);
    Close(found->second);
    handles_.erase(found);
    uv_run(&loop_, UV_RUN_NOWAIT);
  }
  std::size_t Wait() override {
    count_ = 0;
    uv_run(&loop_, UV_RUN_ONCE);
    return count_;
  }

 private:
  struct Handle {
    uv_poll_t poll;
    int fd;
    Libuv* peer;
  };
  static void OnPoll(uv_poll_t* poll, int, int) {
    const auto* const handle = static_cast<Handle*>(poll->data);
    Found(handle->fd);
    ++handle->peer->count_;
  }
  static void Close(Handle* handle) {
    uv_close(
        reinterpret_cast<uv_handle_t*>(&handle->poll),
        [](uv_handle_t* closed) { delete static_cast<Handle*>(closed->data); });
  }
  uv_loop_t loop_;
  std::unordered_map<int, Handle*> handles_;
  std::size_t count_ = 0;
};

template <typename T>
std::unique_ptr<SelectorPeer> Make() {
  return std::make_unique<T>();
}

}  // namespace

const std::vector<SelectorPeerKind>& SelectorPeers() {
  static const auto* const kinds = new std::vector<SelectorPeerKind>{
      {"raw epoll", Make<RawEpoll>},
      {"farpoll InterestSet", Make<FarpollInterestSet>},
      {"farpoll EpollSelector", Make<FarpollEpollSelector>},
      {"farpoll PollObject", Make<FarpollPollObject>},
      {"libevent", Make<Libevent>},
      {"libuv", Make<Libuv>},
      {"poll(2)", Make<KernelPoll>},
      {"select(2)", Make<KernelSelect>, 1000},
  };
  return *kinds;
}

}  // namespace farpoll
