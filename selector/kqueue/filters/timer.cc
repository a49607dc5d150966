// EVFILT_TIMER: a timerfd each.
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <memory>

#include "base/unique_fd.h"
#include "selector/hidden_fd.h"
#include "selector/kqueue/filters/filters.h"

namespace farpoll {
namespace {

struct TimerState final : FilterState {
  void Abandon() override { timer.Release(); }

  UniqueFd timer;
};

const TimerState& StateOf(const Knote& knote) {
  return static_cast<const TimerState&>(*knote.state);
}

// Nanoseconds of the unit that `notes` name; 0 for none or several.
std::int64_t UnitOf(std::uint32_t notes) {
  switch (notes & ~note::kAbsoluteTime) {
    case note::kSeconds:
      return 1'000'000'000;
    case 0:
    case note::kMilliseconds:
      return 1'000'000;
    case note::kMicroseconds:
      return 1'000;
    case note::kNanoseconds:
      return 1;
    default:
      return 0;
  }
}

// `count` units; what is too long to say is as long as can be said, 292 years.
timespec SpanOf(std::int64_t count, std::int64_t unit) {
  constexpr std::int64_t kSecond = 1'000'000'000;
  const std::int64_t longest = std::numeric_limits<std::int64_t>::max() / unit;
  const std::int64_t nanos = std::min(count, longest) * unit;
  return {.tv_sec = nanos / kSecond, .tv_nsec = nanos % kSecond};
}

struct Schedule {
  clockid_t clock = CLOCK_MONOTONIC;
  int flags = 0;
  itimerspec when = {};
};

// What is asked, as timerfd_settime(2) wants it; the errno, 0 for success.
int Plan(std::uint32_t notes, std::int64_t count, bool one_shot,
         Schedule& plan) {
  const std::int64_t unit = UnitOf(notes);
  if (count < 0 || unit == 0) {
    return EINVAL;
  }
  const bool absolute = (notes & note::kAbsoluteTime) != 0;
  if (count == 0 && !one_shot && !absolute) {
    count = 1;
  }
  plan.when.it_value = SpanOf(count, unit);
  if (plan.when.it_value.tv_sec == 0 && plan.when.it_value.tv_nsec == 0) {
    plan.when.it_value.tv_nsec = 1;  // zero would disarm it
  }
  if (absolute) {
    plan.clock = CLOCK_REALTIME;
    plan.flags = TFD_TIMER_ABSTIME;
  } else if (!one_shot) {
    plan.when.it_interval = plan.when.it_value;
  }
  return 0;
}

class Timer final : public Filter {
 public:
  int Attach(Knote& knote, FilterHost& host) const override {
    if ((knote.asked_fflags & note::kAbsoluteTime) == 0) {
      knote.event.flags |= ev::kClear;
    }
    return Start(knote, knote.asked_fflags, knote.asked_data, host);
  }

  // Starts anew, and drops what is pending; other changes than EV_ADD leave
  // the time alone.
  int Touch(Knote& knote, const Kevent& change,
            FilterHost& host) const override {
    if ((change.flags & ev::kAdd) == 0) {
      return 0;
    }
    const int error = Start(knote, change.fflags, change.data, host);
    return error != 0 ? error : Filter::Touch(knote, change, host);
  }

  bool Sample(Knote& knote, Events /*seen*/,
              FilterHost& /*host*/) const override {
    // An absolute time that is past stays past, and is not read.
    if (!knote.has(ev::kClear)) {
      knote.event.data = Expired(knote) ? 1 : 0;
      return knote.event.data > 0;
    }
    std::uint64_t expirations = 0;
    if (read(StateOf(knote).timer.get(), &expirations, sizeof(expirations)) ==
        sizeof(expirations)) {
      knote.event.data += static_cast<std::int64_t>(expirations);
    }
    return knote.event.data > 0;
  }

 private:
  static int Start(Knote& knote, std::uint32_t notes, std::int64_t count,
                   FilterHost& host) {
    Schedule plan;
    const int error = Plan(notes, count, knote.has(ev::kOneShot), plan);
    if (error != 0) {
      return error;
    }
    const bool fresh = knote.state == nullptr || ((notes ^ knote.asked_fflags) &
                                                  note::kAbsoluteTime) != 0;
    std::unique_ptr<TimerState> state;
    if (fresh) {
      state = std::make_unique<TimerState>();
      state->timer = Hide(
          UniqueFd(timerfd_create(plan.clock, TFD_CLOEXEC | TFD_NONBLOCK)));
      if (!state->timer.valid()) {
        return errno;
      }
    }
    const int fd = (fresh ? *state : StateOf(knote)).timer.get();
    if (timerfd_settime(fd, plan.flags, &plan.when, nullptr) != 0) {
      return errno;
    }
    knote.event.data = 0;
    if (!fresh) {
      return 0;
    }
    if (host.Unwatch(knote) != 0) {
      knote.state->Abandon();
    }
    knote.state = std::move(state);
    return host.Watch(knote, fd, kIn);
  }

  static bool Expired(const Knote& knote) {
    itimerspec left = {};
    return timerfd_gettime(StateOf(knote).timer.get(), &left) == 0 &&
           left.it_value.tv_sec == 0 && left.it_value.tv_nsec == 0;
  }
};

}  // namespace

const Filter& TimerFilter() {
  static const Timer filter;
  return filter;
}

}  // namespace farpoll
