#include "server/passing/passing_door.h"

#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "absl/types/span.h"
#include "base/errno_status.h"
#include "server/accept/address.h"
#include "server/handle/passed.h"
#include "server/policy/policy.h"
#include "server/policy/verb.h"
#include "server/rpc/convert.h"

namespace farpoll::server {
namespace {

Interest InterestOf(const v1::WeakCustody& weak) {
  Interest interest{.cookie = weak.cookie()};
  if (weak.has_events()) {
    interest.events = weak.events();
  }
  return interest;
}

// What the audit log calls them.
std::string ObjectOf(const v1::PassRequest& request) {
  return absl::StrCat(request.has_weak() ? "weakly: " : "handles: ",
                      absl::StrJoin(request.names(), " "));
}
std::string ObjectOf(const v1::FetchRequest& request) {
  const Reference what = request.has_selector()
                             ? ToReference(request.selector())
                             : ToReference(request.handle());
  return absl::StrCat(request.has_selector() ? "selector " : "handle ",
                      what.name.empty() ? absl::StrCat(what.id) : what.name);
}

}  // namespace

struct PassingDoor::Exchange {
  // Takes what came in, and makes handles of descriptors that are for that. May
  // block: closing one does, and so does the kernel with one that finds no
  // room.
  void Receive();
  // Lets go of what is left, and sends the answer if there is one. May block.
  // The copy of a descriptor that went into weak custody goes first: who hears
  // the answer may count on that.
  void Send();

  std::shared_ptr<Connection> connection;
  absl::Status refused;     // what came in makes no sense
  bool ended = false;       // the connection
  bool whole = false;       // a request is there
  bool understood = false;  // and can be read
  v1::PassingRequest request;
  std::vector<UniqueFd> descriptors;
  std::vector<Handle> handles;  // made of them
  absl::Status unfit;           // one of them is no handle
  absl::optional<v1::PassingResponse> response;
  UniqueFd fetched;
};

void PassingDoor::Exchange::Receive() {
  const int socket = connection->socket.get();
  const absl::StatusOr<bool> more =
      farpoll::Receive(socket, &connection->inbox);
  if (!more.ok()) {
    refused =
        ErrnoOf(more.status()) == EAGAIN ? absl::OkStatus() : more.status();
    return;
  }
  ended = !*more;
  const absl::StatusOr<absl::optional<std::string>> message =
      TakeMessage(&connection->inbox);
  if (ended || !message.ok()) {
    refused = ended ? absl::OkStatus() : message.status();
    return;
  }
  whole = message->has_value();
  if (!whole) {
    return;
  }
  descriptors = std::exchange(connection->inbox.descriptors, {});
  understood =
      request.ParseFromString(**message) &&
      request.operation_case() != v1::PassingRequest::OPERATION_NOT_SET;
  if (!understood || !request.has_pass() || request.pass().has_weak()) {
    return;
  }
  for (UniqueFd& descriptor : descriptors) {
    absl::StatusOr<Handle> handle = TakePassed(std::move(descriptor));
    if (!handle.ok()) {
      unfit = handle.status();
      return;
    }
    handles.push_back(*std::move(handle));
  }
}

void PassingDoor::Exchange::Send() {
  handles.clear();
  descriptors.clear();
  const int number = fetched.get();
  if (response.has_value() &&
      !SendMessage(connection->socket.get(), response->SerializeAsString(),
                   fetched.valid() ? absl::Span<const int>(&number, 1)
                                   : absl::Span<const int>())
           .ok()) {
    ended = true;
  }
  fetched.Reset();
}

PassingDoor::PassingDoor(Reactor* reactor, const Clock* clock,
                         SessionTable* sessions, const Authority* authority,
                         Accounts* accounts, BlockingPool* blocking,
                         Identify identify)
    : reactor_(reactor),
      clock_(clock),
      sessions_(*sessions),
      authority_(*authority),
      accounts_(*accounts),
      blocking_(*blocking),
      identify_(std::move(identify)) {}

absl::Status PassingDoor::Bind(const std::vector<std::string>& listen,
                               mode_t socket_mode) {
  for (const std::string& text : listen) {
    absl::StatusOr<Address> address = ParseAddress(text);
    if (address.ok() && address->is_unix()) {
      address = ParseAddress(absl::StrCat(text, kPassingSuffix));
    } else if (address.ok()) {
      continue;  // descriptors do not travel over TCP
    }
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

absl::Status PassingDoor::Open() {
  for (const Listener& listener : listeners_) {
    absl::StatusOr<std::unique_ptr<Acceptor>> acceptor = Acceptor::Start(
        reactor_, clock_, listener.fd(),
        [this](UniqueFd socket) { Enter(std::move(socket)); },
        [](int /*number*/) {});
    if (!acceptor.ok()) {
      return acceptor.status();
    }
    acceptors_.push_back(*std::move(acceptor));
  }
  return absl::OkStatus();
}

void PassingDoor::Close() {
  if (listeners_.empty()) {
    return;
  }
  acceptors_.clear();
  listeners_.clear();
  reactor_->Post([this] {
    while (!connections_.empty()) {
      Drop(connections_.begin()->first);
    }
  });
  reactor_->Fence();
}

std::vector<std::string> PassingDoor::addresses() const {
  std::vector<std::string> texts;
  for (const Listener& listener : listeners_) {
    texts.push_back(listener.address().Text());
  }
  return texts;
}

void PassingDoor::Enter(UniqueFd socket) {
  absl::StatusOr<Principal> peer = identify_(socket.get());
  const auto connection = std::make_shared<Connection>();
  connection->id = ++last_id_;
  connection->socket = std::move(socket);
  connection->lane = blocking_.NewLane(peer.ok() ? peer->Key() : std::string());
  connections_.emplace(connection->id, connection);
  if (!peer.ok() || !Admit(*connection, *std::move(peer))) {
    // Closes it, which its client sees as UNAVAILABLE.
    return Drop(connection->id);
  }
  // From its beginning: requests do not make it last longer.
  connection->timer = reactor_->RunAt(
      DeadlineAfter(clock_->Now(),
                    absl::Milliseconds(sessions_.limits().max_passing_ms)),
      [this, id = connection->id] { Drop(id); });
  reactor_->Arm(connection->watch);
}

bool PassingDoor::Admit(Connection& connection, Principal peer) {
  std::shared_ptr<Account> account = accounts_.Of(peer);
  if (!account->passing_connections.TryTake(1)) {
    return false;
  }
  connection.peer = std::move(peer);
  connection.account = std::move(account);
  const absl::StatusOr<Reactor::WatchId> watch = reactor_->Watch(
      connection.socket.get(), [this, id = connection.id] { OnReadable(id); });
  connection.watch = watch.value_or(0);
  return watch.ok();
}

void PassingDoor::Drop(ConnectionId id) {
  const auto it = connections_.find(id);
  if (it == connections_.end()) {
    return;
  }
  std::shared_ptr<Connection> connection = std::move(it->second);
  connections_.erase(it);
  reactor_->Unwatch(connection->watch);
  reactor_->Cancel(connection->timer);
  // Descriptors may still be on their way through it. A request in progress
  // comes first, so this is the last that is left of it. It counts until then.
  const std::shared_ptr<BlockingPool::Lane> lane = connection->lane;
  lane->Do([connection = std::move(connection)]() mutable {
    const std::shared_ptr<Account> account = connection->account;
    connection.reset();
    if (account != nullptr) {
      account->passing_connections.Return(1);
    }
  });
}

void PassingDoor::OnReadable(ConnectionId id) {
  const auto it = connections_.find(id);
  if (it == connections_.end()) {
    return;
  }
  const auto exchange = std::make_shared<Exchange>();
  exchange->connection = it->second;
  if (const absl::Status allowed = MayUse(it->second->peer); !allowed.ok()) {
    exchange->refused = allowed;  // without a look at what came
    return OnReceived(exchange);
  }
  it->second->lane->Run([exchange] { exchange->Receive(); },
                        [this, exchange](bool done) {
                          if (done) {
                            OnReceived(exchange);
                          }
                        });
}

absl::Status PassingDoor::MayUse(const Principal& peer) const {
  const std::shared_ptr<const Policy> policy = authority_.policy();
  if (policy->CheckVerb(peer, Verb::kPass).ok() ||
      policy->CheckVerb(peer, Verb::kFetch).ok()) {
    return absl::OkStatus();
  }
  return authority_.Authorize(peer, Verb::kPass,
                              absl::StrCat("passing/", VerbName(Verb::kPass)));
}

void PassingDoor::OnReceived(const std::shared_ptr<Exchange>& exchange) {
  Exchange& it = *exchange;
  absl::Status status = it.refused;
  if (!status.ok()) {
    it.ended = true;  // what follows on it makes no sense any more
  } else if (!it.whole) {
    return Conclude(exchange);
  } else if (!it.understood) {
    status = MakeError(EINVAL, "BAD_MESSAGE", "operation",
                       "the message is no request");
  } else if (it.request.has_pass()) {
    it.response.emplace();
    status = Pass(it);
  } else {
    absl::StatusOr<UniqueFd> found = Fetch(it);
    status = found.status();
    if (found.ok()) {
      it.fetched = *std::move(found);
    }
  }
  if (!it.response.has_value()) {
    it.response.emplace();
  }
  if (!status.ok()) {
    *it.response->mutable_error() = ToItemError(status);
  }
  Conclude(exchange);
}

void PassingDoor::Conclude(const std::shared_ptr<Exchange>& exchange) {
  exchange->connection->lane->Run(
      [exchange] { exchange->Send(); },
      [this, id = exchange->connection->id, exchange](bool done) {
        if (done) {
          reactor_->Post(
              [this, id, more = !exchange->ended] { Resume(id, more); });
        }
      });
}

void PassingDoor::Resume(ConnectionId id, bool more) {
  const auto it = connections_.find(id);
  if (it == connections_.end()) {
    return;
  }
  if (!more) {
    return Drop(id);
  }
  reactor_->Arm(it->second->watch);
}

absl::StatusOr<std::shared_ptr<Session>> PassingDoor::Find(
    const Connection& connection, const std::vector<Verb>& verbs,
    absl::string_view object, const std::string& session) {
  const absl::Status allowed =
      authority_.AuthorizePassing(connection.peer, verbs, object);
  if (!allowed.ok()) {
    return allowed;
  }
  return sessions_.Find(connection.peer, session);
}

absl::Status PassingDoor::Pass(Exchange& exchange) {
  const v1::PassRequest& request = exchange.request.pass();
  // Weak custody registers with a selector.
  const std::vector<Verb> verbs =
      request.has_weak() ? std::vector<Verb>{Verb::kPass, Verb::kWait}
                         : std::vector<Verb>{Verb::kPass};
  const absl::StatusOr<std::shared_ptr<Session>> session =
      Find(*exchange.connection, verbs, ObjectOf(request), request.session());
  if (!session.ok()) {
    return session.status();
  }
  if (exchange.descriptors.empty()) {
    return MakeError(EINVAL, "NO_DESCRIPTOR", "pass",
                     "no descriptor came with the request");
  }
  if (!exchange.unfit.ok()) {
    return exchange.unfit;
  }
  const std::vector<std::string> names(request.names().begin(),
                                       request.names().end());
  const absl::StatusOr<std::vector<HandleInfo>> made =
      request.has_weak()
          ? (*session)->AdoptWeakly(exchange.descriptors, names,
                                    ToReference(request.weak().selector()),
                                    InterestOf(request.weak()))
          : (*session)->Adopt(exchange.handles, names);
  if (!made.ok()) {
    return made.status();
  }
  for (const HandleInfo& info : *made) {
    Fill(info, exchange.response->add_handles());
  }
  return absl::OkStatus();
}

absl::StatusOr<UniqueFd> PassingDoor::Fetch(Exchange& exchange) {
  const v1::FetchRequest& request = exchange.request.fetch();
  // Whoever has a handle's descriptor reads and writes by it.
  const std::vector<Verb> verbs =
      request.has_selector()
          ? std::vector<Verb>{Verb::kFetch, Verb::kWait}
          : std::vector<Verb>{Verb::kFetch, Verb::kRead, Verb::kWrite};
  const absl::StatusOr<std::shared_ptr<Session>> session =
      Find(*exchange.connection, verbs, ObjectOf(request), request.session());
  if (!session.ok()) {
    return session.status();
  }
  if (!exchange.descriptors.empty()) {
    return MakeError(EINVAL, "EXTRA_DESCRIPTOR", "fetch",
                     "a descriptor came with a request to fetch one");
  }
  return request.has_selector()
             ? (*session)->FetchSelector(ToReference(request.selector()))
             : (*session)->FetchHandle(ToReference(request.handle()));
}

}  // namespace farpoll::server
