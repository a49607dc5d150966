// server/session/wait_lanes.h: room: server/session. The waits of one Wait
// stream, and whose turn it is to be sent. Nothing is collected here: a wait
// gives its result when its turn has come and the stream can send it. Threads:
// any.
#ifndef FARPOLL_SERVER_SESSION_WAIT_LANES_H_
#define FARPOLL_SERVER_SESSION_WAIT_LANES_H_

#include <atomic>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/types/optional.h"
#include "base/mutex.h"
#include "server/policy/limits.h"
#include "server/session/session.h"

namespace farpoll::server {

// One wait of a stream, as its session knows it.
class WaitLane final : public WaitSink,
                       public std::enable_shared_from_this<WaitLane> {
 public:
  // The stream. Called from any thread, with no lock held.
  class Owner {
   public:
    virtual ~Owner() = default;
    // The lane may have something to send.
    virtual void OnLaneReady(const std::shared_ptr<WaitLane>& lane) = 0;
    // The session ended the lane's wait; at most once.
    virtual void OnLaneEnded(const std::shared_ptr<WaitLane>& lane,
                             absl::Status why) = 0;
  };

  // `id` is what the client calls it: 0 when it is the stream's only one.
  WaitLane(std::weak_ptr<Owner> owner, std::int64_t id,
           std::shared_ptr<Session> session)
      : id_(id), owner_(std::move(owner)), session_(std::move(session)) {}

  std::int64_t id() const { return id_; }
  Session& session() const { return *session_; }
  // Its wait in the session; 0 until it has begun.
  StreamId wait() const { return wait_; }
  void Begin(StreamId wait) { wait_ = wait; }

  void OnReady() override;
  void OnEnded(absl::Status why) override;

 private:
  friend class WaitLanes;

  const std::int64_t id_;
  const std::weak_ptr<Owner> owner_;
  const std::shared_ptr<Session> session_;  // shared with the session table
  std::atomic<StreamId> wait_{0};
  // Guarded by the lock of the WaitLanes that it is in.
  bool queued_ = false;
  absl::optional<absl::Status> ended_;
};

class WaitLanes {
 public:
  WaitLanes() = default;
  WaitLanes(const WaitLanes&) = delete;
  WaitLanes& operator=(const WaitLanes&) = delete;

  // Whether there is room for one more.
  //   Errors: RESOURCE_EXHAUSTED (LIMIT_STREAM_WAITS).
  absl::Status CheckRoom(const Limits& limits);
  // Takes in a lane whose id is not there yet. It gets its first turn by
  // Queue().
  void Add(const std::shared_ptr<WaitLane>& lane);
  // Null when there is none.
  std::shared_ptr<WaitLane> Find(std::int64_t id);

  // Puts the lane at the end of the row, unless it stands in it.
  void Queue(const std::shared_ptr<WaitLane>& lane);
  // Ends the lane's wait, and has its last turn say so, unless it was ended
  // before.
  void End(const std::shared_ptr<WaitLane>& lane, absl::Status why);

  // What the lane whose turn it is has to say: a result, or its end, after
  // which it is forgotten.
  struct Turn {
    std::shared_ptr<WaitLane> lane;
    absl::optional<NamedResult> result;
    absl::Status why;  // without a result
  };
  // The next turn of a lane that has something to say. Lanes that have nothing
  // leave the row.
  absl::optional<Turn> Next();

  // Whether a lane can give a result without a further grant.
  bool HaveCredit();
  // Ends the waits of all lanes, without a word.
  void EndWaits();

 private:
  std::vector<std::shared_ptr<WaitLane>> All();

  Mutex mu_;
  std::map<std::int64_t, std::shared_ptr<WaitLane>> by_id_ ABSL_GUARDED_BY(mu_);
  std::list<std::shared_ptr<WaitLane>> row_ ABSL_GUARDED_BY(mu_);
};

}  // namespace farpoll::server

#endif  // FARPOLL_SERVER_SESSION_WAIT_LANES_H_
