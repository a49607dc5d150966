#include "server/server.h"

#include <grpcpp/health_check_service_interface.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/clock.h"
#include "base/errno_status.h"
#include "server/accept/peers.h"
#include "server/authority/accounts.h"
#include "server/authority/authority.h"
#include "server/blocking/blocking_pool.h"
#include "server/doors.h"
#include "server/handle/passed.h"
#include "server/heartbeat.h"
#include "server/inherited.h"
#include "server/observe/observers.h"
#include "server/passing/passing_door.h"
#include "server/process/children.h"
#include "server/reactor/reactor.h"
#include "server/rpc/calls.h"
#include "server/rpc/gate.h"
#include "server/rpc/handle_service.h"
#include "server/rpc/inside.h"
#include "server/rpc/observer_service.h"
#include "server/rpc/reflection_service.h"
#include "server/rpc/selector_service.h"
#include "server/rpc/server_service.h"
#include "server/rpc/session_service.h"
#include "server/session/session_table.h"

namespace farpoll::server {
namespace {

// Descriptors kept for connections, selectors and the server itself, as far as
// a small limit allows.
constexpr std::int64_t kReservedDescriptors = 512;

// Who may connect to a Unix socket: its user alone, or the group that farpolld
// runs as too.
constexpr mode_t kPrivateSocket = 0600;
constexpr mode_t kSystemSocket = 0660;

void IgnoreSigpipe() {
  struct sigaction action {};
  if (sigaction(SIGPIPE, nullptr, &action) == 0 &&
      action.sa_handler == SIG_DFL) {
    action.sa_handler = SIG_IGN;
    sigaction(SIGPIPE, &action, nullptr);
  }
}

Limits FitToDescriptors(Limits limits) {
  rlimit descriptors{};
  if (getrlimit(RLIMIT_NOFILE, &descriptors) == 0 &&
      descriptors.rlim_cur != RLIM_INFINITY) {
    const auto most = static_cast<std::int64_t>(descriptors.rlim_cur);
    const std::int64_t reserve = std::min(kReservedDescriptors, most / 4);
    limits.max_handles = std::min(limits.max_handles, most - reserve);
  }
  return limits;
}

// Enough of a session's id to recognise it; the whole is the key to it.
std::string Shorten(const std::string& id) { return id.substr(0, 8) + "..."; }

// Tells runs of a server apart, and grows from one to the next.
std::int64_t NewEpoch() { return absl::ToUnixMicros(absl::Now()); }

// Full names of all services, as reflection tells them.
std::vector<std::string> ServedNames() {
  return {v1::SessionService::service_full_name(),
          v1::HandleService::service_full_name(),
          v1::SelectorService::service_full_name(),
          v1::ObserverService::service_full_name(),
          v1::ServerService::service_full_name(),
          grpc::reflection::v1alpha::ServerReflection::service_full_name(),
          "grpc.health.v1.Health"};
}

// Holds a lease and does not mind its end.
class LeaseHolder final : public StreamSink {
 public:
  void OnEnded(absl::Status /*why*/) override {}
};

}  // namespace

// In order of construction; taken down by Shutdown() top down.
class Server::Rooms {
 public:
  Rooms(const Limits& limits, std::shared_ptr<const Policy> policy,
        AuditSink audit, const Identify& identify, const Clock* clock, Log* log,
        std::unique_ptr<Reactor> reactor)
      : log_(log),
        epoch_(NewEpoch()),
        clock_(clock),
        reactor_(std::move(reactor)),
        blocking_(limits.max_blocking_threads,
                  limits.max_principal_blocking_threads),
        authority_(std::move(policy), std::move(audit)),
        children_(limits.max_processes, clock, reactor_.get()),
        accounts_(limits, &authority_, &children_.quota()),
        peers_(&accounts_, identify),
        calls_(limits.max_connection_streams),
        doors_(limits, reactor_.get(), clock, &peers_, log),
        sessions_(std::make_unique<SessionTable>(
            limits, clock, reactor_.get(), &authority_, &accounts_, &children_,
            &blocking_,
            [this](absl::string_view what, const Session& session) {
              if (what != "created") {
                observers_.Forget(session.id());
              }
              Say(absl::StrCat("session.", what),
                  {{"id", Shorten(session.id())},
                   {"name", session.name()},
                   {"ttl", absl::FormatDuration(session.ttl())}});
            })),
        observers_(epoch_, clock, reactor_.get()),
        passing_(reactor_.get(), clock, sessions_.get(), &authority_,
                 &accounts_, &blocking_, identify),
        session_service_(sessions_.get()),
        handle_service_(sessions_.get()),
        selector_service_(sessions_.get(), epoch_),
        observer_service_(sessions_.get(), &observers_),
        server_service_(sessions_.get(), clock, epoch_),
        reflection_service_(ServedNames()) {}

  absl::Status Listen(const std::vector<std::string>& listen, bool passing);
  // Makes the session of what was inherited, if anything was.
  absl::Status TakeIn(Inherited inherited);
  void Shutdown(absl::Duration grace);

  const std::vector<std::string>& addresses() const { return addresses_; }
  void SetPolicy(std::shared_ptr<const Policy> policy) {
    authority_.Replace(std::move(policy));
    accounts_.Refresh();
  }
  std::shared_ptr<grpc::Channel> InProcessChannel() {
    return inside_.ChannelTo(*grpc_server_);
  }

 private:
  void Configure(grpc::ServerBuilder& builder);
  void Say(absl::string_view event, Log::Fields fields) {
    if (log_ != nullptr) {
      log_->Write(Log::Level::kInfo, event, fields);
    }
  }

  Log* const log_;
  const std::int64_t epoch_;
  const Clock* const clock_;
  std::unique_ptr<Reactor> reactor_;
  BlockingPool blocking_;
  Authority authority_;
  Children children_;
  Accounts accounts_;
  Peers peers_;
  Calls calls_;
  const Inside inside_;
  Doors doors_;
  const std::unique_ptr<SessionTable> sessions_;
  Observers observers_;
  PassingDoor passing_;
  // Holds that session's lease for as long as the server lives.
  const std::shared_ptr<StreamSink> lease_of_inherited_ =
      std::make_shared<LeaseHolder>();
  SessionService session_service_;
  HandleService handle_service_;
  SelectorService selector_service_;
  ObserverService observer_service_;
  ServerService server_service_;
  ReflectionService reflection_service_;
  std::unique_ptr<grpc::Server> grpc_server_;
  std::unique_ptr<Heartbeat> heartbeat_;
  std::vector<std::string> addresses_;
};

void Server::Rooms::Configure(grpc::ServerBuilder& builder) {
  builder.RegisterService(&session_service_);
  builder.RegisterService(&handle_service_);
  builder.RegisterService(&selector_service_);
  builder.RegisterService(&observer_service_);
  builder.RegisterService(&server_service_);
  builder.RegisterService(&reflection_service_);
  InstallGate(builder, &peers_, &authority_, &calls_, &inside_);
  doors_.Configure(builder);
}

absl::Status Server::Rooms::Listen(const std::vector<std::string>& listen,
                                   bool passing) {
  const bool is_private = authority_.policy()->mode() == Mode::kPrivate;
  const mode_t socket_mode = is_private ? kPrivateSocket : kSystemSocket;
  absl::Status bound = doors_.Bind(listen, socket_mode);
  if (bound.ok() && passing) {
    bound = passing_.Bind(listen, socket_mode);
  }
  if (!bound.ok()) {
    return bound;
  }
  grpc::ServerBuilder builder;
  Configure(builder);
  grpc_server_ = builder.BuildAndStart();
  if (grpc_server_ == nullptr) {
    return MakeError(absl::StatusCode::kUnavailable, 0, "CANNOT_SERVE",
                     "server", "gRPC could not start");
  }
  // Whoever comes in finds the server's own addresses closed to them.
  addresses_ = doors_.addresses();
  std::vector<std::string> own = passing_.addresses();
  own.insert(own.end(), addresses_.begin(), addresses_.end());
  authority_.SetOwnAddresses(own);
  absl::Status open = doors_.Open(grpc_server_.get());
  open.Update(passing_.Open());
  if (!open.ok()) {
    return open;
  }
  for (const std::string& address : addresses_) {
    Say("server.listening", {{"address", address}});
  }
  heartbeat_ =
      std::make_unique<Heartbeat>(reactor_.get(), clock_, InProcessChannel());
  return absl::OkStatus();
}

absl::Status Server::Rooms::TakeIn(Inherited inherited) {
  if (inherited.descriptors.empty() || inherited.session.empty()) {
    return absl::OkStatus();
  }
  const absl::StatusOr<std::shared_ptr<Session>> session =
      sessions_->Create(Principal::Local(inherited.owner, 0, 0),
                        inherited.session, absl::nullopt);
  if (!session.ok()) {
    return session.status();
  }
  absl::Status status = (*session)->AttachStream(lease_of_inherited_).status();
  std::vector<Handle> handles;
  for (UniqueFd& descriptor : inherited.descriptors) {
    absl::StatusOr<Handle> handle = TakePassed(std::move(descriptor));
    if (!handle.ok()) {
      return handle.status();
    }
    handles.push_back(*std::move(handle));
  }
  status.Update((*session)->Adopt(handles, inherited.names).status());
  return status;
}

void Server::Rooms::Shutdown(absl::Duration grace) {
  if (reactor_ == nullptr) {
    return;
  }
  // What never served needs no words on its end: its caller has the error.
  const bool served = grpc_server_ != nullptr;
  if (served) {
    Say("server.stopping", {{"grace", absl::FormatDuration(grace)}});
  }
  const MonotonicTime deadline = DeadlineAfter(RealClock().Now(), grace);
  // Those who watch its health are told first, and look for another server.
  if (served) {
    if (auto* const health = grpc_server_->GetHealthCheckService()) {
      health->SetServingStatus(false);
    }
  }
  sessions_->Drain();
  doors_.Close();
  passing_.Close();
  // What is stuck in somebody else's file system is not waited for.
  blocking_.Stop();
  if (served) {
    heartbeat_.reset();
    grpc_server_->Shutdown(
        gpr_time_from_millis(absl::ToInt64Milliseconds(grace), GPR_TIMESPAN));
    grpc_server_->Wait();
  }
  sessions_->EndAll();
  children_.EndAll(std::max(absl::FromChrono(deadline - RealClock().Now()),
                            absl::ZeroDuration()));
  reactor_.reset();
  grpc_server_.reset();
  if (served) {
    Say("server.stopped", {});
  }
}

absl::StatusOr<std::unique_ptr<Server>> Server::Start(ServerOptions options) {
  static const RealClock real_clock;
  if (const absl::Status good = CheckLimits(options.limits); !good.ok()) {
    return good;
  }
  IgnoreSigpipe();
  grpc::EnableDefaultHealthCheckService(true);
  const Clock* const clock =
      options.clock != nullptr ? options.clock : &real_clock;
  absl::StatusOr<std::unique_ptr<Reactor>> reactor = Reactor::Start(clock);
  if (!reactor.ok()) {
    return reactor.status();
  }
  if (options.policy == nullptr) {
    options.policy =
        std::make_shared<Policy>(Policy::Default(Mode::kPrivate, geteuid()));
  }
  auto rooms = std::make_unique<Rooms>(
      FitToDescriptors(options.limits), std::move(options.policy),
      std::move(options.audit), options.identify, clock, options.log,
      *std::move(reactor));
  absl::Status started = rooms->TakeIn(std::move(options.inherited));
  if (started.ok()) {
    started = rooms->Listen(options.listen, options.passing);
  }
  if (!started.ok()) {
    rooms->Shutdown(absl::ZeroDuration());
    return started;
  }
  return std::unique_ptr<Server>(new Server(std::move(rooms)));
}

Server::Server(std::unique_ptr<Rooms> rooms) : rooms_(std::move(rooms)) {}

Server::~Server() { Shutdown(absl::ZeroDuration()); }

const std::vector<std::string>& Server::addresses() const {
  return rooms_->addresses();
}

void Server::SetPolicy(std::shared_ptr<const Policy> policy) {
  rooms_->SetPolicy(std::move(policy));
}

std::shared_ptr<grpc::Channel> Server::InProcessChannel() {
  return rooms_->InProcessChannel();
}

void Server::Shutdown(absl::Duration grace) { rooms_->Shutdown(grace); }

}  // namespace farpoll::server
