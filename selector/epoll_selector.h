// selector/epoll_selector.h: room: selector. Python's selectors.EpollSelector.
// Threads: as CoreSelector.
// Source: docs/semantics.md section 4.
#ifndef FARPOLL_SELECTOR_EPOLL_SELECTOR_H_
#define FARPOLL_SELECTOR_EPOLL_SELECTOR_H_

#include <memory>

#include "absl/status/statusor.h"
#include "selector/core_selector.h"

namespace farpoll {

// A wait costs the same however many are registered. A number closed without
// Unregister falls silent.
class EpollSelector final : public CoreSelector {
 public:
  enum class Mode {
    kUsual,
    // As upstream: Register refuses regular files, directories and the like
    // with EPERM (PERMISSION_DENIED).
    kStrict,
  };

  //   Errors: RESOURCE_EXHAUSTED (EMFILE, ENFILE, ENOMEM).
  static absl::StatusOr<std::unique_ptr<EpollSelector>> Create(
      Mode mode = Mode::kUsual);

 private:
  using CoreSelector::CoreSelector;
};

}  // namespace farpoll

#endif  // FARPOLL_SELECTOR_EPOLL_SELECTOR_H_
