// selector/on_signal.h: room: selector. What a blocking wait does when a signal
// handler runs in its thread.
// Source: signal(7); PEP 475; docs/semantics.md section 1.
#ifndef FARPOLL_SELECTOR_ON_SIGNAL_H_
#define FARPOLL_SELECTOR_ON_SIGNAL_H_

namespace farpoll {

enum class OnSignal {
  // Goes on with the time that is left. EINTR never comes out.
  kRetry,
  // Fails with EINTR (UNAVAILABLE), whatever SA_RESTART says, and takes
  // nothing. Its caller may have something to do now; if not, it waits again
  // until the same deadline. A wait that finds something, or looks once, does
  // not fail so. A handler that runs before the thread sleeps is not seen.
  kReturn,
};

}  // namespace farpoll

#endif  // FARPOLL_SELECTOR_ON_SIGNAL_H_
