// server/rpc/keep_alive_stream.h: room: server/rpc. The gRPC side of a
// KeepAlive: each message renews a lease, and the open stream holds it.
// Threads: gRPC's pool; OnEnded from any.
#ifndef FARPOLL_SERVER_RPC_KEEP_ALIVE_STREAM_H_
#define FARPOLL_SERVER_RPC_KEEP_ALIVE_STREAM_H_

#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/optional.h"
#include "base/mutex.h"
#include "farpoll/v1/session.pb.h"
#include "server/policy/principal.h"
#include "server/session/session_table.h"

namespace farpoll::server {

class KeepAliveStream final
    : public grpc::ServerBidiReactor<v1::KeepAliveRequest,
                                     v1::KeepAliveResponse>,
      public StreamSink,
      public std::enable_shared_from_this<KeepAliveStream> {
 public:
  // Borrows `table`. The stream owns itself until gRPC is done with it.
  // `caller` is as the gate found it.
  static KeepAliveStream* Start(SessionTable* table,
                                const absl::StatusOr<Principal>& caller);

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;
  void OnEnded(absl::Status why) override;

 private:
  KeepAliveStream(SessionTable* table, const absl::StatusOr<Principal>& caller)
      : table_(*table), caller_(caller) {}

  // Renews the lease that `request_` names; attaches at the first message.
  absl::Status Renew();
  // Ends the stream, once; a write in flight goes first.
  void End(const absl::Status& status);

  SessionTable& table_;
  const absl::StatusOr<Principal> caller_;
  std::shared_ptr<KeepAliveStream> self_;  // shared with gRPC, until OnDone
  // One read or one write is in progress at a time, and fences these.
  v1::KeepAliveRequest request_;
  v1::KeepAliveResponse response_;
  std::shared_ptr<Session> session_;
  std::string reference_;
  StreamId stream_ = 0;

  Mutex mu_;
  bool writing_ ABSL_GUARDED_BY(mu_) = false;
  absl::optional<absl::Status> end_ ABSL_GUARDED_BY(mu_);
};

}  // namespace farpoll::server

#endif  // FARPOLL_SERVER_RPC_KEEP_ALIVE_STREAM_H_
