// tests/support/fault_proxy.h: room: tests. Stands between a client and a
// server on Unix sockets and does to their connections what networks do: cuts
// them in the middle of a frame, stalls a direction, holds bytes back.
// Threads: one of its own, "fault-proxy"; every method from any.
#ifndef FARPOLL_TESTS_SUPPORT_FAULT_PROXY_H_
#define FARPOLL_TESTS_SUPPORT_FAULT_PROXY_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "base/unique_fd.h"

namespace farpoll {

// What happens by itself, at random. The same seed gives the same faults at the
// same bytes of the same connections.
struct FaultSchedule {
  std::uint64_t seed = 0;
  // A connection is cut once so many bytes went through it, both ways together:
  // for each connection at random from `least` to `most`. most = 0: never.
  std::size_t least_bytes_to_cut = 0;
  std::size_t most_bytes_to_cut = 0;
  // So many of a hundred pieces are held back, for a random time.
  int hold_percent = 0;
  absl::Duration longest_hold;
};

class FaultProxy {
 public:
  // Listens on the path `here` and forwards to the socket at `there`; both are
  // paths. Aborts when it cannot listen. A server that is away is a connection
  // closed at once.
  FaultProxy(const std::string& here, const std::string& there,
             const FaultSchedule& schedule);
  // Cuts everything.
  ~FaultProxy();
  FaultProxy(const FaultProxy&) = delete;
  FaultProxy& operator=(const FaultProxy&) = delete;

  // Where clients connect, "unix:PATH".
  const std::string& address() const { return address_; }

  enum class Way { kToServer, kToClient };

  // What follows is done when the method returns.

  // Cuts every connection.
  void CutAll();
  // Stops reading and writing in one direction, of every connection that there
  // is and will be; and goes on.
  void Stall(Way way);
  void Flow(Way way);
  // Closes new connections at once; and forwards them again.
  void Refuse();
  void Admit();

  // Connections cut so far, by schedule or command.
  int cuts() const ABSL_LOCKS_EXCLUDED(mutex_);
  // Connections admitted so far.
  int connections() const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  // One direction of a connection.
  struct Direction {
    int from = -1;
    int to = -1;
    std::string held;  // read and not forwarded, kMostHeld at most
    bool ended = false;
    MonotonicTime not_before = MonotonicTime::min();
  };
  struct Link {
    UniqueFd client;
    UniqueFd server;
    Direction ways[2];
    std::size_t bytes_to_cut = 0;
  };

  void Run();
  // Returns when something can be done.
  void Wait();
  // Does what was commanded.
  void Obey() ABSL_LOCKS_EXCLUDED(mutex_);
  void Command(std::function<void()> command) ABSL_LOCKS_EXCLUDED(mutex_);
  void Accept();
  std::size_t DrawBytesToCut();
  // Moves what can be moved; false when the link is over.
  bool Serve(Link& link, MonotonicTime now);
  bool Receive(Direction& way, MonotonicTime now);
  bool Forward(Link& link, Direction& way, MonotonicTime now);
  void CountCut() ABSL_LOCKS_EXCLUDED(mutex_);

  const std::string here_;
  const std::string there_;
  const std::string address_;
  const FaultSchedule schedule_;
  const UniqueFd listener_;
  const UniqueFd wake_;  // eventfd

  // Of the thread.
  std::mt19937_64 random_;
  std::list<Link> links_;
  bool stalled_[2] = {false, false};
  bool refuses_ = false;
  bool stop_ = false;

  mutable Mutex mutex_;
  CondVar done_;
  std::vector<std::function<void()>> commands_ ABSL_GUARDED_BY(mutex_);
  std::uint64_t asked_ ABSL_GUARDED_BY(mutex_) = 0;
  std::uint64_t answered_ ABSL_GUARDED_BY(mutex_) = 0;
  int cuts_ ABSL_GUARDED_BY(mutex_) = 0;
  int connections_ ABSL_GUARDED_BY(mutex_) = 0;

  std::thread thread_;
};

}  // namespace farpoll

#endif  // FARPOLL_TESTS_SUPPORT_FAULT_PROXY_H_
