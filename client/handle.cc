#include "client/handle.h"

#include <utility>

#include "client/connection.h"
#include "client/convert.h"

namespace farpoll::client {

Handle::Handle(std::shared_ptr<Connection> connection, std::string session,
               const v1::Handle& made)
    : connection_(std::move(connection)),
      session_(std::move(session)),
      name_(made.name()),
      owned_(true) {
  ref_.set_id(made.id());
}

Handle::Handle(std::shared_ptr<Connection> connection, std::string session,
               absl::string_view name_or_id)
    : connection_(std::move(connection)),
      session_(std::move(session)),
      ref_(HandleRefOf(name_or_id)),
      name_(ref_.name()),
      owned_(false) {}

Handle::Handle(Handle&& other) noexcept
    : connection_(std::move(other.connection_)),
      session_(std::move(other.session_)),
      ref_(std::move(other.ref_)),
      name_(std::move(other.name_)),
      owned_(std::exchange(other.owned_, false)) {}

Handle& Handle::operator=(Handle&& other) noexcept {
  std::swap(connection_, other.connection_);
  std::swap(session_, other.session_);
  std::swap(ref_, other.ref_);
  std::swap(name_, other.name_);
  std::swap(owned_, other.owned_);
  return *this;
}

Handle::~Handle() {
  if (owned_) {
    (void)Close();  // at worst its session closes it
  }
}

absl::Status Handle::Close() {
  owned_ = false;
  v1::CloseRequest request;
  request.set_session(session_);
  *request.mutable_handle() = ref_;
  return connection_->CleanUp(connection_->handles(),
                              &v1::HandleService::Stub::Close, request);
}

absl::StatusOr<ReadResult> Handle::Read(std::int32_t max_bytes) {
  return Read(ReadOptions{.max_bytes = max_bytes});
}

absl::StatusOr<ReadResult> Handle::Read(const ReadOptions& options) {
  v1::ReadRequest request;
  request.set_session(session_);
  *request.mutable_handle() = ref_;
  request.set_max_bytes(options.max_bytes);
  request.set_peek(options.peek);
  request.set_out_of_band(options.out_of_band);
  absl::StatusOr<v1::ReadResponse> response = connection_->Unary(
      connection_->handles(), &v1::HandleService::Stub::Read, request);
  if (!response.ok()) {
    return response.status();
  }
  ReadResult result;
  result.would_block = response->outcome() == v1::READ_OUTCOME_WOULD_BLOCK;
  result.end_of_file = response->outcome() == v1::READ_OUTCOME_END_OF_FILE;
  result.data = std::move(*response->mutable_data());
  result.truncated = response->truncated();
  result.source = response->source();
  result.count = response->count();
  result.path_events = {response->path_events().begin(),
                        response->path_events().end()};
  result.readiness = response->readiness();
  return result;
}

absl::StatusOr<WriteResult> Handle::Write(absl::string_view data,
                                          const WriteOptions& options) {
  v1::WriteRequest request;
  request.set_data(data.data(), data.size());
  request.set_out_of_band(options.out_of_band);
  request.set_destination(options.destination);
  return Send(std::move(request));
}

absl::StatusOr<WriteResult> Handle::Add(std::uint64_t count) {
  v1::WriteRequest request;
  request.set_count(count);
  return Send(std::move(request));
}

absl::StatusOr<WriteResult> Handle::Send(v1::WriteRequest request) {
  request.set_session(session_);
  *request.mutable_handle() = ref_;
  absl::StatusOr<v1::WriteResponse> response = connection_->Unary(
      connection_->handles(), &v1::HandleService::Stub::Write, request);
  if (!response.ok()) {
    return response.status();
  }
  return WriteResult{response->bytes_written(), response->would_block(),
                     response->readiness()};
}

absl::StatusOr<absl::optional<Handle>> Handle::Accept(absl::string_view name) {
  v1::AcceptRequest request;
  request.set_session(session_);
  *request.mutable_listener() = ref_;
  request.set_name(std::string(name));
  absl::StatusOr<v1::AcceptResponse> response = connection_->Make(
      connection_->handles(), &v1::HandleService::Stub::Accept, request);
  if (!response.ok()) {
    return response.status();
  }
  absl::optional<Handle> accepted;
  if (response->has_handle()) {
    accepted.emplace(connection_, session_, response->handle());
  }
  return accepted;
}

absl::StatusOr<v1::TransferResponse> Handle::TransferTo(
    const Handle& to, std::int32_t max_bytes) {
  v1::TransferRequest request;
  request.set_session(session_);
  *request.mutable_from() = ref_;
  *request.mutable_to() = to.ref_;
  request.set_max_bytes(max_bytes);
  return connection_->Unary(connection_->handles(),
                            &v1::HandleService::Stub::Transfer, request);
}

absl::Status Handle::Shutdown(v1::Direction direction) {
  v1::ShutdownRequest request;
  request.set_session(session_);
  *request.mutable_handle() = ref_;
  request.set_direction(direction);
  return connection_
      ->Unary(connection_->handles(), &v1::HandleService::Stub::Shutdown,
              request)
      .status();
}

absl::StatusOr<UniqueFd> Handle::Fetch() {
  v1::PassingRequest request;
  request.mutable_fetch()->set_session(session_);
  *request.mutable_fetch()->mutable_handle() = ref_;
  return connection_->Fetch(request);
}

absl::Status Handle::Signal(int signal, bool group) {
  v1::SignalRequest request;
  request.set_session(session_);
  *request.mutable_handle() = ref_;
  request.set_signal(signal);
  request.set_group(group);
  return connection_
      ->Unary(connection_->handles(), &v1::HandleService::Stub::Signal, request)
      .status();
}

absl::Status Handle::Resize(std::int32_t rows, std::int32_t columns) {
  v1::ResizePtyRequest request;
  request.set_session(session_);
  *request.mutable_handle() = ref_;
  request.mutable_size()->set_rows(rows);
  request.mutable_size()->set_columns(columns);
  return connection_
      ->Unary(connection_->handles(), &v1::HandleService::Stub::ResizePty,
              request)
      .status();
}

absl::StatusOr<v1::Handle> Handle::Describe() {
  v1::GetHandleRequest request;
  request.set_session(session_);
  *request.mutable_handle() = ref_;
  absl::StatusOr<v1::GetHandleResponse> response = connection_->Unary(
      connection_->handles(), &v1::HandleService::Stub::GetHandle, request);
  if (!response.ok()) {
    return response.status();
  }
  return response->handle();
}

}  // namespace farpoll::client
