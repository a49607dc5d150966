#include "server/doors.h"

#include <arpa/inet.h>
#include <grpcpp/resource_quota.h>
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

// What gRPC calls the peer of `connection`.
std::string PeerName(const UniqueFd& connection, bool is_unix) {
  sockaddr_storage storage{};
  socklen_t size = sizeof(storage);
  char host[INET6_ADDRSTRLEN] = "";
  if (is_unix ||
      getpeername(connection.get(), reinterpret_cast<sockaddr*>(&storage),
                  &size) != 0) {
    return absl::StrCat("fd:", connection.get());
  }
  if (storage.ss_family == AF_INET) {
    const auto* const four = reinterpret_cast<const sockaddr_in*>(&storage);
    inet_ntop(AF_INET, &four->sin_addr, host, sizeof(host));
    return absl::StrCat("ipv4:", host, ":", ntohs(four->sin_port));
  }
  const auto* const six = reinterpret_cast<const sockaddr_in6*>(&storage);
  inet_ntop(AF_INET6, &six->sin6_addr, host, sizeof(host));
  return absl::StrCat("ipv6:%5B", host, "%5D:", ntohs(six->sin6_port));
}

}  // namespace

Doors::Doors(const Limits& limits, Reactor* reactor, const Clock* clock,
             Peers* peers, Log* log)
    : limits_(limits),
      reactor_(reactor),
      clock_(clock),
      peers_(peers),
      log_(log),
      refusals_(clock, kRefusalInterval),
      cuts_(clock, kRefusalInterval),
      guard_(limits, reactor, clock,
             [this](absl::string_view peer, absl::string_view limit) {
               WasCut(peer, limit);
             }) {}

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
  set(GRPC_ARG_ENABLE_CHANNELZ, 1);  // the guard's eyes
  set(GRPC_ARG_MAX_CHANNEL_TRACE_EVENT_MEMORY_PER_NODE, 0);
  set(GRPC_ARG_MAX_METADATA_SIZE, limits_.max_metadata_bytes);
  // A message is as large as it says: 0.26 MB of gzip could make 280 MB before
  // anybody has looked at who sends it.
  set(GRPC_ARG_ENABLE_PER_MESSAGE_DECOMPRESSION, 0);
  set(GRPC_ARG_ENABLE_PER_MESSAGE_COMPRESSION, 0);
  for (const grpc_compression_algorithm algorithm :
       {GRPC_COMPRESS_DEFLATE, GRPC_COMPRESS_GZIP}) {
    builder.SetCompressionAlgorithmSupportStatus(algorithm, false);
  }
  // The last resort: beyond it gRPC breaks off calls of any connection.
  grpc::ResourceQuota transit("transit");
  transit.Resize(static_cast<std::size_t>(limits_.max_transit_bytes));
  builder.SetResourceQuota(transit);
  if (limits_.max_connection_idle_ms != 0) {
    set(GRPC_ARG_MAX_CONNECTION_IDLE_MS, limits_.max_connection_idle_ms);
  }
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
  guard_.Stop();
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
  guard_.Watch(PeerName(*admitted, address.is_unix()), admitted->get(),
               peers_->AccountOf(admitted->get()));
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

void Doors::WasCut(absl::string_view peer, absl::string_view limit) {
  if (log_ == nullptr) {
    return;
  }
  if (const absl::optional<std::int64_t> unsaid = cuts_.Next()) {
    log_->Write(Log::Level::kWarning, "connection.cut",
                {{"peer", std::string(peer)},
                 {"limit", std::string(limit)},
                 {"before", absl::StrCat(*unsaid)}});
  }
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
