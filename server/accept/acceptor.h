// server/accept/acceptor.h: room: server/accept. Accepts connections for as
// long as the server lives, whatever runs out.
//
// accept(2) fails with EMFILE when the descriptor table is full, and the
// connection stays in the queue, where nobody tells its client anything. So a
// spare descriptor is kept in hand: it makes room to accept that connection and
// to close it, which its client sees as UNAVAILABLE, to be tried again later.
// When even the spare is gone, accepting pauses.
// Threads: callbacks run on the reactor's; Stop() from any other.
// Source: accept(2).
#ifndef FARPOLL_SERVER_ACCEPT_ACCEPTOR_H_
#define FARPOLL_SERVER_ACCEPT_ACCEPTOR_H_

#include <functional>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "base/unique_fd.h"
#include "server/reactor/reactor.h"

namespace farpoll::server {

class Acceptor {
 public:
  // Takes a connection: non-blocking and close-on-exec.
  using OnConnection = std::function<void(UniqueFd connection)>;
  // Hears of a connection that was closed at once, or of a pause, for want of
  // what the errno says (EMFILE, ENFILE, ENOMEM, ENOBUFS).
  using OnFull = std::function<void(int number)>;

  // Starts to accept on `listener`, a listening socket that does not block.
  // Borrows `reactor`, `clock` and `listener`.
  //   Errors: RESOURCE_EXHAUSTED.
  static absl::StatusOr<std::unique_ptr<Acceptor>> Start(
      Reactor* reactor, const Clock* clock, int listener,
      OnConnection on_connection, OnFull on_full);
  // Stops.
  ~Acceptor() { Stop(); }

  // Accepts no more; when it returns, no callback runs any more. Calling it
  // again does nothing.
  void Stop();

 private:
  // What became of one attempt.
  enum class Outcome { kTaken, kNothingThere, kPause };

  Acceptor(Reactor* reactor, const Clock* clock, int listener,
           OnConnection on_connection, OnFull on_full);

  // Accepts what waits, a bounded number at a time.
  void Run();
  Outcome AcceptOne();
  // With a full table: accepts and closes one connection by the spare.
  Outcome Refuse();
  bool TakeSpare();
  void RunLater();

  Reactor* const reactor_;
  const Clock* const clock_;
  const int listener_;
  const OnConnection on_connection_;
  const OnFull on_full_;
  UniqueFd spare_;  // the reactor thread's
  Reactor::WatchId watch_ = 0;

  Mutex mu_;
  bool stopped_ ABSL_GUARDED_BY(mu_) = false;
  Reactor::TimerId pause_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace farpoll::server

#endif  // FARPOLL_SERVER_ACCEPT_ACCEPTOR_H_
