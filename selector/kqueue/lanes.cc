#include "selector/kqueue/lanes.h"

#include <utility>

#include "base/errno_status.h"

namespace farpoll {

absl::StatusOr<std::unique_ptr<Lanes>> Lanes::Create() {
  absl::StatusOr<std::unique_ptr<InterestSet>> first = InterestSet::Create(
      InterestSet::Custody::kOwned, InterestSet::Files::kRefused);
  if (!first.ok()) {
    return first.status();
  }
  auto lanes = std::make_unique<Lanes>();
  lanes->sets_[0] = *std::move(first);
  return lanes;
}

InterestSet* Lanes::At(std::uint8_t lane, int& error) {
  if (sets_[lane] != nullptr) {
    return sets_[lane].get();
  }
  absl::StatusOr<std::unique_ptr<InterestSet>> set = InterestSet::Create(
      InterestSet::Custody::kOwned, InterestSet::Files::kRefused);
  if (!set.ok()) {
    error = ErrnoOf(set.status());
    return nullptr;
  }
  const absl::StatusOr<RegistrationToken> token =
      sets_[0]->Add(*(*set)->fd(), kIn, Trigger::kLevel, kLaneMark + lane);
  if (!token.ok()) {
    error = ErrnoOf(token.status());
    return nullptr;
  }
  sets_[lane] = *std::move(set);
  return sets_[lane].get();
}

void Lanes::Close() {
  for (const std::unique_ptr<InterestSet>& set : sets_) {
    if (set != nullptr) {
      set->Close();
    }
  }
}

}  // namespace farpoll
