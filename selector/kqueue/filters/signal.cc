// EVFILT_SIGNAL: how often a signal came.
#include <signal.h>

#include <cerrno>

#include "selector/kqueue/filters/filters.h"

namespace farpoll {
namespace {

class Signal final : public Filter {
 public:
  int Attach(Knote& knote, FilterHost& host) const override {
    const std::uint64_t number = knote.event.ident;
    // Nothing can catch SIGKILL and SIGSTOP; glibc keeps what lies between the
    // standard signals and the real-time ones, and lets nobody block it.
    const bool kept =
        number > SIGSYS && number < static_cast<std::uint64_t>(SIGRTMIN);
    if (number < 1 || number >= NSIG || number == SIGKILL ||
        number == SIGSTOP || kept) {
      return EINVAL;
    }
    knote.event.flags |= ev::kClear;
    return host.WatchSignal(knote);
  }

  void Detach(Knote& knote, FilterHost& host) const override {
    host.UnwatchSignal(knote);
  }

  void Signalled(Knote& knote, std::uint32_t count,
                 FilterHost& host) const override {
    knote.event.data += count;
    host.Activate(knote);
  }

  bool Sample(Knote& knote, Events /*seen*/,
              FilterHost& /*host*/) const override {
    return knote.event.data > 0;
  }
};

}  // namespace

const Filter& SignalFilter() {
  static const Signal filter;
  return filter;
}

}  // namespace farpoll
