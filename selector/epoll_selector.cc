#include "selector/epoll_selector.h"

#include <utility>

#include "selector/interest_set.h"

namespace farpoll {

absl::StatusOr<std::unique_ptr<EpollSelector>> EpollSelector::Create(
    Mode mode) {
  absl::StatusOr<std::unique_ptr<InterestSet>> set = InterestSet::Create(
      InterestSet::Custody::kOwned, mode == Mode::kStrict
                                        ? InterestSet::Files::kRefused
                                        : InterestSet::Files::kAlwaysReady);
  if (!set.ok()) {
    return set.status();
  }
  return std::unique_ptr<EpollSelector>(new EpollSelector(*std::move(set)));
}

}  // namespace farpoll
