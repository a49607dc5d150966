#include "selector/kqueue_selector.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/errno_status.h"
#include "selector/selector_rules.h"

namespace farpoll {
namespace {

constexpr char kName[] = "selector";

// Events kept on the stack by a wait: 2 KiB.
constexpr std::size_t kInlineEvents = 64;

struct Direction {
  SelectorEvents event;
  std::int16_t filter;
};
constexpr Direction kDirections[] = {
    {kEventRead, evfilt::kRead},
    {kEventWrite, evfilt::kWrite},
};

absl::Status NotRegistered(int fd) {
  return MakeError(ENOENT, "", absl::StrCat("descriptor ", fd),
                   absl::StrCat("descriptor ", fd, " is not registered"));
}

SelectorEvents EventOf(std::int16_t filter) {
  return filter == evfilt::kRead ? kEventRead : kEventWrite;
}

}  // namespace

class KqueueSelector::View final : public SelectorMap {
 public:
  explicit View(const KqueueSelector* selector) : selector_(*selector) {}

  std::size_t size() const override {
    MutexLock lock(&selector_.mutex_);
    return selector_.keys_.size();
  }

  absl::StatusOr<SelectorKey> Find(const FileObject& f) const override {
    MutexLock lock(&selector_.mutex_);
    const absl::StatusOr<int> fd = selector_.keys_.NumberOf(f);
    if (!fd.ok()) {
      return fd.status();
    }
    const KeyTable::Entry* const entry = selector_.keys_.Find(*fd);
    return entry != nullptr ? absl::StatusOr<SelectorKey>(entry->key)
                            : NotRegistered(*fd);
  }

  std::vector<SelectorKey> Keys() const override {
    MutexLock lock(&selector_.mutex_);
    return selector_.keys_.Keys();
  }

 private:
  const KqueueSelector& selector_;
};

absl::StatusOr<std::unique_ptr<KqueueSelector>> KqueueSelector::Create() {
  absl::StatusOr<std::unique_ptr<Kqueue>> queue = Kqueue::Create();
  if (!queue.ok()) {
    return queue.status();
  }
  return std::unique_ptr<KqueueSelector>(new KqueueSelector(*std::move(queue)));
}

KqueueSelector::KqueueSelector(std::unique_ptr<Kqueue> queue)
    : queue_(std::move(queue)), view_(std::make_unique<const View>(this)) {}

KqueueSelector::~KqueueSelector() { queue_->Close(); }

// ---- Registrations.

absl::StatusOr<KeyTable::Entry*> KqueueSelector::EntryOf(const FileObject& f) {
  if (queue_->closed()) {
    return ClosedError(kName);
  }
  const absl::StatusOr<int> fd = keys_.NumberOf(f);
  if (!fd.ok()) {
    return fd.status();
  }
  KeyTable::Entry* const entry = keys_.Find(*fd);
  return entry != nullptr ? absl::StatusOr<KeyTable::Entry*>(entry)
                          : NotRegistered(*fd);
}

absl::Status KqueueSelector::Watch(int fd, SelectorEvents before,
                                   SelectorEvents after, std::uint64_t serial) {
  for (const Direction& direction : kDirections) {
    const bool is = (before & direction.event) != 0;
    const bool shall_be = (after & direction.event) != 0;
    if (is == shall_be) {
      continue;
    }
    // A file at its end is ready all the same, as with the other selectors.
    const Kevent change = {
        .ident = static_cast<std::uint64_t>(fd),
        .filter = direction.filter,
        .flags = shall_be ? ev::kAdd : ev::kDelete,
        .fflags = direction.filter == evfilt::kRead ? note::kFilePoll : 0,
        .udata = serial};
    const absl::StatusOr<std::size_t> applied = queue_->Apply({change}, {});
    // What cannot be deleted is gone.
    if (!applied.ok() && shall_be) {
      queue_->Forget(fd);
      return queue_->closed() ? ClosedError(kName) : applied.status();
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<SelectorKey> KqueueSelector::Register(const FileObject& f,
                                                     std::int64_t events,
                                                     std::uint64_t data) {
  const absl::StatusOr<SelectorEvents> asked = ValidateSelectorEvents(events);
  if (!asked.ok()) {
    return asked.status();
  }
  MutexLock lock(&mutex_);
  if (queue_->closed()) {
    return ClosedError(kName);
  }
  const absl::StatusOr<int> fd = keys_.NumberOf(f);
  if (!fd.ok()) {
    return fd.status();
  }
  if (keys_.Find(*fd) != nullptr) {
    return MakeError(
        EEXIST, "", absl::StrCat("descriptor ", *fd),
        absl::StrCat("descriptor ", *fd, " is already registered"));
  }
  const std::uint64_t serial = ++last_serial_;
  const absl::Status watched = Watch(*fd, 0, *asked, serial);
  if (!watched.ok()) {
    return watched;
  }
  const SelectorKey key(f, *fd, *asked, data);
  keys_.Insert({.key = key, .serial = serial});
  return key;
}

absl::StatusOr<SelectorKey> KqueueSelector::Unregister(const FileObject& f) {
  MutexLock lock(&mutex_);
  const absl::StatusOr<KeyTable::Entry*> entry = EntryOf(f);
  if (!entry.ok()) {
    return entry.status();
  }
  const SelectorKey key = (*entry)->key;
  queue_->Forget(key.fd());
  keys_.Erase(key.fd());
  return key;
}

absl::StatusOr<SelectorKey> KqueueSelector::Modify(const FileObject& f,
                                                   std::int64_t events,
                                                   std::uint64_t data) {
  const absl::StatusOr<SelectorEvents> asked = ValidateSelectorEvents(events);
  if (!asked.ok()) {
    return asked.status();
  }
  MutexLock lock(&mutex_);
  const absl::StatusOr<KeyTable::Entry*> found = EntryOf(f);
  if (!found.ok()) {
    return found.status();
  }
  KeyTable::Entry& entry = **found;
  const SelectorKey key(entry.key.fileobj(), entry.key.fd(), *asked, data);
  const absl::Status changed =
      Watch(key.fd(), entry.key.events(), *asked, entry.serial);
  if (!changed.ok()) {
    keys_.Erase(key.fd());
    return changed;
  }
  entry.key = key;
  return key;
}

// ---- Waiting.

absl::StatusOr<std::size_t> KqueueSelector::SelectInto(
    absl::Span<SelectorReady> room, Timeout timeout, OnSignal on_signal) {
  const absl::StatusOr<absl::Duration> span = SelectorTimeout(timeout);
  if (!span.ok()) {
    return span.status();
  }
  if (room.empty()) {
    return MakeError(EINVAL, "", kName, "no room for events");
  }
  const MonotonicTime deadline =
      *span == absl::InfiniteDuration()
          ? kNever
          : DeadlineAfter(std::chrono::steady_clock::now(), *span);
  std::size_t registered = 0;
  {
    MutexLock lock(&mutex_);
    registered = keys_.size();
  }
  // Two events may be of one number. With less room than numbers, as many
  // events as there is room: none may be taken and not told.
  const std::size_t numbers =
      std::min(room.size(), std::max(registered, kInlineEvents / 2));
  Scratch<Kevent, kInlineEvents> scratch(
      &scratch_, room.size() < registered ? numbers : 2 * numbers);
  for (;;) {
    const absl::StatusOr<std::size_t> seen =
        queue_->Wait(scratch.room(), deadline, on_signal);
    if (!seen.ok()) {
      return queue_->closed() ? ClosedError(kName) : seen.status();
    }
    if (*seen == 0) {
      return 0;
    }
    const std::size_t count = Translate(scratch.room().first(*seen), room);
    if (count > 0) {
      return count;
    }
  }
}

std::size_t KqueueSelector::Translate(absl::Span<Kevent> seen,
                                      absl::Span<SelectorReady> room) const {
  // Side by side what is of one number.
  std::sort(seen.begin(), seen.end());
  MutexLock lock(&mutex_);
  std::size_t count = 0;
  for (const Kevent& event : seen) {
    const int fd = static_cast<int>(event.ident);
    const KeyTable::Entry* const entry = keys_.Find(fd);
    if (entry == nullptr || entry->serial != event.udata) {
      continue;  // unregistered since
    }
    const SelectorEvents ready = EventOf(event.filter) & entry->key.events();
    if (count > 0 && room[count - 1].key.fd() == fd) {
      room[count - 1].events |= ready;
    } else if (ready != 0 && count < room.size()) {
      room[count++] = {.key = entry->key, .events = ready};
    }
  }
  return count;
}

const SelectorMap* KqueueSelector::GetMap() const {
  return queue_->closed() ? nullptr : view_.get();
}

void KqueueSelector::Close() {
  queue_->Close();
  MutexLock lock(&mutex_);
  keys_.Clear();
}

}  // namespace farpoll
