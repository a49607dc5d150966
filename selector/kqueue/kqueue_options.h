// selector/kqueue/kqueue_options.h: room: selector. What a queue's maker may
// choose.
// Threads: plain values.
#ifndef FARPOLL_SELECTOR_KQUEUE_KQUEUE_OPTIONS_H_
#define FARPOLL_SELECTOR_KQUEUE_KQUEUE_OPTIONS_H_

namespace farpoll {

struct KqueueOptions {
  // Whether the error of a socket may be taken from it, to say it in fflags.
  // Linux tells an error (SO_ERROR) to the first who asks, and then the next
  // connect(), read() or getsockopt() does not see it. So only the owner of the
  // descriptors may choose this; else fflags is 0 and the error stays.
  bool takes_socket_errors = false;

  // Whether flags come back as on macOS and from libkqueue: entries keep those
  // of their change beside EV_ERROR, and events say EV_ADD. FreeBSD's say
  // neither.
  bool echoes_flags = false;
};

}  // namespace farpoll

#endif  // FARPOLL_SELECTOR_KQUEUE_KQUEUE_OPTIONS_H_
