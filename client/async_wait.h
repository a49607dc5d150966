// client/async_wait.h: room: client, private to it. A wait as steps that a loop
// takes: WaitCourse says which, the loop's completion queue says when.
// Threads: as each member says. "The loop": the thread of its WaitLoop.
#ifndef FARPOLL_CLIENT_ASYNC_WAIT_H_
#define FARPOLL_CLIENT_ASYNC_WAIT_H_

#include <grpcpp/alarm.h>
#include <grpcpp/grpcpp.h>

#include <cstdint>
#include <memory>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_set.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "client/connection.h"
#include "client/pause.h"
#include "client/wait_course.h"
#include "client/wait_loop.h"

namespace farpoll::client {

// The queue, its thread, and the waits that have steps in progress.
class WaitLoop::Core {
 public:
  Core();
  ~Core();
  Core(const Core&) = delete;
  Core& operator=(const Core&) = delete;

  grpc::CompletionQueue& queue() { return queue_; }
  bool InThread() const {
    return std::this_thread::get_id() == thread_.get_id();
  }
  // Keeps the wait until Remove().
  void Add(std::shared_ptr<AsyncWait::State> wait) ABSL_LOCKS_EXCLUDED(mutex_);
  void Remove(const std::shared_ptr<AsyncWait::State>& wait)
      ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  void Run();

  grpc::CompletionQueue queue_;
  Mutex mutex_;
  CondVar removed_;
  absl::flat_hash_set<std::shared_ptr<AsyncWait::State>> waits_
      ABSL_GUARDED_BY(mutex_);
  std::thread thread_;
};

class AsyncWait::State : public std::enable_shared_from_this<AsyncWait::State> {
 public:
  State(WaitLoop::Core& loop, std::shared_ptr<Connection> connection,
        v1::WaitOpen open, const RetryOptions& retry, WaitCallbacks callbacks);
  ~State();
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  // Has the loop take the first step. Once, from any thread.
  void Begin();
  // From any thread; see AsyncWait::Cancel().
  void Cancel() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  friend class WaitLoop::Core;

  // The steps in progress; the address of each is its tag.
  enum class Kind { kStart, kWrite, kOn, kRead, kFinish, kPause, kGiveUp };
  struct Step {
    State* wait = nullptr;
    Kind kind = Kind::kStart;
  };

  // One call. Made and ended by the loop.
  struct Attempt {
    Attempt(Connection& connection, grpc::CompletionQueue& queue, bool patient);

    Connection::Call call;
    const std::unique_ptr<
        grpc::ClientAsyncReaderWriter<v1::WaitRequest, v1::WaitResponse>>
        stream;
    v1::WaitRequest to_send;
    bool has_to_send = false;
    bool is_writing = false;
    bool is_broken = false;  // nothing more can be sent
    bool is_finishing = false;
    bool gave_up = false;
    v1::WaitResponse incoming;
    grpc::Status status;
  };

  // ---- Of the loop.
  void* Start(Kind kind);
  void OnStep(Kind kind, bool ok);
  void OnPauseOver();
  void StartAttempt();
  void OnMessage();
  void StartWrite();
  void StartRead();
  void StartFinish();
  void OnAttemptOver();
  void End(const absl::Status& status);
  bool IsCancelled() ABSL_LOCKS_EXCLUDED(mutex_);
  // Calls `callback`, unless the wait was cancelled.
  void Deliver(const std::function<void()>& callback)
      ABSL_LOCKS_EXCLUDED(mutex_);

  WaitLoop::Core& loop_;
  const std::shared_ptr<Connection> connection_;
  const WaitCallbacks callbacks_;
  Step steps_[static_cast<int>(Kind::kGiveUp) + 1];
  WaitCourse course_;
  WaitResult result_;
  int in_progress_ = 0;  // steps
  bool is_first_ = true;
  Pause client_;  // ended: its client is cancelled

  Mutex mutex_;
  CondVar called_;
  bool is_calling_ ABSL_GUARDED_BY(mutex_) = false;
  bool is_cancelled_ ABSL_GUARDED_BY(mutex_) = false;
  // Changed by the loop under the lock, for Cancel() alone.
  std::unique_ptr<Attempt> attempt_;
  grpc::Alarm pause_;
  grpc::Alarm give_up_;
};

}  // namespace farpoll::client

#endif  // FARPOLL_CLIENT_ASYNC_WAIT_H_
