// server/rpc/wait_stream.h: room: server/rpc. The gRPC side of a Wait: reads
// credits and changes, keeps one write in flight, and takes the next result
// from the session when the stream can send it. No result is ever queued here.
// Threads: gRPC's pool; OnReady and OnEnded from any.
#ifndef FARPOLL_SERVER_RPC_WAIT_STREAM_H_
#define FARPOLL_SERVER_RPC_WAIT_STREAM_H_

#include <grpcpp/grpcpp.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/optional.h"
#include "base/mutex.h"
#include "farpoll/v1/selector.pb.h"
#include "server/policy/principal.h"
#include "server/session/session_table.h"

namespace farpoll::server {

class WaitStream final
    : public grpc::ServerBidiReactor<v1::WaitRequest, v1::WaitResponse>,
      public WaitSink,
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
  void OnReady() override;
  void OnEnded(absl::Status why) override;

 private:
  WaitStream(SessionTable* table, const absl::StatusOr<Principal>& caller,
             std::int64_t epoch)
      : table_(*table), caller_(caller), epoch_(epoch) {}

  // Does what `request_` says.
  absl::Status Serve();
  absl::Status Open(const v1::WaitOpen& open);
  // Applies the changes of `request_` and keeps the answer for the next write.
  absl::Status Change();
  // Ends the stream with `status`, once; a write in flight goes first.
  void End(const absl::Status& status);
  // Writes what is to be written next, or finishes, unless a write is in
  // flight: then this runs again when that is done.
  void Pump();
  // Puts the next message into `response_`: the answer to changes, else a
  // result; false when there is neither.
  bool NextResponse();

  SessionTable& table_;
  const absl::StatusOr<Principal> caller_;
  const std::int64_t epoch_;
  std::shared_ptr<WaitStream> self_;  // shared with gRPC, until OnDone

  // Fenced by the read in progress.
  v1::WaitRequest request_;
  // Fenced by the write in progress.
  v1::WaitResponse response_;

  Mutex mu_;
  std::shared_ptr<Session> session_
      ABSL_GUARDED_BY(mu_);  // shared with the session table
  StreamId wait_ ABSL_GUARDED_BY(mu_) = 0;
  bool writing_ ABSL_GUARDED_BY(mu_) = false;
  bool look_again_ ABSL_GUARDED_BY(mu_) = false;
  bool reads_done_ ABSL_GUARDED_BY(mu_) = false;
  bool finished_ ABSL_GUARDED_BY(mu_) = false;
  // The wait is on, and the client is to be told: by Pump(), since gRPC does
  // not take it after a write or the end.
  bool announce_ ABSL_GUARDED_BY(mu_) = false;
  absl::optional<absl::Status> end_ ABSL_GUARDED_BY(mu_);
  // The answer to the changes of the last message. No further message is read
  // before it is on its way, so there is never more than one.
  absl::optional<v1::WaitResponse> change_response_ ABSL_GUARDED_BY(mu_);
};

}  // namespace farpoll::server

#endif  // FARPOLL_SERVER_RPC_WAIT_STREAM_H_
