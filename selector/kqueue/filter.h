// selector/kqueue/filter.h: room: selector. What a filter is, and what the
// queue does for it.
// Threads: every call under the queue's mutex.
// Source: FreeBSD sys/event.h (struct filterops); docs/semantics.md section 6.
#ifndef FARPOLL_SELECTOR_KQUEUE_FILTER_H_
#define FARPOLL_SELECTOR_KQUEUE_FILTER_H_

#include <cstdint>

#include "selector/events.h"
#include "selector/kqueue/kevent.h"
#include "selector/kqueue/knote.h"

namespace farpoll {

// What a queue offers its filters. An int result is an errno, 0 for success.
class FilterHost {
 public:
  // Has the kernel watch `fd` for `events`, with the trigger that the knote's
  // mode asks for. The queue stops watching before it forgets the knote.
  virtual int Watch(Knote& knote, int fd, Events events) = 0;
  // Ends that. EBADF, ENOENT: the number was closed, or is another file by now.
  virtual int Unwatch(Knote& knote) = 0;

  // Puts the knote, unless it is disabled, at the end of the active list; the
  // filter is asked again when an event is made of it.
  virtual void Activate(Knote& knote) = 0;

  // Tells Filter::FileChanged of inotify(7)'s events on the file that ident
  // names, until UnwatchFile. `mask` is inotify's.
  virtual int WatchFile(Knote& knote, std::uint32_t mask) = 0;
  virtual void UnwatchFile(Knote& knote) = 0;

  // Tells Filter::Signalled of the signal that ident names, until
  // UnwatchSignal.
  virtual int WatchSignal(Knote& knote) = 0;
  virtual void UnwatchSignal(Knote& knote) = 0;

  // Samples the knote again every few milliseconds, until it is active.
  virtual void Recheck(Knote& knote) = 0;

  // Whether a filter may take the error of a socket from it.
  virtual bool TakesSocketErrors() const = 0;

  // The same ident's knote of another filter; null when there is none.
  virtual Knote* Sibling(const Knote& knote, std::int16_t filter) = 0;

 protected:
  ~FilterHost() = default;
};

// A kind of registration. Filters have no state: what differs from knote to
// knote is in the knote.
class Filter {
 public:
  constexpr Filter() = default;
  virtual ~Filter() = default;
  Filter(const Filter&) = delete;
  Filter& operator=(const Filter&) = delete;

  // Whether ident is a descriptor, which has to be open.
  virtual bool IdentIsDescriptor() const { return false; }

  // Begins to watch what the knote asks; the errno, 0 for success. The queue
  // samples it right after that.
  virtual int Attach(Knote& knote, FilterHost& host) const = 0;
  // Undoes Attach, but for Watch().
  virtual void Detach(Knote& /*knote*/, FilterHost& /*host*/) const {}

  // Takes over a change to an existing knote; the errno, 0 for success.
  virtual int Touch(Knote& knote, const Kevent& change,
                    FilterHost& /*host*/) const {
    knote.asked_fflags = change.fflags;
    knote.asked_data = change.data;
    return 0;
  }

  // Whether ident still names what was attached, for filters that the kernel's
  // set does not watch: 0, EBADF (closed) or ENOENT (another file by now).
  virtual int Verify(const Knote& /*knote*/) const { return 0; }

  // Whether the condition holds; if so, `knote.event` says all of it. `seen` is
  // what poll(2) says of the watched descriptor; 0 when none is watched.
  virtual bool Sample(Knote& knote, Events seen, FilterHost& host) const = 0;

  // An event was made of the knote, which has EV_CLEAR or EV_DISPATCH, and it
  // stays. EV_CLEAR starts afresh.
  virtual void Delivered(Knote& knote, FilterHost& /*host*/) const {
    if (knote.has(ev::kClear)) {
      knote.event.fflags = 0;
      knote.event.data = 0;
    }
  }

  // What WatchFile and WatchSignal asked for happened: inotify's mask, or so
  // many signals.
  virtual void FileChanged(Knote& /*knote*/, std::uint32_t /*mask*/,
                           FilterHost& /*host*/) const {}
  virtual void Signalled(Knote& /*knote*/, std::uint32_t /*count*/,
                         FilterHost& /*host*/) const {}
};

}  // namespace farpoll

#endif  // FARPOLL_SELECTOR_KQUEUE_FILTER_H_
