// EVFILT_EMPTY: all that was written to a socket has been taken. The kernel
// does not tell, so the queue's clock looks every few milliseconds.
#include <cerrno>
#include <memory>

#include "selector/kqueue/descriptor.h"
#include "selector/kqueue/filters/filters.h"

namespace farpoll {
namespace {

struct SocketState final : FilterState {
  explicit SocketState(FileIdentity identity) : socket(identity) {}
  FileIdentity socket;
};

class Empty final : public Filter {
 public:
  bool IdentIsDescriptor() const override { return true; }

  int Attach(Knote& knote, FilterHost& /*host*/) const override {
    const DescriptorKind kind = KindOf(knote.fd());
    if (kind == DescriptorKind::kClosed) {
      return EBADF;
    }
    if (!IsSocket(kind) || UnsentBytes(knote.fd()) < 0) {
      return EINVAL;
    }
    knote.state = std::make_unique<SocketState>(IdentityOf(knote.fd()));
    return 0;
  }

  int Verify(const Knote& knote) const override {
    return CompareIdentity(
        knote.fd(), static_cast<const SocketState&>(*knote.state).socket);
  }

  bool Sample(Knote& knote, Events /*seen*/, FilterHost& host) const override {
    if (Verify(knote) != 0) {
      return false;
    }
    const bool empty = UnsentBytes(knote.fd()) == 0;
    knote.reported = knote.reported && empty;
    if (!empty || knote.reported) {
      host.Recheck(knote);
      return false;
    }
    return true;
  }

  void Delivered(Knote& knote, FilterHost& host) const override {
    if (knote.has(ev::kClear)) {
      knote.reported = true;
      host.Recheck(knote);
    }
  }
};

}  // namespace

const Filter& EmptyFilter() {
  static const Empty filter;
  return filter;
}

}  // namespace farpoll
