// EVFILT_PROCDESC: the end of a child that a pidfd names.
#include <cerrno>

#include "selector/kqueue/descriptor.h"
#include "selector/kqueue/filters/exit_status.h"
#include "selector/kqueue/filters/filters.h"

namespace farpoll {
namespace {

class Procdesc final : public Filter {
 public:
  bool IdentIsDescriptor() const override { return true; }

  int Attach(Knote& knote, FilterHost& host) const override {
    const int notes = CheckProcessNotes(knote.asked_fflags);
    if (notes != 0) {
      return notes;
    }
    knote.event.flags |= ev::kClear;  // as procdesc_kqfilter sets it
    const DescriptorKind kind = KindOf(knote.fd());
    if (kind != DescriptorKind::kProcess) {
      return kind == DescriptorKind::kClosed ? EBADF : EINVAL;
    }
    const int child = CheckChild(knote.fd());
    return child != 0 ? child : host.Watch(knote, knote.fd(), kIn);
  }

  int Touch(Knote& knote, const Kevent& change,
            FilterHost& host) const override {
    const int notes = CheckProcessNotes(change.fflags);
    return notes != 0 ? notes : Filter::Touch(knote, change, host);
  }

  bool Sample(Knote& knote, Events /*seen*/,
              FilterHost& /*host*/) const override {
    return SampleExit(knote, knote.fd());
  }
};

}  // namespace

const Filter& ProcdescFilter() {
  static const Procdesc filter;
  return filter;
}

}  // namespace farpoll
