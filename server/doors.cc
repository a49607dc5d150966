#include "server/doors.h"

#include <grpcpp/server_posix.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "base/errno_status.h"
#include "server/accept/address.h"

namespace farpoll::server {
namespace {

// How often connections refused are worth a line of the log.
constexpr absl::Duration kRefusalInterval = absl::Seconds(1);

}  // namespace

Doors::Doors(const Limits& limits, Reactor* reactor, const Clock* clock,
             Peers* peers, Log* log)
    : limits_(limits),
      reactor_(reactor),
      clock_(clock),
      peers_(peers),
      log_(log),
      refusals_(clock, kRefusalInterval) {}

absl::Status Doors::Bind(const std::vector<std::string>& listen,
                         mode_t socket_mode) {
  for (const std::string& text : listen) {
    const absl::StatusOr<Address> address = ParseAddress(text);
    if (!address.ok()) {
      return address.status();
    }
    absl::StatusOr<Listener> listener = Listener::On(*address, socket_mode);
    if (!listener.ok()) {
      return listener.status();
    }
    listeners_.push_back(*std::move(listener));
  }
  return absl::OkStatus();
}

void Doors::Configure(grpc::ServerBuilder& builder) {
  // The credentials given here are where TLS and tokens for TCP come in.
  tcp_ = builder.experimental().AddExternalConnectionAcceptor(
      grpc::ServerBuilder::experimental_type::ExternalConnectionType::FROM_FD,
      grpc::InsecureServerCredentials());
  const auto set = [&builder](const char* argument, std::int64_t value) {
    builder.AddChannelArgument(argument, static_cast<int>(value));
  };
  set(GRPC_ARG_MAX_CONCURRENT_STREAMS, limits_.max_connection_streams);
  // A silent peer is asked after three fifths of the time, and has the rest to
  // answer.
  const std::int64_t answer_ms = limits_.max_peer_silence_ms * 2 / 5;
  set(GRPC_ARG_KEEPALIVE_TIME_MS, limits_.max_peer_silence_ms - answer_ms);
  set(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, answer_ms);
  set(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  set(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS,
      limits_.min_ping_interval_ms);
  if (limits_.max_connection_age_ms != 0) {
    set(GRPC_ARG_MAX_CONNECTION_AGE_MS, limits_.max_connection_age_ms);
    set(GRPC_ARG_MAX_CONNECTION_AGE_GRACE_MS,
        limits_.max_connection_age_grace_ms);
  }
}

absl::Status Doors::Open(grpc::Server* server) {
  server_ = server;
  for (const Listener& listener : listeners_) {
    const Address& address = listener.address();
    absl::StatusOr<std::unique_ptr<Acceptor>> acceptor = Acceptor::Start(
        reactor_, clock_, listener.fd(),
        [this, &address](UniqueFd connection) {
          Enter(address, std::move(connection));
        },
        [this, &address](int number) {
          Refused(address.Text(), ErrnoName(number));
        });
    if (!acceptor.ok()) {
      return acceptor.status();
    }
    acceptors_.push_back(*std::move(acceptor));
  }
  return absl::OkStatus();
}

void Doors::Close() {
  acceptors_.clear();
  listeners_.clear();
}

std::vector<std::string> Doors::addresses() const {
  std::vector<std::string> texts;
  for (const Listener& listener : listeners_) {
    texts.push_back(listener.address().Text());
  }
  return texts;
}

void Doors::Enter(const Address& address, UniqueFd connection) {
  absl::StatusOr<UniqueFd> admitted = peers_->Admit(std::move(connection));
  if (!admitted.ok()) {
    const std::string& reason = DetailOf(admitted.status()).reason;
    Refused(address.Text(),
            reason.empty() ? ErrnoName(ErrnoOf(admitted.status())) : reason);
    return;
  }
  if (address.is_unix()) {
    grpc::AddInsecureChannelFromFd(server_, admitted->Release());
    return;
  }
  // Both as gRPC's own listeners do. Signs of life are not asked for behind
  // bytes that do not get through; the kernel gives those up.
  const int on = 1;
  (void)setsockopt(admitted->get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  const auto silence_ms = static_cast<unsigned>(limits_.max_peer_silence_ms);
  (void)setsockopt(admitted->get(), IPPROTO_TCP, TCP_USER_TIMEOUT, &silence_ms,
                   sizeof(silence_ms));
  grpc::experimental::ExternalConnectionAcceptor::NewConnectionParameters
      connected;
  connected.fd = admitted->Release();
  tcp_->HandleNewConnection(&connected);
}

void Doors::Refused(const std::string& address, const std::string& why) {
  if (log_ == nullptr) {
    return;
  }
  if (const absl::optional<std::int64_t> unsaid = refusals_.Next()) {
    log_->Write(Log::Level::kWarning, "connection.refused",
                {{"address", address},
                 {"why", why},
                 {"before", absl::StrCat(*unsaid)}});
  }
}

}  // namespace farpoll::server
