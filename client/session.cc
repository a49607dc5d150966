#include "client/session.h"

#include <utility>

#include "client/connection.h"
#include "client/convert.h"
#include "client/observe_stream.h"
#include "client/pages.h"

namespace farpoll::client {

// An open KeepAlive call: that it is open holds the lease.
class LeaseStream {
 public:
  explicit LeaseStream(std::shared_ptr<Connection> connection)
      : connection_(std::move(connection)),
        call_(*connection_, absl::InfiniteDuration()),
        stream_(connection_->sessions().KeepAlive(&call_.context())) {}
  ~LeaseStream() {
    if (!over_) {
      call_.context().TryCancel();
      (void)stream_->Finish();
    }
  }

  // Returns when the server holds the lease.
  absl::Status Start(const std::string& session) {
    v1::KeepAliveRequest request;
    request.set_session(session);
    v1::KeepAliveResponse response;
    if (stream_->Write(request) && stream_->Read(&response)) {
      return absl::OkStatus();
    }
    over_ = true;  // a call is finished once
    return FromGrpc(stream_->Finish());
  }

 private:
  const std::shared_ptr<Connection> connection_;
  Connection::Call call_;
  const std::unique_ptr<
      grpc::ClientReaderWriter<v1::KeepAliveRequest, v1::KeepAliveResponse>>
      stream_;
  bool over_ = false;
};

Session::Session(std::shared_ptr<Connection> connection, std::string name_or_id,
                 bool owned)
    : connection_(std::move(connection)),
      id_(std::move(name_or_id)),
      owned_(owned) {}

Session::Session(Session&& other) noexcept
    : connection_(std::move(other.connection_)),
      id_(std::move(other.id_)),
      owned_(std::exchange(other.owned_, false)),
      lease_(std::move(other.lease_)) {}

Session& Session::operator=(Session&& other) noexcept {
  std::swap(connection_, other.connection_);
  std::swap(id_, other.id_);
  std::swap(owned_, other.owned_);
  std::swap(lease_, other.lease_);
  return *this;
}

Session::~Session() {
  lease_.reset();
  if (owned_) {
    (void)Close();  // at worst the lease ends it
  }
}

absl::Status Session::Close() {
  lease_.reset();
  owned_ = false;
  v1::DeleteSessionRequest request;
  request.set_session(id_);
  return connection_->CleanUp(connection_->sessions(),
                              &v1::SessionService::Stub::DeleteSession,
                              request);
}

absl::StatusOr<v1::Session> Session::Describe() {
  v1::GetSessionRequest request;
  request.set_session(id_);
  absl::StatusOr<v1::GetSessionResponse> response = connection_->Unary(
      connection_->sessions(), &v1::SessionService::Stub::GetSession, request);
  if (!response.ok()) {
    return response.status();
  }
  return response->session();
}

absl::Status Session::HoldLease() {
  auto lease = std::make_unique<LeaseStream>(connection_);
  const absl::Status status = lease->Start(id_);
  if (status.ok()) {
    lease_ = std::move(lease);
  }
  return status;
}

absl::StatusOr<Pipe> Session::CreatePipe(const PipeOptions& options) {
  v1::CreatePipeRequest request;
  request.set_session(id_);
  request.set_reader_name(options.reader_name);
  request.set_writer_name(options.writer_name);
  request.set_capacity_bytes(options.capacity_bytes);
  absl::StatusOr<v1::CreatePipeResponse> response = connection_->Make(
      connection_->handles(), &v1::HandleService::Stub::CreatePipe, request);
  if (!response.ok()) {
    return response.status();
  }
  return Pipe{Handle(connection_, id_, response->reader()),
              Handle(connection_, id_, response->writer())};
}

absl::StatusOr<SocketPair> Session::CreateSocketPair(
    const SocketPairOptions& options) {
  v1::CreateSocketPairRequest request;
  request.set_session(id_);
  request.set_first_name(options.first_name);
  request.set_second_name(options.second_name);
  request.set_type(options.type);
  absl::StatusOr<v1::CreateSocketPairResponse> response =
      connection_->Make(connection_->handles(),
                        &v1::HandleService::Stub::CreateSocketPair, request);
  if (!response.ok()) {
    return response.status();
  }
  return SocketPair{Handle(connection_, id_, response->first()),
                    Handle(connection_, id_, response->second())};
}

absl::StatusOr<Handle> Session::Pass(int fd, absl::string_view name) {
  return HandOver(fd, name, nullptr);
}

absl::StatusOr<Handle> Session::PassWeakly(int fd, const Selector& selector,
                                           Events events,
                                           absl::string_view name,
                                           std::uint64_t cookie) {
  v1::WeakCustody weak;
  *weak.mutable_selector() = selector.ref();
  weak.set_events(events);
  weak.set_cookie(cookie);
  return HandOver(fd, name, &weak);
}

absl::StatusOr<Handle> Session::HandOver(int fd, absl::string_view name,
                                         const v1::WeakCustody* weak) {
  v1::PassingRequest request;
  request.mutable_pass()->set_session(id_);
  request.mutable_pass()->add_names(std::string(name));
  if (weak != nullptr) {
    *request.mutable_pass()->mutable_weak() = *weak;
  }
  const absl::StatusOr<PassingAnswer> answer =
      connection_->Passing(request, {fd});
  if (!answer.ok()) {
    return answer.status();
  }
  if (answer->response.handles_size() != 1) {
    return absl::InternalError("the server's answer has no handle");
  }
  return Handle(connection_, id_, answer->response.handles(0));
}

Handle* Child::end(absl::string_view role) {
  const auto it = ends.find(role);
  return it == ends.end() ? nullptr : &it->second;
}

absl::StatusOr<Child> Session::Spawn(v1::SpawnRequest request) {
  request.set_session(id_);
  absl::StatusOr<v1::SpawnResponse> response = connection_->Make(
      connection_->handles(), &v1::HandleService::Stub::Spawn, request);
  if (!response.ok()) {
    return response.status();
  }
  Child child{.process = Handle(connection_, id_, response->process()),
              .ends = {},
              .pid = response->process().process().pid()};
  for (const v1::ChildEnd& end : response->ends()) {
    child.ends.emplace(end.role(), Handle(connection_, id_, end.handle()));
  }
  return child;
}

Handle Session::AttachHandle(absl::string_view name_or_id) {
  return Handle(connection_, id_, name_or_id);
}

absl::StatusOr<std::vector<v1::Handle>> Session::ListHandles() {
  v1::ListHandlesRequest request;
  request.set_session(id_);
  return AllPages<v1::Handle>(*connection_, connection_->handles(),
                              &v1::HandleService::Stub::ListHandles, request,
                              &v1::ListHandlesResponse::handles);
}

absl::StatusOr<Selector> Session::CreateSelector(v1::SelectorKind kind,
                                                 absl::string_view name) {
  v1::CreateSelectorRequest request;
  request.set_session(id_);
  request.set_kind(kind);
  request.set_name(std::string(name));
  absl::StatusOr<v1::CreateSelectorResponse> response =
      connection_->Make(connection_->selectors(),
                        &v1::SelectorService::Stub::CreateSelector, request);
  if (!response.ok()) {
    return response.status();
  }
  return Selector(connection_, id_, response->selector());
}

Selector Session::AttachSelector(absl::string_view name_or_id) {
  return Selector(connection_, id_, name_or_id);
}

absl::StatusOr<std::vector<v1::Selector>> Session::ListSelectors() {
  v1::ListSelectorsRequest request;
  request.set_session(id_);
  return AllPages<v1::Selector>(*connection_, connection_->selectors(),
                                &v1::SelectorService::Stub::ListSelectors,
                                request, &v1::ListSelectorsResponse::selectors);
}

ObserveStream Session::Observe(v1::ObserveRequest request) {
  request.set_session(id_);
  return ObserveStream(connection_, request);
}

absl::StatusOr<SelectPositions> Session::Select(
    absl::Span<const std::string> read, absl::Span<const std::string> write,
    absl::Span<const std::string> except, Timeout timeout) {
  v1::SelectRequest request;
  request.set_session(id_);
  for (const std::string& handle : read) {
    *request.add_read() = HandleRefOf(handle);
  }
  for (const std::string& handle : write) {
    *request.add_write() = HandleRefOf(handle);
  }
  for (const std::string& handle : except) {
    *request.add_except() = HandleRefOf(handle);
  }
  const auto wire_timeout = ToProto(timeout);
  if (!wire_timeout.ok()) {
    return wire_timeout.status();
  }
  if (wire_timeout->has_value()) {
    *request.mutable_timeout() = **wire_timeout;
  }
  absl::StatusOr<v1::SelectResponse> response = connection_->Unary(
      connection_->selectors(), &v1::SelectorService::Stub::Select, request,
      CallLimit(timeout, connection_->call_timeout()));
  if (!response.ok()) {
    return response.status();
  }
  return SelectPositions{
      {response->read().begin(), response->read().end()},
      {response->write().begin(), response->write().end()},
      {response->except().begin(), response->except().end()}};
}

}  // namespace farpoll::client
