#include "selector/core_selector.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/errno_status.h"
#include "selector/selector_rules.h"

namespace farpoll {
namespace {

constexpr char kName[] = "selector";

// Events kept on the stack by a wait: 4 KiB.
constexpr std::size_t kInlineEvents = 256;
// Room beyond the registrations, for what the set says to itself.
constexpr std::size_t kSpareRoom = 16;

absl::Status NotRegistered(int fd) {
  return MakeError(ENOENT, "", absl::StrCat("descriptor ", fd),
                   absl::StrCat("descriptor ", fd, " is not registered"));
}

absl::Status AlreadyRegistered(int fd) {
  return MakeError(EEXIST, "", absl::StrCat("descriptor ", fd),
                   absl::StrCat("descriptor ", fd, " is already registered"));
}

}  // namespace

class CoreSelector::View final : public SelectorMap {
 public:
  explicit View(const CoreSelector* selector) : selector_(*selector) {}

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
    if (entry == nullptr) {
      return NotRegistered(*fd);
    }
    return entry->key;
  }

  std::vector<SelectorKey> Keys() const override {
    MutexLock lock(&selector_.mutex_);
    return selector_.keys_.Keys();
  }

 private:
  const CoreSelector& selector_;
};

CoreSelector::CoreSelector(std::unique_ptr<InterestSet> set)
    : set_(std::move(set)), view_(std::make_unique<const View>(this)) {}

CoreSelector::~CoreSelector() { set_->Close(); }

absl::Status CoreSelector::CheckNumber(int /*fd*/) const {
  return absl::OkStatus();
}

absl::StatusOr<std::size_t> CoreSelector::WaitForEvents(absl::Span<Event> room,
                                                        MonotonicTime deadline,
                                                        OnSignal on_signal) {
  return set_->Wait(room, deadline, on_signal);
}

// ---- Registrations.

absl::StatusOr<KeyTable::Entry*> CoreSelector::EntryOf(const FileObject& f) {
  if (set_->closed()) {
    return ClosedError(kName);
  }
  const absl::StatusOr<int> fd = keys_.NumberOf(f);
  if (!fd.ok()) {
    return fd.status();
  }
  KeyTable::Entry* const entry = keys_.Find(*fd);
  if (entry == nullptr) {
    return NotRegistered(*fd);
  }
  return entry;
}

absl::StatusOr<SelectorKey> CoreSelector::Register(const FileObject& f,
                                                   std::int64_t events,
                                                   std::uint64_t data) {
  const absl::StatusOr<SelectorEvents> asked = ValidateSelectorEvents(events);
  if (!asked.ok()) {
    return asked.status();
  }
  MutexLock lock(&mutex_);
  if (set_->closed()) {
    return ClosedError(kName);
  }
  const absl::StatusOr<int> fd = keys_.NumberOf(f);
  if (!fd.ok()) {
    return fd.status();
  }
  if (keys_.Find(*fd) != nullptr) {
    return AlreadyRegistered(*fd);
  }
  const absl::Status checked = CheckNumber(*fd);
  if (!checked.ok()) {
    return checked;
  }
  const std::uint64_t serial = ++last_serial_;
  const absl::StatusOr<RegistrationToken> token =
      set_->Add(*fd, PollEventsOf(*asked), Trigger::kLevel, serial);
  if (!token.ok()) {
    return token.status();
  }
  const SelectorKey key(f, *fd, *asked, data);
  keys_.Insert({.key = key, .token = *token, .serial = serial});
  return key;
}

absl::StatusOr<SelectorKey> CoreSelector::Unregister(const FileObject& f) {
  MutexLock lock(&mutex_);
  const absl::StatusOr<KeyTable::Entry*> entry = EntryOf(f);
  if (!entry.ok()) {
    return entry.status();
  }
  const SelectorKey key = (*entry)->key;
  // Cannot fail but for Close(), and then it is gone as well.
  set_->Remove((*entry)->token).IgnoreError();
  keys_.Erase(key.fd());
  return key;
}

absl::StatusOr<SelectorKey> CoreSelector::Modify(const FileObject& f,
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
  if (entry.key.events() != *asked) {
    absl::Status changed = CheckNumber(key.fd());
    if (changed.ok()) {
      changed = set_->Modify(entry.token, PollEventsOf(*asked), Trigger::kLevel,
                             entry.serial);
    }
    if (!changed.ok()) {
      set_->Remove(entry.token).IgnoreError();
      keys_.Erase(key.fd());
      return changed;
    }
  }
  entry.key = key;
  return key;
}

// ---- Waiting.

absl::StatusOr<std::size_t> CoreSelector::SelectInto(
    absl::Span<SelectorReady> room, Timeout timeout, OnSignal on_signal) {
  const absl::StatusOr<absl::Duration> span = SelectorTimeout(timeout);
  if (!span.ok()) {
    return span.status();
  }
  const MonotonicTime deadline =
      *span == absl::InfiniteDuration() ? kNever
      : *span == absl::ZeroDuration()
          ? InterestSet::kLookOnce
          : DeadlineAfter(std::chrono::steady_clock::now(), *span);
  Scratch<Event, kInlineEvents> scratch(&scratch_, SpaceFor(room.size()));
  for (;;) {
    const absl::StatusOr<std::size_t> seen =
        WaitForEvents(scratch.room(), deadline, on_signal);
    if (!seen.ok()) {
      return set_->closed() ? ClosedError(kName) : seen.status();
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

std::size_t CoreSelector::SpaceFor(std::size_t room) const {
  if (room <= kInlineEvents) {
    return room;
  }
  MutexLock lock(&mutex_);
  return std::min(room, std::max(keys_.size() + kSpareRoom, kInlineEvents));
}

std::size_t CoreSelector::Translate(absl::Span<const Event> seen,
                                    absl::Span<SelectorReady> room) const {
  MutexLock lock(&mutex_);
  std::size_t count = 0;
  for (const Event& event : seen) {
    const KeyTable::Entry* const entry = keys_.Find(event.fd);
    if (entry == nullptr || entry->serial != event.data) {
      continue;  // unregistered since the kernel said so
    }
    const SelectorEvents events =
        SelectorEventsOf(event.events, entry->key.events());
    if (events != 0) {
      room[count++] = {.key = entry->key, .events = events};
    }
  }
  return count;
}

const SelectorMap* CoreSelector::GetMap() const {
  return set_->closed() ? nullptr : view_.get();
}

absl::StatusOr<int> CoreSelector::fd() const {
  return set_->closed() ? absl::StatusOr<int>(ClosedError(kName)) : set_->fd();
}

void CoreSelector::Close() {
  set_->Close();
  MutexLock lock(&mutex_);
  keys_.Clear();
}

}  // namespace farpoll
