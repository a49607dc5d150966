// server/rpc/wait_stream.h: room: server/rpc. The gRPC side of a Wait: reads
// credits and changes, keeps one write in flight, and takes the next result
// from the lane whose turn it is when the stream can send it. No result is ever
// queued here.
//
// A stream has one lane, whose end is the stream's, or many, each with an id
// that the client gave it, which come and go (WaitRequest.wait_id).
// Threads: gRPC's pool; OnLaneReady and OnLaneEnded from any.
#ifndef FARPOLL_SERVER_RPC_WAIT_STREAM_H_
#define FARPOLL_SERVER_RPC_WAIT_STREAM_H_

#include <grpcpp/grpcpp.h>

#include <cstdint>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/optional.h"
#include "base/mutex.h"
#include "farpoll/v1/selector.pb.h"
#include "server/policy/principal.h"
#include "server/session/session_table.h"
#include "server/session/wait_lanes.h"

namespace farpoll::server {

class WaitStream final
    : public grpc::ServerBidiReactor<v1::WaitRequest, v1::WaitResponse>,
      public WaitLane::Owner,
      public std::enable_shared_from_this<WaitStream> {
 public:
  // Borrows `table`. The stream owns itself until gRPC is done with it.
  // `caller` is as the gate found it.
  static WaitStream* Start(SessionTable* table,
                           const absl::StatusOr<Principal>& caller,
                           std::int64_t epoch);

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;
  void OnLaneReady(const std::shared_ptr<WaitLane>& lane) override;
  void OnLaneEnded(const std::shared_ptr<WaitLane>& lane,
                   absl::Status why) override;

 private:
  WaitStream(SessionTable* table, const absl::StatusOr<Principal>& caller,
             std::int64_t epoch)
      : table_(*table), caller_(caller), epoch_(epoch) {}

  // Does what `request_` says. Whether an answer is on its way, which sees to
  // the next read.
  //   Errors: what ends the stream.
  absl::StatusOr<bool> Serve();
  // Whether `request_` may come now, with the id that it has.
  absl::Status CheckMessage();
  // Opens lane `id` with the wait `begun`, which ServeLane() is to begin.
  absl::StatusOr<std::shared_ptr<WaitLane>> Open(const v1::WaitOpen& open,
                                                 std::int64_t id,
                                                 StreamId* begun);
  // Does what `request_` says of `lane`; whether an answer is on its way, and
  // another thread may read the next message into `request_`.
  bool ServeLane(const std::shared_ptr<WaitLane>& lane, StreamId begun,
                 absl::Status* status);
  // Applies the changes of `request_` and appends what became of them.
  absl::Status Change(const WaitLane& lane, v1::WaitResponse* answer);
  // Ends the stream with `status`, once; a write in flight goes first.
  void End(const absl::Status& status);
  // Writes what is to be written next, or finishes, unless a write is in
  // flight: then this runs again when that is done.
  void Pump();
  // Puts the next message into `response_`: an answer, else a result or the end
  // of a lane; false when there is none of them.
  bool NextResponse();

  SessionTable& table_;
  const absl::StatusOr<Principal> caller_;
  const std::int64_t epoch_;
  std::shared_ptr<WaitStream> self_;  // shared with gRPC, until OnDone

  // Fenced by the read in progress.
  v1::WaitRequest request_;
  // Fenced by the write in progress.
  v1::WaitResponse response_;

  // Fenced by the read in progress: whether the first message came, and
  // decided for many lanes, and the largest id that was opened.
  bool opened_ = false;
  bool many_ = false;
  std::int64_t last_id_ = 0;

  WaitLanes lanes_;

  Mutex mu_;
  bool writing_ ABSL_GUARDED_BY(mu_) = false;
  bool look_again_ ABSL_GUARDED_BY(mu_) = false;
  bool reads_done_ ABSL_GUARDED_BY(mu_) = false;
  bool finished_ ABSL_GUARDED_BY(mu_) = false;
  // The wait is on, and the client is to be told: by Pump(), since gRPC does
  // not take it after a write or the end.
  bool announce_ ABSL_GUARDED_BY(mu_) = false;
  absl::optional<absl::Status> end_ ABSL_GUARDED_BY(mu_);
  // The answer to the last message. No further message is read before it is on
  // its way, so there is never more than one.
  absl::optional<v1::WaitResponse> answer_ ABSL_GUARDED_BY(mu_);
};

}  // namespace farpoll::server

#endif  // FARPOLL_SERVER_RPC_WAIT_STREAM_H_
