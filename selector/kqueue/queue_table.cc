#include "selector/kqueue/queue_table.h"

#include <fcntl.h>

#include <utility>
#include <vector>

#include "selector/fork_guard.h"
#include "selector/kqueue/descriptor.h"

namespace farpoll {

QueueTable& QueueTable::OfProcess() { return OfThisProcess<QueueTable>(); }

void QueueTable::Insert(int fd, std::weak_ptr<Queue> queue) {
  MutexLock lock(&mutex_);
  // A table of all queues ever would grow for ever.
  std::erase_if(queues_,
                [](const auto& entry) { return entry.second.expired(); });
  queues_[fd] = std::move(queue);
}

std::shared_ptr<Queue> QueueTable::Find(int fd) {
  if (fcntl(fd, F_GETFD) < 0) {
    return nullptr;
  }
  // Released after the mutex: the last reference closes the queue.
  std::vector<std::shared_ptr<Queue>> seen;
  MutexLock lock(&mutex_);
  for (const auto& [number, weak] : queues_) {
    std::shared_ptr<Queue> queue = weak.lock();
    if (queue == nullptr) {
      continue;
    }
    seen.push_back(queue);
    if (!queue->closed() && (number == fd || SameOpenFile(number, fd))) {
      return queue;
    }
  }
  return nullptr;
}

}  // namespace farpoll
