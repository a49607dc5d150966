// selector/kqueue/file_watcher.h: room: selector. One inotify instance for all
// the files of a queue: instances are few (128 a user), and one inode has one
// watch however many knotes look at it.
// Threads: none of its own; the queue's mutex guards it.
// Source: inotify(7); docs/semantics.md section 6.
#ifndef FARPOLL_SELECTOR_KQUEUE_FILE_WATCHER_H_
#define FARPOLL_SELECTOR_KQUEUE_FILE_WATCHER_H_

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "absl/functional/function_ref.h"
#include "base/unique_fd.h"
#include "selector/kqueue/knote.h"

namespace farpoll {

class FileWatcher {
 public:
  // The inotify descriptor, made by the first call; -1 with errno set when the
  // kernel refuses.
  int Open();
  // The same, without making it; -1 when there is none.
  int fd() const { return inotify_.get(); }

  // Closes it, and forgets all.
  void Close() { *this = FileWatcher(); }
  // Gives it up unclosed: its number is somebody else's by now.
  void Abandon() { inotify_.Release(); }

  // Watches the file behind `fd` for `knote`, or changes its mask; the errno, 0
  // for success. Open() comes first.
  int Watch(KnoteId knote, int fd, std::uint32_t mask);
  void Unwatch(KnoteId knote);

  // Reads what happened; calls `changed` for each knote that asked for it. When
  // the kernel's queue was full and events are lost, it calls it for every
  // knote with IN_Q_OVERFLOW.
  void Drain(absl::FunctionRef<void(KnoteId, std::uint32_t mask)> changed);

 private:
  struct Watcher {
    KnoteId knote;
    std::uint32_t mask;
  };

  void Dispatch(int watch, std::uint32_t mask, bool named,
                absl::FunctionRef<void(KnoteId, std::uint32_t)> changed);

  void DispatchOverflow(
      absl::FunctionRef<void(KnoteId, std::uint32_t)> changed);

  UniqueFd inotify_;
  // See KnoteTable for why not absl::flat_hash_map.
  std::unordered_map<int, std::vector<Watcher>> watchers_;
  std::unordered_map<KnoteId, int> watches_;
};

}  // namespace farpoll

#endif  // FARPOLL_SELECTOR_KQUEUE_FILE_WATCHER_H_
