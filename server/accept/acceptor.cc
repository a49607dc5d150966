#include "server/accept/acceptor.h"

#include <sys/eventfd.h>
#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include "absl/time/time.h"
#include "base/errno_status.h"

namespace farpoll::server {
namespace {

// Connections taken in one turn of the loop, so that a storm of them does not
// keep the rest waiting.
constexpr int kTurn = 32;
// How long accepting pauses when it cannot even refuse.
constexpr absl::Duration kPauseLength = absl::Milliseconds(50);

}  // namespace

absl::StatusOr<std::unique_ptr<Acceptor>> Acceptor::Start(
    Reactor* reactor, const Clock* clock, int listener,
    OnConnection on_connection, OnFull on_full) {
  std::unique_ptr<Acceptor> acceptor(new Acceptor(
      reactor, clock, listener, std::move(on_connection), std::move(on_full)));
  if (!acceptor->TakeSpare()) {
    return ErrnoStatus(errno, "eventfd");
  }
  const absl::StatusOr<Reactor::WatchId> watch = reactor->Watch(
      listener, [acceptor = acceptor.get()] { acceptor->Run(); });
  if (!watch.ok()) {
    return watch.status();
  }
  acceptor->watch_ = *watch;
  reactor->Arm(*watch);
  return acceptor;
}

Acceptor::Acceptor(Reactor* reactor, const Clock* clock, int listener,
                   OnConnection on_connection, OnFull on_full)
    : reactor_(reactor),
      clock_(clock),
      listener_(listener),
      on_connection_(std::move(on_connection)),
      on_full_(std::move(on_full)) {}

void Acceptor::Stop() {
  {
    MutexLock lock(&mu_);
    if (std::exchange(stopped_, true)) {
      return;
    }
    reactor_->Cancel(pause_);
  }
  reactor_->Unwatch(watch_);
  reactor_->Fence();
}

bool Acceptor::TakeSpare() {
  if (!spare_.valid()) {
    spare_.Reset(eventfd(0, EFD_CLOEXEC));  // any descriptor would do
  }
  return spare_.valid();
}

void Acceptor::Run() {
  (void)TakeSpare();  // it may be missing after a pause
  for (int i = 0; i < kTurn; ++i) {
    switch (AcceptOne()) {
      case Outcome::kTaken:
        break;
      case Outcome::kNothingThere:
        i = kTurn;
        break;
      case Outcome::kPause:
        RunLater();
        return;
    }
  }
  reactor_->Arm(watch_);
}

Acceptor::Outcome Acceptor::AcceptOne() {
  UniqueFd connection(
      accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (connection.valid()) {
    on_connection_(std::move(connection));
    return Outcome::kTaken;
  }
  switch (errno) {
    case EAGAIN:
      return Outcome::kNothingThere;
    case EMFILE:
    case ENFILE:
      return Refuse();
    case ENOMEM:
    case ENOBUFS:
      on_full_(errno);
      return Outcome::kPause;
    default:  // that connection is gone already: accept(2), "Error handling"
      return Outcome::kTaken;
  }
}

Acceptor::Outcome Acceptor::Refuse() {
  const int why = errno;
  int number = 0;
  spare_.Reset();
  {
    const UniqueFd refused(accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC));
    number = refused.valid() ? 0 : errno;
  }
  const bool has_spare = TakeSpare();
  if (number == EAGAIN && has_spare) {
    return Outcome::kNothingThere;  // the table is full, but nobody waits
  }
  on_full_(why);
  return number == 0 && has_spare ? Outcome::kTaken : Outcome::kPause;
}

void Acceptor::RunLater() {
  MutexLock lock(&mu_);
  if (!stopped_) {
    pause_ = reactor_->RunAt(DeadlineAfter(clock_->Now(), kPauseLength),
                             [this] { Run(); });
  }
}

}  // namespace farpoll::server
