/* sys/event.h: kqueue(2) and kevent(2) on Linux, from farpoll.
 *
 * A program written for a BSD or for libkqueue compiles against this header and
 * links with libfarpoll-kqueue.so (pkg-config farpoll-kqueue). The numbers are
 * FreeBSD's; struct kevent has the portable 32 bytes. docs/kqueue.md says what
 * is as on FreeBSD and what differs.
 */
#ifndef FARPOLL_SELECTOR_C_INCLUDE_SYS_EVENT_H_
#define FARPOLL_SELECTOR_C_INCLUDE_SYS_EVENT_H_

#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#ifdef __cplusplus
extern "C" {
#endif

struct kevent {
  uintptr_t ident;      /* what is watched */
  short filter;         /* EVFILT_ */
  unsigned short flags; /* EV_ */
  unsigned int fflags;  /* NOTE_ */
  int64_t data;         /* depends on the filter */
  void* udata;          /* the caller's, given back */
};

#define EV_SET(event, a, b, c, d, e, f)         \
  do {                                          \
    struct kevent* kevent_to_set = (event);     \
    kevent_to_set->ident = (uintptr_t)(a);      \
    kevent_to_set->filter = (short)(b);         \
    kevent_to_set->flags = (unsigned short)(c); \
    kevent_to_set->fflags = (unsigned int)(d);  \
    kevent_to_set->data = (int64_t)(e);         \
    kevent_to_set->udata = (void*)(f);          \
  } while (0)

#define EVFILT_READ (-1)
#define EVFILT_WRITE (-2)
#define EVFILT_AIO (-3) /* refused: ENXIO */
#define EVFILT_VNODE (-4)
#define EVFILT_PROC (-5)
#define EVFILT_SIGNAL (-6)
#define EVFILT_TIMER (-7)
#define EVFILT_PROCDESC (-8) /* ident is a pidfd */
#define EVFILT_FS (-9)       /* refused: ENOTSUP */
#define EVFILT_LIO (-10)     /* refused: ENXIO */
#define EVFILT_USER (-11)
#define EVFILT_SENDFILE (-12) /* refused: ENXIO */
#define EVFILT_EMPTY (-13)
#define EVFILT_EXCEPT (-15) /* macOS's number; FreeBSD has none */

/* What a change does. */
#define EV_ADD 0x0001
#define EV_DELETE 0x0002
#define EV_ENABLE 0x0004
#define EV_DISABLE 0x0008
#define EV_FORCEONESHOT 0x0100
#define EV_KEEPUDATA 0x0200

/* A registration's mode. */
#define EV_ONESHOT 0x0010
#define EV_CLEAR 0x0020
#define EV_RECEIPT 0x0040
#define EV_DISPATCH 0x0080

/* What an event says. */
#define EV_SYSFLAGS 0xf000
#define EV_ERROR 0x4000
#define EV_EOF 0x8000

/* EVFILT_READ, EVFILT_WRITE */
#define NOTE_LOWAT 0x00000001
#define NOTE_FILE_POLL 0x00000002

/* EVFILT_EXCEPT */
#define NOTE_OOB 0x00000002

/* EVFILT_VNODE */
#define NOTE_DELETE 0x00000001
#define NOTE_WRITE 0x00000002
#define NOTE_EXTEND 0x00000004
#define NOTE_ATTRIB 0x00000008
#define NOTE_LINK 0x00000010
#define NOTE_RENAME 0x00000020
#define NOTE_REVOKE 0x00000040
#define NOTE_OPEN 0x00000080
#define NOTE_CLOSE 0x00000100
#define NOTE_CLOSE_WRITE 0x00000200
#define NOTE_READ 0x00000400

/* EVFILT_PROC, EVFILT_PROCDESC; all but NOTE_EXIT are refused: ENOTSUP */
#define NOTE_EXIT 0x80000000
#define NOTE_FORK 0x40000000
#define NOTE_EXEC 0x20000000
#define NOTE_TRACK 0x00000001
#define NOTE_TRACKERR 0x00000002
#define NOTE_CHILD 0x00000004
#define NOTE_PCTRLMASK 0xf0000000
#define NOTE_PDATAMASK 0x000fffff

/* EVFILT_TIMER; milliseconds unless said otherwise */
#define NOTE_SECONDS 0x00000001
#define NOTE_MSECONDS 0x00000002
#define NOTE_USECONDS 0x00000004
#define NOTE_NSECONDS 0x00000008
#define NOTE_ABSTIME 0x00000010

/* EVFILT_USER */
#define NOTE_FFNOP 0x00000000
#define NOTE_FFAND 0x40000000
#define NOTE_FFOR 0x80000000
#define NOTE_FFCOPY 0xc0000000
#define NOTE_FFCTRLMASK 0xc0000000
#define NOTE_FFLAGSMASK 0x00ffffff
#define NOTE_TRIGGER 0x01000000

/* A new queue's descriptor, which close(2) ends; -1 and errno on failure. */
int kqueue(void);

/* Applies changes, then waits for up to `nevents` events until `timeout`, or
 * for ever if it is null; how many came. -1 and errno on failure: EBADF for no
 * queue, EFAULT for a null list with a count, EINVAL for a negative count or a
 * bad timeout, EINTR when a signal handler ran during the wait (then every
 * change was applied), ENOMEM, and what a change failed with if there is no
 * room to say so. */
int kevent(int kq, const struct kevent* changelist, int nchanges,
           struct kevent* eventlist, int nevents,
           const struct timespec* timeout);

#ifdef __cplusplus
}
#endif

#endif /* FARPOLL_SELECTOR_C_INCLUDE_SYS_EVENT_H_ */
