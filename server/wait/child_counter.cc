#include "server/wait/child_counter.h"

#include <poll.h>

#include <array>
#include <cstddef>

#include "absl/types/span.h"
#include "selector/kqueue/kevent.h"

namespace farpoll::server {

absl::StatusOr<std::unique_ptr<ChildCounter>> ChildCounter::Create() {
  absl::StatusOr<std::unique_ptr<Kqueue>> queue = Kqueue::Create();
  if (!queue.ok()) {
    return queue.status();
  }
  const absl::StatusOr<int> fd = (*queue)->fd();
  if (!fd.ok()) {
    return fd.status();
  }
  return std::unique_ptr<ChildCounter>(
      new ChildCounter(*std::move(queue), *fd));
}

void ChildCounter::Add(int pidfd) {
  pollfd entry = {pidfd, POLLIN, 0};
  if (poll(&entry, 1, 0) != 0) {
    return;
  }
  const Kevent change{.ident = static_cast<std::uint64_t>(pidfd),
                      .filter = evfilt::kProcdesc,
                      .flags = ev::kAdd | ev::kOneShot,
                      .fflags = note::kExit};
  // Refused for what is no child of ours: it never ends, as far as we know.
  (void)queue_->Apply({&change, 1}, {});
}

std::int64_t ChildCounter::Take() {
  std::array<Kevent, 64> room;
  std::int64_t ends = 0;
  for (;;) {
    const absl::StatusOr<std::size_t> count =
        queue_->Collect(absl::MakeSpan(room));
    if (!count.ok() || *count == 0) {
      return ends;
    }
    ends += static_cast<std::int64_t>(*count);
  }
}

}  // namespace farpoll::server
