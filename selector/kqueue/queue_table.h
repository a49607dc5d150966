// selector/kqueue/queue_table.h: room: selector. Which descriptor of this
// process is which queue.
// Threads: from any.
#ifndef FARPOLL_SELECTOR_KQUEUE_QUEUE_TABLE_H_
#define FARPOLL_SELECTOR_KQUEUE_QUEUE_TABLE_H_

#include <memory>
#include <unordered_map>

#include "absl/base/thread_annotations.h"
#include "base/mutex.h"
#include "selector/kqueue/queue.h"

namespace farpoll {

class QueueTable {
 public:
  // The process's one table; lives as long as the process.
  static QueueTable& OfProcess();

  // Notes that `fd` is `queue`'s own number. Whatever had it is closed.
  void Insert(int fd, std::weak_ptr<Queue> queue);

  // The open queue that `fd` names, by its own number or by a copy of it; null
  // when there is none.
  std::shared_ptr<Queue> Find(int fd);

 private:
  Mutex mutex_;
  // See KnoteTable for why not absl::flat_hash_map.
  std::unordered_map<int, std::weak_ptr<Queue>> queues_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace farpoll

#endif  // FARPOLL_SELECTOR_KQUEUE_QUEUE_TABLE_H_
