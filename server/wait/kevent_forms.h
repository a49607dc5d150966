// server/wait/kevent_forms.h: room: server/wait, private to it. Kevents that a
// queue makes of those that it was given.
// Threads: pure.
#ifndef FARPOLL_SERVER_WAIT_KEVENT_FORMS_H_
#define FARPOLL_SERVER_WAIT_KEVENT_FORMS_H_

#include <array>
#include <cstdint>

#include "selector/kqueue/kevent.h"
#include "server/wait/result.h"

namespace farpoll::server {

// Filters whose ident is a handle's id.
inline constexpr std::array kHandleFilters = {
    evfilt::kRead,  evfilt::kWrite, evfilt::kExcept,  evfilt::kEmpty,
    evfilt::kVnode, evfilt::kProc,  evfilt::kProcdesc};

// What an event list says of a change that failed with errno `number`, or of a
// receipt (0).
inline TakenKevent ErrorEntry(const Kevent& change, int number) {
  TakenKevent entry;
  entry.event = change;
  entry.event.flags = ev::kError;
  entry.event.fflags = 0;
  entry.event.data = number;
  return entry;
}

// A change of the queue's own, which says again what the client asked: any
// change replaces it. USER's operations are done once only.
inline Kevent Again(const Kevent& asked, std::uint16_t flags) {
  Kevent change = asked;
  change.flags = flags;
  if (asked.filter == evfilt::kUser) {
    change.fflags = note::kUserNop;
  }
  return change;
}

}  // namespace farpoll::server

#endif  // FARPOLL_SERVER_WAIT_KEVENT_FORMS_H_
