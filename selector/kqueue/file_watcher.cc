#include "selector/kqueue/file_watcher.h"

#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "selector/hidden_fd.h"

namespace farpoll {
namespace {

constexpr std::uint32_t kEntryChanges =
    IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO;

}  // namespace

int FileWatcher::Open() {
  if (!inotify_.valid()) {
    inotify_ = Hide(UniqueFd(inotify_init1(IN_CLOEXEC | IN_NONBLOCK)));
  }
  return inotify_.get();
}

int FileWatcher::Watch(KnoteId knote, int fd, std::uint32_t mask) {
  // By way of proc(5), since inotify takes names only. IN_MASK_ADD keeps what
  // other knotes asked of the same inode.
  const int watch = inotify_add_watch(
      inotify_.get(), absl::StrCat("/proc/self/fd/", fd).c_str(),
      mask | IN_MASK_ADD);
  if (watch < 0) {
    return errno;
  }
  const auto [place, fresh] = watches_.emplace(knote, watch);
  std::vector<Watcher>& all = watchers_[watch];
  if (fresh) {
    all.push_back({.knote = knote, .mask = mask});
    return 0;
  }
  for (Watcher& watcher : all) {
    if (watcher.knote == knote) {
      watcher.mask = mask;
    }
  }
  return 0;
}

void FileWatcher::Unwatch(KnoteId knote) {
  const auto found = watches_.find(knote);
  if (found == watches_.end()) {
    return;
  }
  const int watch = found->second;
  watches_.erase(found);
  const auto entry = watchers_.find(watch);
  if (entry == watchers_.end()) {
    return;  // the kernel ended it: the inode is gone
  }
  std::vector<Watcher>& all = entry->second;
  all.erase(std::remove_if(all.begin(), all.end(),
                           [knote](const Watcher& watcher) {
                             return watcher.knote == knote;
                           }),
            all.end());
  if (all.empty()) {
    watchers_.erase(entry);
    inotify_rm_watch(inotify_.get(), watch);
  }
}

void FileWatcher::Drain(
    absl::FunctionRef<void(KnoteId, std::uint32_t mask)> changed) {
  alignas(inotify_event) char buffer[4096];
  for (;;) {
    const ssize_t length = read(inotify_.get(), buffer, sizeof(buffer));
    if (length <= 0) {
      return;
    }
    for (std::size_t at = 0; at < static_cast<std::size_t>(length);) {
      inotify_event event;
      std::memcpy(&event, buffer + at, sizeof(event));
      at += sizeof(event) + event.len;
      Dispatch(event.wd, event.mask, event.len > 0, changed);
    }
  }
}

void FileWatcher::Dispatch(
    int watch, std::uint32_t mask, bool named,
    absl::FunctionRef<void(KnoteId, std::uint32_t)> changed) {
  if ((mask & IN_Q_OVERFLOW) != 0) {
    return DispatchOverflow(changed);
  }
  // A directory's watch tells of the files in it, too; only that entries come
  // and go is the directory's own affair.
  if (named && (mask & kEntryChanges) == 0) {
    return;
  }
  const auto found = watchers_.find(watch);
  if (found == watchers_.end()) {
    return;
  }
  // A copy, since what is told may watch and unwatch.
  const std::vector<Watcher> all = found->second;
  if ((mask & IN_IGNORED) != 0) {
    watchers_.erase(found);
    return;
  }
  for (const Watcher& watcher : all) {
    if ((mask & (watcher.mask | IN_UNMOUNT)) != 0) {
      changed(watcher.knote, mask);
    }
  }
}

void FileWatcher::DispatchOverflow(
    absl::FunctionRef<void(KnoteId, std::uint32_t)> changed) {
  // A copy, as in Dispatch().
  std::vector<KnoteId> all;
  all.reserve(watches_.size());
  for (const auto& [knote, watch] : watches_) {
    all.push_back(knote);
  }
  for (const KnoteId knote : all) {
    changed(knote, IN_Q_OVERFLOW);
  }
}

}  // namespace farpoll
