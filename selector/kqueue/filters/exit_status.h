// selector/kqueue/filters/exit_status.h: room: selector. What PROC and PROCDESC
// have in common.
// Source: pidfd_open(2), waitid(2); FreeBSD's NOTE_EXIT.
#ifndef FARPOLL_SELECTOR_KQUEUE_FILTERS_EXIT_STATUS_H_
#define FARPOLL_SELECTOR_KQUEUE_FILTERS_EXIT_STATUS_H_

#include <cstdint>

#include "selector/kqueue/knote.h"

namespace farpoll {

// 0 when every note asked for can be had; ENOTSUP for FORK, EXEC and TRACK,
// EINVAL for bits without a meaning.
int CheckProcessNotes(std::uint32_t asked);

// 0 when `pidfd` is a child of this process, dead or alive; else the errno:
// ECHILD for somebody else's.
int CheckChild(int pidfd);

// Whether the process has ended. If so the knote says how: data is the wait
// status, or -1 if it was reaped and the kernel (before 6.15) has forgotten,
// and EOF and ONESHOT are set. The process stays to be waited for.
bool SampleExit(Knote& knote, int pidfd);

}  // namespace farpoll

#endif  // FARPOLL_SELECTOR_KQUEUE_FILTERS_EXIT_STATUS_H_
