// selector/default_selector.h: room: selector. The best selector of this
// system.
#ifndef FARPOLL_SELECTOR_DEFAULT_SELECTOR_H_
#define FARPOLL_SELECTOR_DEFAULT_SELECTOR_H_

#include "selector/epoll_selector.h"

namespace farpoll {

using DefaultSelector = EpollSelector;

}  // namespace farpoll

#endif  // FARPOLL_SELECTOR_DEFAULT_SELECTOR_H_
