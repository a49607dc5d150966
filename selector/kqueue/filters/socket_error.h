// selector/kqueue/filters/socket_error.h: room: selector. A socket's error, for
// the fflags of READ and WRITE at the end.
#ifndef FARPOLL_SELECTOR_KQUEUE_FILTERS_SOCKET_ERROR_H_
#define FARPOLL_SELECTOR_KQUEUE_FILTERS_SOCKET_ERROR_H_

#include <cstdint>

#include "selector/events.h"
#include "selector/kqueue/filter.h"

namespace farpoll {

// The errno that ended the socket; 0 for an orderly end, and for a queue that
// may not take errors. SO_ERROR clears what it tells, so the answer is kept in
// the knote and in its READ or WRITE sibling.
std::uint32_t SocketErrorOf(Knote& knote, Events seen, FilterHost& host);

}  // namespace farpoll

#endif  // FARPOLL_SELECTOR_KQUEUE_FILTERS_SOCKET_ERROR_H_
