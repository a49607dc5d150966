// EVFILT_USER: triggered by the program itself.
#include "selector/kqueue/filters/filters.h"

namespace farpoll {
namespace {

struct UserState final : FilterState {
  bool triggered = false;
  // The user's bits and number, as the next event will say them.
  std::uint32_t bits = 0;
  std::int64_t data = 0;
};

UserState& StateOf(Knote& knote) {
  return static_cast<UserState&>(*knote.state);
}

std::uint32_t Combine(std::uint32_t kept, std::uint32_t fflags) {
  const std::uint32_t bits = fflags & note::kUserBits;
  switch (fflags & note::kUserOperation) {
    case note::kUserAnd:
      return kept & bits;
    case note::kUserOr:
      return kept | bits;
    case note::kUserCopy:
      return bits;
    default:
      return kept;
  }
}

class User final : public Filter {
 public:
  int Attach(Knote& knote, FilterHost& /*host*/) const override {
    auto state = std::make_unique<UserState>();
    state->triggered = (knote.asked_fflags & note::kTrigger) != 0;
    state->bits = knote.asked_fflags & note::kUserBits;
    state->data = knote.asked_data;
    knote.state = std::move(state);
    return 0;
  }

  int Touch(Knote& knote, const Kevent& change,
            FilterHost& /*host*/) const override {
    UserState& state = StateOf(knote);
    state.triggered = state.triggered || (change.fflags & note::kTrigger) != 0;
    state.bits = Combine(state.bits, change.fflags);
    state.data = change.data;
    if ((change.flags & ev::kClear) != 0) {  // a change may reset it, too
      state.triggered = (change.fflags & note::kTrigger) != 0;
    }
    return 0;
  }

  bool Sample(Knote& knote, Events /*seen*/,
              FilterHost& /*host*/) const override {
    const UserState& state = StateOf(knote);
    knote.event.fflags = state.bits;
    knote.event.data = state.data;
    return state.triggered;
  }

  // The bits stay, as in FreeBSD's kernel; only the trigger is used up.
  void Delivered(Knote& knote, FilterHost& /*host*/) const override {
    if (knote.has(ev::kClear)) {
      StateOf(knote).triggered = false;
    }
  }
};

}  // namespace

const Filter& UserFilter() {
  static const User filter;
  return filter;
}

}  // namespace farpoll
