// selector/kqueue/filters/filters.h: room: selector. Every filter there is; one
// .cc each. They live for ever.
// Source: docs/kqueue.md, which says what each supports.
#ifndef FARPOLL_SELECTOR_KQUEUE_FILTERS_FILTERS_H_
#define FARPOLL_SELECTOR_KQUEUE_FILTERS_FILTERS_H_

#include "selector/kqueue/filter.h"

namespace farpoll {

// Descriptors. ident is the number.
const Filter& ReadFilter();
const Filter& WriteFilter();
const Filter& ExceptFilter();
const Filter& EmptyFilter();
const Filter& VnodeFilter();
const Filter& ProcdescFilter();
// ident is a process.
const Filter& ProcFilter();
// ident is a signal.
const Filter& SignalFilter();
// ident is a number of the caller's choosing.
const Filter& TimerFilter();
const Filter& UserFilter();

}  // namespace farpoll

#endif  // FARPOLL_SELECTOR_KQUEUE_FILTERS_FILTERS_H_
