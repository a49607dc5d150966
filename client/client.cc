#include "client/client.h"

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "base/errno_status.h"
#include "client/connection.h"
#include "client/convert.h"
#include "client/pages.h"
#include "client/server_trust.h"

namespace farpoll::client {
namespace {

// Above the server's largest read and write, with room for the rest.
constexpr int kMaxMessageBytes = 4 << 20;

bool IsAddress(absl::string_view address) {
  if (absl::StartsWith(address, "unix:")) {
    return address.size() > 5;
  }
  const auto colon = address.rfind(':');
  return colon != address.npos && colon > 0 && colon + 1 < address.size() &&
         !absl::StrContains(address, '/');
}

int Milliseconds(absl::Duration span) {
  return static_cast<int>(std::clamp<std::int64_t>(
      absl::ToInt64Milliseconds(span), 1, std::numeric_limits<int>::max()));
}

grpc::ChannelArguments ArgumentsFor(const ClientOptions& options) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kMaxMessageBytes);
  arguments.SetMaxSendMessageSize(kMaxMessageBytes);
  // A server that is gone is looked for this often; gRPC's own pauses grow to
  // two minutes.
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 5'000);
  if (options.max_peer_silence != absl::InfiniteDuration()) {
    // Asked after three fifths of the time; the rest is for the answer.
    const absl::Duration answer = options.max_peer_silence * 2 / 5;
    arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS,
                     Milliseconds(options.max_peer_silence - answer));
    arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, Milliseconds(answer));
    // A stream may be silent for hours: gRPC asks twice only, unless told so.
    arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  }
  return arguments;
}

}  // namespace

absl::StatusOr<Client> Client::Connect(absl::string_view address,
                                       const ClientOptions& options) {
  if (!IsAddress(address)) {
    return MakeError(
        absl::StatusCode::kInvalidArgument, 0, "", address,
        absl::StrCat("'", address, "' is neither unix:PATH nor HOST:PORT"));
  }
  absl::string_view path = address;
  if (absl::ConsumePrefix(&path, "unix:")) {
    if (const absl::Status trusted = CheckSocket(std::string(path));
        !trusted.ok()) {
      return trusted;
    }
  }
  return Client(std::make_shared<Connection>(
      grpc::CreateCustomChannel(std::string(address),
                                grpc::InsecureChannelCredentials(),
                                ArgumentsFor(options)),
      std::string(address), options.call_timeout));
}

Client::Client(std::shared_ptr<Connection> connection)
    : connection_(std::move(connection)) {}

Client::Client(std::shared_ptr<grpc::Channel> channel,
               const ClientOptions& options)
    : connection_(std::make_shared<Connection>(std::move(channel), "",
                                               options.call_timeout)) {}

absl::StatusOr<v1::GetServerResponse> Client::GetServer() {
  return connection_->Unary(connection_->server(),
                            &v1::ServerService::Stub::GetServer,
                            v1::GetServerRequest());
}

absl::StatusOr<Session> Client::CreateSession(const SessionOptions& options) {
  v1::CreateSessionRequest request;
  request.set_name(options.name);
  request.set_detached(options.detached);
  if (options.ttl != absl::ZeroDuration()) {
    *request.mutable_ttl() = ToProto(options.ttl);
  }
  absl::StatusOr<v1::CreateSessionResponse> response =
      connection_->Make(connection_->sessions(),
                        &v1::SessionService::Stub::CreateSession, request);
  if (!response.ok()) {
    return response.status();
  }
  return Session(connection_, response->session().id(),
                 /*owned=*/!options.detached);
}

Session Client::AttachSession(absl::string_view name_or_id) {
  return Session(connection_, std::string(name_or_id), /*owned=*/false);
}

absl::StatusOr<std::vector<v1::Session>> Client::ListSessions() {
  return AllPages<v1::Session>(*connection_, connection_->sessions(),
                               &v1::SessionService::Stub::ListSessions,
                               v1::ListSessionsRequest(),
                               &v1::ListSessionsResponse::sessions);
}

void Client::Cancel() { connection_->Cancel(); }

}  // namespace farpoll::client
