/* Waits for a pipe, a timer, a child process and itself, with nothing but
 * <sys/event.h>: the same source runs on a BSD. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/event.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

static int check(int result, const char* call) {
  if (result < 0) {
    fprintf(stderr, "%s: %s\n", call, strerror(errno));
    exit(1);
  }
  return result;
}

/* The one event that comes next. */
static struct kevent next_event(int kq) {
  struct kevent event;
  const struct timespec limit = {10, 0};
  if (check(kevent(kq, NULL, 0, &event, 1, &limit), "kevent") == 0) {
    fprintf(stderr, "nothing happened for 10 s\n");
    exit(1);
  }
  return event;
}

int main(void) {
  struct kevent changes[3];
  struct kevent event;
  int pipe_ends[2];
  pid_t child;
  const int kq = check(kqueue(), "kqueue");

  check(pipe(pipe_ends), "pipe");
  EV_SET(&changes[0], pipe_ends[0], EVFILT_READ, EV_ADD, 0, 0, "the pipe");
  EV_SET(&changes[1], 1, EVFILT_USER, EV_ADD | EV_CLEAR, 0, 0, "myself");
  EV_SET(&changes[2], 1, EVFILT_TIMER, EV_ADD | EV_ONESHOT, 0, 20, "a timer");
  check(kevent(kq, changes, 2, NULL, 0, NULL), "kevent");

  check((int)write(pipe_ends[1], "hello", 5), "write");
  event = next_event(kq);
  printf("%s: %lld bytes\n", (const char*)event.udata, (long long)event.data);
  EV_SET(&changes[0], pipe_ends[0], EVFILT_READ, EV_DELETE, 0, 0, NULL);
  check(kevent(kq, changes, 1, NULL, 0, NULL), "kevent");

  EV_SET(&changes[1], 1, EVFILT_USER, 0, NOTE_TRIGGER, 0, "myself");
  check(kevent(kq, &changes[1], 1, NULL, 0, NULL), "kevent");
  event = next_event(kq);
  printf("%s: triggered\n", (const char*)event.udata);

  check(kevent(kq, &changes[2], 1, NULL, 0, NULL), "kevent");
  event = next_event(kq);
  printf("%s: fired %lld time\n", (const char*)event.udata,
         (long long)event.data);

  fflush(stdout);
  child = check(fork(), "fork");
  if (child == 0) {
    _exit(7);
  }
  EV_SET(&changes[0], child, EVFILT_PROC, EV_ADD, NOTE_EXIT, 0, "the child");
  check(kevent(kq, changes, 1, NULL, 0, NULL), "kevent");
  event = next_event(kq);
  printf("%s: exit code %d\n", (const char*)event.udata,
         WEXITSTATUS((int)event.data));
  waitpid(child, NULL, 0);
  close(kq);
  return 0;
}
