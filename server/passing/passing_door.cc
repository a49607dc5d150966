#include "server/passing/passing_door.h"

#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "base/errno_status.h"
#include "server/accept/address.h"
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

PassingDoor::PassingDoor(Reactor* reactor, const Clock* clock,
                         SessionTable* sessions, const Authority* authority,
                         Accounts* accounts, Identify identify)
    : reactor_(reactor),
      clock_(clock),
      sessions_(*sessions),
      authority_(*authority),
      accounts_(*accounts),
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
  if (!peer.ok()) {
    return;  // closes it, which its client sees as UNAVAILABLE
  }
  std::shared_ptr<Account> account = accounts_.Of(*peer);
  if (!account->passing_connections.TryTake(1)) {
    return;
  }
  const ConnectionId id = ++last_id_;
  const absl::StatusOr<Reactor::WatchId> watch =
      reactor_->Watch(socket.get(), [this, id] { OnReadable(id); });
  if (!watch.ok()) {
    account->passing_connections.Return(1);
    return;
  }
  Connection& connection = connections_[id];
  connection.socket = std::move(socket);
  connection.peer = *std::move(peer);
  connection.account = std::move(account);
  connection.watch = *watch;
  // From its beginning: requests do not make it last longer.
  connection.timer = reactor_->RunAt(
      DeadlineAfter(clock_->Now(),
                    absl::Milliseconds(sessions_.limits().max_passing_ms)),
      [this, id] { Drop(id); });
  reactor_->Arm(connection.watch);
}

void PassingDoor::Drop(ConnectionId id) {
  const auto it = connections_.find(id);
  if (it == connections_.end()) {
    return;
  }
  reactor_->Unwatch(it->second.watch);
  reactor_->Cancel(it->second.timer);
  it->second.account->passing_connections.Return(1);
  connections_.erase(it);
}

void PassingDoor::OnReadable(ConnectionId id) {
  const auto it = connections_.find(id);
  if (it == connections_.end()) {
    return;
  }
  if (Serve(it->second)) {
    reactor_->Arm(it->second.watch);
  } else {
    Drop(id);
  }
}

bool PassingDoor::Serve(Connection& connection) {
  const absl::StatusOr<bool> more =
      Receive(connection.socket.get(), &connection.inbox);
  if (!more.ok()) {
    return ErrnoOf(more.status()) == EAGAIN ||
           Refuse(connection, more.status());
  }
  if (!*more) {
    return false;
  }
  const absl::StatusOr<absl::optional<std::string>> message =
      TakeMessage(&connection.inbox);
  if (!message.ok()) {
    return Refuse(connection, message.status());
  }
  if (!message->has_value()) {
    return true;
  }
  const bool answered = Answer(connection, **message);
  connection.inbox.descriptors.clear();
  return answered;
}

bool PassingDoor::Refuse(const Connection& connection,
                         const absl::Status& why) {
  v1::PassingResponse response;
  *response.mutable_error() = ToItemError(why);
  (void)SendMessage(connection.socket.get(), response.SerializeAsString(), {});
  return false;  // what follows on this connection makes no sense any more
}

bool PassingDoor::Answer(Connection& connection, const std::string& message) {
  v1::PassingRequest request;
  v1::PassingResponse response;
  absl::Status status = absl::OkStatus();
  UniqueFd fetched;
  if (!request.ParseFromString(message) ||
      request.operation_case() == v1::PassingRequest::OPERATION_NOT_SET) {
    status = MakeError(EINVAL, "BAD_MESSAGE", "operation",
                       "the message is no request");
  } else if (request.has_pass()) {
    status = Pass(connection, request.pass(), &response);
  } else {
    absl::StatusOr<UniqueFd> found = Fetch(connection, request.fetch());
    status = found.status();
    if (found.ok()) {
      fetched = *std::move(found);
    }
  }
  if (!status.ok()) {
    *response.mutable_error() = ToItemError(status);
  }
  const int number = fetched.get();
  return SendMessage(connection.socket.get(), response.SerializeAsString(),
                     fetched.valid() ? absl::Span<const int>(&number, 1)
                                     : absl::Span<const int>())
      .ok();
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

absl::Status PassingDoor::Pass(Connection& connection,
                               const v1::PassRequest& request,
                               v1::PassingResponse* response) {
  // Weak custody registers with a selector.
  const std::vector<Verb> verbs =
      request.has_weak() ? std::vector<Verb>{Verb::kPass, Verb::kWait}
                         : std::vector<Verb>{Verb::kPass};
  const absl::StatusOr<std::shared_ptr<Session>> session =
      Find(connection, verbs, ObjectOf(request), request.session());
  if (!session.ok()) {
    return session.status();
  }
  if (connection.inbox.descriptors.empty()) {
    return MakeError(EINVAL, "NO_DESCRIPTOR", "pass",
                     "no descriptor came with the request");
  }
  const std::vector<std::string> names(request.names().begin(),
                                       request.names().end());
  std::vector<UniqueFd> descriptors =
      std::exchange(connection.inbox.descriptors, {});
  const absl::StatusOr<std::vector<HandleInfo>> made =
      request.has_weak()
          ? (*session)->AdoptWeakly(std::move(descriptors), names,
                                    ToReference(request.weak().selector()),
                                    InterestOf(request.weak()))
          : (*session)->Adopt(std::move(descriptors), names);
  if (!made.ok()) {
    return made.status();
  }
  for (const HandleInfo& info : *made) {
    Fill(info, response->add_handles());
  }
  return absl::OkStatus();
}

absl::StatusOr<UniqueFd> PassingDoor::Fetch(const Connection& connection,
                                            const v1::FetchRequest& request) {
  // Whoever has a handle's descriptor reads and writes by it.
  const std::vector<Verb> verbs =
      request.has_selector()
          ? std::vector<Verb>{Verb::kFetch, Verb::kWait}
          : std::vector<Verb>{Verb::kFetch, Verb::kRead, Verb::kWrite};
  const absl::StatusOr<std::shared_ptr<Session>> session =
      Find(connection, verbs, ObjectOf(request), request.session());
  if (!session.ok()) {
    return session.status();
  }
  if (!connection.inbox.descriptors.empty()) {
    return MakeError(EINVAL, "EXTRA_DESCRIPTOR", "fetch",
                     "a descriptor came with a request to fetch one");
  }
  return request.has_selector()
             ? (*session)->FetchSelector(ToReference(request.selector()))
             : (*session)->FetchHandle(ToReference(request.handle()));
}

}  // namespace farpoll::server
