#include "selector/kqueue/registry.h"

#include <cerrno>
#include <cstddef>
#include <iterator>

#include "selector/kqueue/filters/filters.h"
#include "selector/kqueue/kevent.h"

namespace farpoll {
namespace {

// In the order of the numbers, from -1 down.
const FilterEntry kFilters[] = {
    {evfilt::kRead, &ReadFilter(), 0},
    {evfilt::kWrite, &WriteFilter(), 0},
    {evfilt::kAio, nullptr, ENXIO},
    {evfilt::kVnode, &VnodeFilter(), 0},
    {evfilt::kProc, &ProcFilter(), 0},
    {evfilt::kSignal, &SignalFilter(), 0},
    {evfilt::kTimer, &TimerFilter(), 0},
    {evfilt::kProcdesc, &ProcdescFilter(), 0},
    {evfilt::kFs, nullptr, ENOTSUP},
    {evfilt::kLio, nullptr, ENXIO},
    {evfilt::kUser, &UserFilter(), 0},
    {evfilt::kSendfile, nullptr, ENXIO},
    {evfilt::kEmpty, &EmptyFilter(), 0},
    {-14, nullptr, EINVAL},
    {evfilt::kExcept, &ExceptFilter(), 0},
};

constexpr FilterEntry kUnknown = {0, nullptr, EINVAL};

}  // namespace

const FilterEntry& FindFilter(std::int16_t filter) {
  const int place = -1 - filter;
  return place >= 0 && place < static_cast<int>(std::size(kFilters))
             ? kFilters[place]
             : kUnknown;
}

}  // namespace farpoll
