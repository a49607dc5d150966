// client/client.h: room: client. The door to a farpoll server:
//
//   auto client = Client::Connect("unix:/run/farpoll/farpolld.sock");
//   auto session = client->CreateSession();
//   auto pipe = session->CreatePipe();
//   auto selector = session->CreateSelector();
//   auto generation = selector->Register(pipe->reader, kIn);
//   auto stream = selector->Wait();
//   for (const auto& event : *stream) { ... }
//
// each a StatusOr, to be checked before use.
//
// Threads: any, also for the sessions, handles and selectors made from it.
// Errors: absl::Status with the server's code and message; DetailOf() of
//   base/errno_status.h gives the errno, the reason and the subject. Of every
//   call: UNAVAILABLE (nobody answers), DEADLINE_EXCEEDED (call_timeout),
//   CANCELLED (after Cancel()), and what farpoll/v1 documents for its method.
#ifndef FARPOLL_CLIENT_CLIENT_H_
#define FARPOLL_CLIENT_CLIENT_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "client/dynamic_call.h"
#include "client/session.h"
#include "farpoll/v1/server.pb.h"
#include "farpoll/v1/session.pb.h"

namespace grpc {
class Channel;
}  // namespace grpc

namespace farpoll::client {

class Connection;

struct ClientOptions {
  // How long a call may take; a wait may take this much longer than its own
  // timeout. Infinite = for ever.
  absl::Duration call_timeout = absl::Seconds(10);
  // How long the server may be silent while calls are in progress, although it
  // is asked for a sign of life; then it is given up, and they end with
  // UNAVAILABLE. Infinite = never. No less than two seconds are of use: gRPC
  // does not ask more often than once a second. A server whose
  // min_ping_interval_ms is over three fifths of it makes it longer.
  absl::Duration max_peer_silence = absl::Seconds(20);
};

struct SessionOptions {
  // Unique among the caller's sessions; may be empty.
  std::string name;
  // How long it lives without a call or a stream; zero = the server's default.
  absl::Duration ttl;
  // It is to be left alone: it outlives the returned object, and without a ttl
  // of its own lives for the longest that the server allows such a session.
  bool detached = false;
};

// A connection to a server. Copies share it.
class Client {
 public:
  // Prepares a connection to "unix:PATH" or "HOST:PORT", without encryption. It
  // is made by the first call, and made again when it was lost.
  //   Errors: INVALID_ARGUMENT for an address of another form;
  //     PERMISSION_DENIED (SERVER_NOT_TRUSTED) for a Unix socket that another
  //     user than this one, root or its folder's owner made, or that everybody
  //     can replace. It is looked at now and not again for each call.
  static absl::StatusOr<Client> Connect(absl::string_view address,
                                        const ClientOptions& options = {});
  // Uses a channel of the caller's, such as an in-process one.
  explicit Client(std::shared_ptr<grpc::Channel> channel,
                  const ClientOptions& options = {});

  // Version, limits and clock of the server.
  absl::StatusOr<v1::GetServerResponse> GetServer();

  // Makes a session; it ends when the returned object goes, unless detached.
  absl::StatusOr<Session> CreateSession(const SessionOptions& options = {});
  // Uses a session by name or id, without owning it. Makes no call.
  Session AttachSession(absl::string_view name_or_id);
  // All sessions of the caller, oldest first.
  absl::StatusOr<std::vector<v1::Session>> ListSessions();

  // Ends the calls and streams in progress and all later ones with CANCELLED;
  // objects that go still close what they own. A call in progress that makes
  // something is waited for, so that what it makes has an owner. From any
  // thread; for good.
  void Cancel();

  // For methods that this library has no words for.
  DynamicCaller dynamic_caller() const { return DynamicCaller(connection_); }

 private:
  explicit Client(std::shared_ptr<Connection> connection);

  std::shared_ptr<Connection> connection_;
};

}  // namespace farpoll::client

namespace farpoll {
using client::Client;
using client::ClientOptions;
using client::SessionOptions;
}  // namespace farpoll

#endif  // FARPOLL_CLIENT_CLIENT_H_
