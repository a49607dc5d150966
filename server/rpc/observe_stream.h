// server/rpc/observe_stream.h: room: server/rpc. The gRPC side of an Observe:
// keeps one write in flight, and takes the next frame when the stream can send
// it. No frame is ever queued here.
// Threads: gRPC's pool; OnReady and OnEnded from any.
#ifndef FARPOLL_SERVER_RPC_OBSERVE_STREAM_H_
#define FARPOLL_SERVER_RPC_OBSERVE_STREAM_H_

#include <grpcpp/grpcpp.h>

#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/optional.h"
#include "base/mutex.h"
#include "farpoll/v1/observer.pb.h"
#include "server/observe/observers.h"
#include "server/policy/principal.h"
#include "server/session/session_table.h"

namespace farpoll::server {

class ObserveStream final
    : public grpc::ServerWriteReactor<v1::ObserveResponse>,
      public WaitSink,
      public std::enable_shared_from_this<ObserveStream> {
 public:
  // Borrows `table` and `observers`. The stream owns itself until gRPC is done
  // with it. `caller` is as the gate found it.
  static ObserveStream* Start(SessionTable* table, Observers* observers,
                              const absl::StatusOr<Principal>& caller,
                              const v1::ObserveRequest& request);

  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;
  void OnReady() override;
  void OnEnded(absl::Status why) override;

 private:
  ObserveStream() = default;

  absl::Status Open(SessionTable& table, Observers& observers,
                    const absl::StatusOr<Principal>& caller,
                    const v1::ObserveRequest& request);
  // Ends the stream with `status`, once; a write in flight goes first.
  void End(const absl::Status& status);
  // Writes the next frame, or finishes, unless somebody does already: then this
  // runs again after that.
  void Pump();
  // Puts the next frame into `response_`; false when there is none, or none any
  // more.
  bool NextResponse();

  std::shared_ptr<ObserveStream> self_;  // shared with gRPC, until OnDone
  // Fenced by `busy_`.
  std::unique_ptr<Observing> observing_;
  v1::ObserveResponse response_;

  Mutex mu_;
  // Opening, looking for a frame, or writing one.
  bool busy_ ABSL_GUARDED_BY(mu_) = true;
  bool look_again_ ABSL_GUARDED_BY(mu_) = false;
  absl::optional<absl::Status> end_ ABSL_GUARDED_BY(mu_);
};

}  // namespace farpoll::server

#endif  // FARPOLL_SERVER_RPC_OBSERVE_STREAM_H_
