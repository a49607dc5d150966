// EVFILT_PROC: the end of a child of this process.
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <limits>
#include <memory>
#include <utility>

#include "base/unique_fd.h"
#include "selector/hidden_fd.h"
#include "selector/kqueue/filters/exit_status.h"
#include "selector/kqueue/filters/filters.h"

namespace farpoll {
namespace {

struct ProcessState final : FilterState {
  explicit ProcessState(UniqueFd fd) : pidfd(std::move(fd)) {}
  void Abandon() override { pidfd.Release(); }

  UniqueFd pidfd;
};

class Proc final : public Filter {
 public:
  int Attach(Knote& knote, FilterHost& host) const override {
    const int notes = CheckProcessNotes(knote.asked_fflags);
    if (notes != 0) {
      return notes;
    }
    knote.event.flags |= ev::kClear;  // as filt_procattach sets it
    const auto pid = static_cast<std::int64_t>(knote.event.ident);
    if (pid <= 0) {
      return EINVAL;
    }
    if (pid > std::numeric_limits<pid_t>::max()) {
      return ESRCH;
    }
    UniqueFd pidfd = Hide(UniqueFd(
        static_cast<int>(syscall(SYS_pidfd_open, static_cast<pid_t>(pid), 0))));
    if (!pidfd.valid()) {
      // ENOENT, EINVAL: the number of a thread.
      return errno == ENOENT || errno == EINVAL ? ESRCH : errno;
    }
    const int number = pidfd.get();
    const int child = CheckChild(number);
    if (child != 0) {
      return child;
    }
    knote.state = std::make_unique<ProcessState>(std::move(pidfd));
    return host.Watch(knote, number, kIn);
  }

  int Touch(Knote& knote, const Kevent& change,
            FilterHost& host) const override {
    const int notes = CheckProcessNotes(change.fflags);
    return notes != 0 ? notes : Filter::Touch(knote, change, host);
  }

  bool Sample(Knote& knote, Events /*seen*/,
              FilterHost& /*host*/) const override {
    return SampleExit(
        knote, static_cast<const ProcessState&>(*knote.state).pidfd.get());
  }
};

}  // namespace

const Filter& ProcFilter() {
  static const Proc filter;
  return filter;
}

}  // namespace farpoll
