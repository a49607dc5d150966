// EVFILT_EXCEPT: out-of-band data, which is TCP's urgent byte.
#include <cerrno>

#include "selector/kqueue/descriptor.h"
#include "selector/kqueue/filters/filters.h"
#include "selector/open_number.h"

namespace farpoll {
namespace {

class Except final : public Filter {
 public:
  bool IdentIsDescriptor() const override { return true; }

  int Attach(Knote& knote, FilterHost& host) const override {
    if ((knote.asked_fflags & ~note::kOutOfBand) != 0 ||
        KindOf(knote.fd()) == DescriptorKind::kQueue) {
      return EINVAL;
    }
    const int error = host.Watch(knote, knote.fd(), kPriority);
    return error == EPERM ? EINVAL : error;
  }

  bool Sample(Knote& knote, Events seen, FilterHost& /*host*/) const override {
    // Of a number that was closed: what was seen is a copy's.
    if ((seen & kPriority) == 0 || !CheckOpen(knote.fd()).ok()) {
      return false;
    }
    knote.event.fflags = note::kOutOfBand;
    return true;
  }
};

}  // namespace

const Filter& ExceptFilter() {
  static const Except filter;
  return filter;
}

}  // namespace farpoll
