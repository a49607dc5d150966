#include "selector/base_selector.h"

#include <algorithm>

#include "base/errno_status.h"

namespace farpoll {

absl::StatusOr<SelectorKey> BaseSelector::Modify(const FileObject& f,
                                                 std::int64_t events,
                                                 std::uint64_t data) {
  const absl::StatusOr<SelectorEvents> asked = ValidateSelectorEvents(events);
  if (!asked.ok()) {
    return asked.status();
  }
  const absl::StatusOr<SelectorKey> old = GetKey(f);
  if (!old.ok() || (old->events() == *asked && old->data() == data)) {
    return old;
  }
  const absl::StatusOr<SelectorKey> removed = Unregister(f);
  if (!removed.ok()) {
    return removed;
  }
  return Register(removed->fileobj(), events, data);
}

absl::StatusOr<std::vector<SelectorReady>> BaseSelector::Select(
    Timeout timeout, OnSignal on_signal) {
  const SelectorMap* const map = GetMap();
  if (map == nullptr) {
    return ClosedError("selector");
  }
  const std::size_t room = std::max<std::size_t>(map->size(), 1);
  std::vector<SelectorReady> ready(
      room, SelectorReady{SelectorKey(FileObject(-1), -1, 0, 0), 0});
  const absl::StatusOr<std::size_t> count =
      SelectInto(absl::MakeSpan(ready), timeout, on_signal);
  if (!count.ok()) {
    return count.status();
  }
  ready.erase(ready.begin() + static_cast<std::ptrdiff_t>(*count), ready.end());
  return ready;
}

absl::StatusOr<SelectorKey> BaseSelector::GetKey(const FileObject& f) const {
  const SelectorMap* const map = GetMap();
  if (map == nullptr) {
    return ClosedError("selector");
  }
  return map->Find(f);
}

}  // namespace farpoll
